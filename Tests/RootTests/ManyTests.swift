import Glibc
import Linux
import TestSupport
import Testing

/// What instances cost each other.
@Suite("many", .serialized)
struct ManyTests {
  private func started(_ world: World, _ name: String, _ networks: String...) throws {
    let words = networks.flatMap { ["--net", $0] }
    let result = try world.swrun(["-d", "--name", name] + words + ["--", "sleep", "1000"])
    try #require(result.code == 0, "\(result)")
  }

  private func directory(_ world: World, _ name: String) throws -> String {
    "\(world.directory)/run/instances/\(try readLink("\(world.directory)/run/names/\(name)"))"
  }

  /// The files that tell what an instance has on parents.
  private func slaves(_ world: World, _ name: String) throws -> [String] {
    let id = try readLink("\(world.directory)/run/names/\(name)")
    return directoryEntries("\(world.directory)/run/slaves").filter { $0.hasPrefix(id) }
      .map { "\(world.directory)/run/slaves/\($0)" }
  }

  private func kill(monitorOf name: String, _ world: World) throws {
    let pid = try world.pid(name)
    let parent = try readText("/proc/\(pid)/status").split(separator: "\n")
      .first { $0.hasPrefix("PPid:") }?.split(separator: "\t").last.flatMap { Int32($0) }
    Glibc.kill(try #require(parent), SIGKILL)
    #expect(eventually { ProcessIdentity(pid: pid) == nil })
  }

  /// The groups of rtnetlink(7) that somebody in the world's host listens to.
  private func listeners(_ world: World) throws -> Int {
    try world.host(["cat", "/proc/net/netlink"]).lines.dropFirst().filter { line in
      let fields = line.split(separator: " ")
      return fields.count > 3 && fields[1] == "0" && fields[3] != "00000000"
    }.count
  }

  @Test(
    "of many that follow their parents one listens, and another when that has ended or was killed")
  func listening() throws {
    try World.with { world in
      func mtu(_ name: String) throws -> String {
        try world.swrun("exec", name, "cat", "/sys/class/net/eth0/mtu").lines.first ?? ""
      }
      var names = (0..<5).map { "m\($0)" }
      for name in names { try started(world, name, "macvlan:eth0,ip=none,mtu=1300") }
      #expect(try listeners(world) == 1)
      while !names.isEmpty {
        // Each of them hears of it.
        try world.ip("-n", world.hostName, "link", "set", "eth0", "mtu", "1200")
        for name in names { #expect(try eventually { try mtu(name) == "1200" }, "\(name)") }
        try world.ip("-n", world.hostName, "link", "set", "eth0", "mtu", "1500")
        for name in names { #expect(try eventually { try mtu(name) == "1300" }, "\(name)") }
        // The first has listened, and then any other.
        let gone = names.removeFirst()
        if names.count % 2 == 0 { try kill(monitorOf: gone, world) }
        #expect(try world.swrun("rm", "-f", gone).code == 0)
        #expect(try eventually { try listeners(world) == (names.isEmpty ? 0 : 1) })
      }
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a slave that comes or goes wakes no other instance on its parent")
  func wakeups() throws {
    try World.with { world in
      try started(world, "listener", "macvlan:eth1,ip=none")
      try started(world, "quiet", "macvlan:eth0,ip=none,mtu=1300")
      let pid = try world.pid("quiet")
      let status = try readText("/proc/\(pid)/status").split(separator: "\n")
      let parent = status.first { $0.hasPrefix("PPid:") }?.split(separator: "\t").last
      let trace = "\(world.directory)/trace"
      let strace = try start(
        ["strace", "-e", "trace=read,epoll_wait", "-o", trace, "-p", "\(try #require(parent))"])
      #expect(eventually { FileIdentity(path: trace) != nil })
      for number in 0..<20 {
        let name = "m\(number)"
        try world.ip(
          "-n", world.hostName, "link", "add", name, "link", "eth0", "type", "macvlan")
        try world.ip("-n", world.hostName, "link", "del", name)
      }
      // What comes after it is told.
      try world.ip("-n", world.hostName, "link", "set", "eth0", "mtu", "1200")
      #expect(
        try eventually {
          try world.swrun("exec", "quiet", "ip", "link", "show", "eth0").output.contains("mtu 1200")
        })
      try world.ip("-n", world.hostName, "link", "set", "eth0", "mtu", "1500")
      #expect(
        try eventually {
          try world.swrun("exec", "quiet", "ip", "link", "show", "eth0").output.contains("mtu 1300")
        })
      Glibc.kill(strace.pid, SIGINT)
      _ = try strace.finish()
      let woken = try readText(trace).split(separator: "\n").filter {
        $0.hasPrefix("epoll_wait(") && !$0.contains(" = 0")
      }
      // Each of the twenty would be told at least twice.
      #expect((1..<20).contains(woken.count), "\(woken)")
    }
  }

  /// The files of instances that a start opens and reads links of, its own apart.
  private func looks(_ world: World, _ words: String...) throws -> [String] {
    let trace = "\(world.directory)/trace"
    let others = Set(directoryEntries("\(world.directory)/run/instances"))
    let result = try world.host(
      ["strace", "-f", "-e", "trace=openat,readlink,readlinkat", "-o", trace, World.binary, "--rm"]
        + words
        + ["--", "true"])
    try #require(result.code == 0, "\(result)")
    return try readText(trace).split(separator: "\n").compactMap { line in
      let path = line.split(separator: "\"").dropFirst().first ?? ""
      let parts = path.split(separator: "/").map(String.init)
      guard parts.count > 1, others.contains(parts[parts.count - 2]) else { return nil }
      return parts.last
    }
  }

  @Test("a start reads of others whether they live, and no state")
  func reads() throws {
    try World.with { world in
      for number in 10..<16 {
        try started(world, "n\(number)", "macvlan:eth0,ip=10.20.20.\(number)")
      }
      let none = try looks(world, "--net", "none")
      // To sweep: whether it lives.
      #expect(none == Array(repeating: "lock", count: 6))
      let one = try looks(world, "--net", "macvlan:eth0,ip=10.20.20.9")
      // And whether one of those on the parent lives.
      #expect(one.filter { $0 == "lock" }.count == 7, "\(one)")
      #expect(!one.contains("state.json"), "\(one)")
    }
  }

  @Test("of an instance that has ended a start reads nothing")
  func ended() throws {
    try World.with { world in
      for number in 0..<4 {
        let network = number % 2 == 0 ? "none" : "macvlan:eth0,ip=10.20.20.2"
        let result = try world.swrun("--name", "e\(number)", "--net", network, "--", "true")
        try #require(result.code == 0, "\(result)")
      }
      #expect(try looks(world, "--net", "none") == [])
      // Who looks at all trusts the states alone.
      try started(world, "web", "none")
      try kill(monitorOf: "web", world)
      let record = try #require(slaves(world, "web").first)
      #expect(rename(record, String(record.dropLast()) + ".") == 0)
      let states = try world.swrun("ps", "-a", "--format", "{{.Names}} {{.State}}").lines
      #expect(states.contains("web exited"), "\(states)")
      let ids = try world.swrun("ps", "-aq").lines
      #expect(try world.swrun(["rm"] + ids).code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("the neighbours are told, and what they were told by is closed")
  func announcements() throws {
    try World.with { world in
      try started(world, "web", "macvlan:eth0,ip=10.20.20.2")
      // Packet sockets hold up whoever closes them.
      #expect(
        try eventually {
          try world.swrun("exec", "web", "cat", "/proc/net/packet").lines.count == 1
        })
      #expect(try world.swrun("rm", "-f", "web").code == 0)
    }
  }

  @Test("an address is given once, whatever becomes of the records of who has it")
  func records() throws {
    try World.with { world in
      try started(world, "web", "macvlan:eth0,ip=10.20.20.2")
      let record = try #require(slaves(world, "web").first)
      let odd = "\(world.directory)/run/slaves/x"
      for damaged in [nil, odd, String(record.dropLast()), "\(record),"] {
        unlink(record)
        if let damaged { #expect(mknod(damaged, S_IFREG | 0o600, 0) == 0) }
        let twin = try world.swrun("--rm", "--net", "macvlan:eth0,ip=10.20.20.2", "--", "true")
        #expect(
          twin.code == 125 && twin.errors.contains("10.20.20.2 is in use by web"),
          "\(damaged ?? "none"): \(twin)")
        let other = try world.swrun("--rm", "--net", "macvlan:eth0,ip=10.20.20.3", "--", "true")
        #expect(other.code == 0, "\(damaged ?? "none"): \(other)")
        if let damaged { unlink(damaged) }
      }
      #expect(mknod(record, S_IFREG | 0o600, 0) == 0)
      #expect(try world.swrun("network", "connect", "macvlan:eth1,ip=10.30.0.2", "web").code == 0)
      #expect(try world.swrun("network", "disconnect", "eth1", "web").code == 0)
      #expect(try slaves(world, "web") == [record])
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("what was told of an instance that is no more is in nobody's way, and gc removes it")
  func leftover() throws {
    try World.with { world in
      try started(world, "web", "macvlan:eth0,ip=10.20.20.2")
      let record = try #require(slaves(world, "web").first)
      let id = try readLink("\(world.directory)/run/names/web")
      let other = record.replacing(id, with: String(repeating: "0", count: 64))
      #expect(mknod(other, S_IFREG | 0o600, 0) == 0)
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      let next = try world.swrun("--rm", "--net", "macvlan:eth0,ip=10.20.20.2", "--", "true")
      #expect(next.code == 0, "\(next)")
      let collected = try world.swrun("gc")
      #expect(
        collected.code == 0 && collected.output.contains("what 000000000000 had on parents"),
        "\(collected)")
      #expect(FileIdentity(path: other) == nil)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("what others have follows as they are connected, renamed, launched again and end")
  func changes() throws {
    try World.with { world in
      func isFree(_ network: String) throws -> Bool {
        let result = try world.swrun("--rm", "--net", network, "--", "true")
        #expect(result.code == 0 || result.errors.contains("is in use by"), "\(result)")
        return result.code == 0
      }
      let (first, second) = ("macvlan:eth0,ip=10.20.20.2", "macvlan:eth1,ip=10.30.0.2")
      try started(world, "web", first)
      #expect(try !isFree(first) && isFree(second))
      #expect(try world.swrun("network", "connect", second, "web").code == 0)
      #expect(try !isFree(second))
      #expect(try world.swrun("rename", "web", "shop").code == 0)
      let refused = try world.swrun("--rm", "--net", second, "--", "true")
      #expect(refused.errors.contains("10.30.0.2 is in use by shop"), "\(refused)")
      #expect(try world.swrun("restart", "shop").code == 0)
      #expect(try !isFree(first) && !isFree(second))
      #expect(try world.swrun("network", "disconnect", "eth0", "shop").code == 0)
      #expect(try isFree(first) && !isFree(second))
      #expect(try world.swrun("stop", "-t", "0", "shop").code == 0)
      #expect(try isFree(first) && isFree(second))
      #expect(try slaves(world, "shop").map { $0.suffix(4) } == [",0,."])
      #expect(try world.swrun("start", "shop").code == 0)
      #expect(try !isFree(first))
      #expect(try slaves(world, "shop").count == 1)
      #expect(try world.swrun("rm", "-f", "shop").code == 0)
      #expect(directoryEntries("\(world.directory)/run/slaves") == [])
      #expect(try world.leftovers() == [])
    }
  }

  @Test("who was killed among more instances than a start looks at is in nobody's way")
  func killed() throws {
    try World.with { world in
      for number in 0..<50 {
        let made = try world.swrun("create", "--name", "c\(number)", "--", "true")
        try #require(made.code == 0, "\(made)")
      }
      for _ in 0..<3 {
        try started(world, "web", "macvlan:eth0,ip=10.20.20.2")
        try kill(monitorOf: "web", world)
        let other = try world.swrun("--rm", "--net", "macvlan:eth0,ip=10.20.20.3", "--", "true")
        #expect(other.code == 0, "\(other)")
        try started(world, "next", "macvlan:eth0,ip=10.20.20.2")
        // It is put right, and its name is its own until it is removed.
        let named = try world.swrun("--rm", "--name", "web", "--", "true")
        #expect(named.code == 125 && named.errors.contains("the name web is in use"), "\(named)")
        let states = try world.swrun("ps", "-a", "--format", "{{.Names}} {{.State}}").lines
        #expect(states.contains("web exited"), "\(states)")
        #expect(try world.swrun("rm", "-f", "web", "next").code == 0)
      }
      let ids = try world.swrun("ps", "-aq").lines
      #expect(try world.swrun(["rm"] + ids).code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  /// The system calls of a start.
  private func calls(_ world: World, _ words: String...) throws -> Int {
    let trace = "\(world.directory)/trace"
    let result = try world.host(
      ["strace", "-f", "-c", "-o", trace, World.binary, "--rm"] + words + ["--", "true"])
    try #require(result.code == 0, "\(result)")
    let total = try readText(trace).split(separator: "\n").last { $0.hasSuffix(" total") } ?? ""
    return try #require(total.split(separator: " ").dropFirst(3).first.flatMap { Int($0) })
  }

  @Test(
    "a thousand instances cost a start nothing but a listing of names where it gets an interface")
  func starts() throws {
    try World.with { world in
      #expect(try world.swrun("create", "--name", "first", "--", "true").code == 0)
      let first = try directory(world, "first")
      let state = try readText("\(first)/state.json")
      let id = String(first.suffix(64))
      func add(_ range: Range<Int>) throws {
        for number in range {
          let digits = String(number, radix: 16)
          let other = String(repeating: "0", count: 64 - digits.count) + digits
          let path = "\(world.directory)/run/instances/\(other)"
          try makeDirectories(path)
          try writeAtomically(
            Array(state.replacing(id, with: other).utf8), to: "\(path)/state.json")
          let name = "\(world.directory)/run/slaves/\(other),0,-"
          #expect(mknod(name, S_IFREG | 0o600, 0) == 0)
        }
      }
      try add(0..<100)
      let (none, one) = (["--net", "none"], ["--net", "macvlan:eth0,ip=10.20.20.2"])
      let before = (try calls(world, none[0], none[1]), try calls(world, one[0], one[1]))
      try add(100..<1000)
      let after = (try calls(world, none[0], none[1]), try calls(world, one[0], one[1]))
      // Some of a start's calls wait, and are as many as it takes.
      let scatter = 300
      #expect(after.0 - before.0 < scatter, "\(before), then \(after)")
      #expect(after.1 - before.1 < scatter, "\(before), then \(after)")
    }
  }
}
