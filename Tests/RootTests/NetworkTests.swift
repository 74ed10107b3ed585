import Glibc
import Linux
import TestSupport
import Testing

@Suite("named networks", .serialized)
struct NetworkTests {
  /// Defines a network over macvlan, which every kernel of the tests has.
  @discardableResult
  private func create(
    _ world: World, _ name: String, _ words: String = "--subnet 10.20.20.0/24 --opt parent=eth0"
  ) throws -> CommandResult {
    let words = words.split(separator: " ").map(String.init)
    return try world.swrun(["network", "create", "--driver", "macvlan"] + words + [name])
  }

  private func start(
    _ world: World, _ name: String, _ net: String, _ more: String...
  ) throws -> CommandResult {
    try world.swrun(["-d", "--name", name, "--net", net] + more + ["--", "sleep", "1000"])
  }

  /// The addresses of an instance, as the kernel has them.
  private func addresses(_ world: World, _ name: String) throws -> [String] {
    let shown = try world.swrun(
      "exec", name, "ip", "-o", "addr", "show", "dev", "eth0", "scope", "global")
    return shown.lines.compactMap { line in
      let words = line.split(separator: " ")
      return words.count > 3 ? String(words[3]) : nil
    }
  }

  @Test("the issue's example: create, list, inspect, run, remove")
  func example() throws {
    try World.with { world in
      let words = [
        "network", "create", "--driver", "ipvlan", "--subnet", "10.20.20.0/24", "--gateway",
        "10.20.20.1", "--opt", "mode=l2", "--opt", "parent=eth0", "yeni_ag_l2",
      ]
      #expect(try world.swrun(words).output == "yeni_ag_l2\n")
      let list = try world.swrun("network", "ls").lines
      #expect(list.count == 2 && list[0].hasPrefix("NAME  "))
      #expect(
        list[1].split(separator: " ").map(String.init)
          == ["yeni_ag_l2", "ipvlan:eth0:l2", "10.20.20.0/24", "0"])
      #expect(try world.swrun("network", "ls", "-q").output == "yeni_ag_l2\n")
      let shown = try world.swrun("network", "inspect", "yeni_ag_l2").output
      for text in [
        "\"driver\": \"ipvlan\"", "\"mode\": \"l2\"", "\"parent\": \"eth0\"",
        "\"gateway\": \"10.20.20.1\"", "\"used\": 0",
        // 254, less the gateway and the host's own address.
        "\"free\": 252",
      ] { #expect(shown.contains(text), "\(text) is not in \(shown)") }
      let explained = try world.swrun("--explain", "--net", "yeni_ag_l2", "--", "true")
      // This kernel may have no ipvlan; the plan needs none.
      #expect(explained.output.contains("10.20.20.2/24"), "\(explained)")
      #expect(try world.swrun("network", "rm", "yeni_ag_l2").output == "yeni_ag_l2\n")
      #expect(try world.swrun("network", "ls").lines.count == 1)
    }
  }

  @Test("instances get the lowest free address, and give it back when they end, stop or are killed")
  func lowest() throws {
    try World.with { world in
      try create(
        world, "lan", "--subnet 10.20.20.0/24 --aux-address nas=10.20.20.3 --opt parent=eth0")
      for name in ["a", "b", "c"] { #expect(try start(world, name, "lan").code == 0) }
      // .1 is the gateway, .3 kept, .5 the host's.
      #expect(try addresses(world, "a") == ["10.20.20.2/24"])
      #expect(try addresses(world, "b") == ["10.20.20.4/24"])
      #expect(try addresses(world, "c") == ["10.20.20.6/24"])
      #expect(try world.lan("ping", "-c1", "-W5", "10.20.20.4").code == 0)
      #expect(try world.swrun("network", "ls").lines[1].hasSuffix(" 3"))
      let shown = try world.swrun("network", "inspect", "lan").output
      #expect(shown.contains("\"used\": 3") && shown.contains("\"free\": 248"), "\(shown)")
      #expect(shown.contains("\"name\": \"b\"") && shown.contains("\"10.20.20.4/24\""))
      let used = try world.swrun("network", "rm", "lan")
      #expect(
        used.code == 125 && used.errors.contains("the network lan is in use by a, b, c"), "\(used)")

      #expect(try world.swrun("stop", "a").code == 0)
      #expect(try start(world, "d", "lan").code == 0)
      #expect(try addresses(world, "d") == ["10.20.20.2/24"])
      let pid = try world.pid("b")
      let status = try readText("/proc/\(pid)/status").split(separator: "\n")
      let monitor = status.first { $0.hasPrefix("PPid:") }?.split(separator: "\t").last
      Glibc.kill(try #require(monitor.flatMap { Int32($0) }), SIGKILL)
      #expect(eventually { ProcessIdentity(pid: pid) == nil })
      #expect(try start(world, "e", "lan").code == 0)
      #expect(try addresses(world, "e") == ["10.20.20.4/24"])
      #expect(try world.swrun("kill", "c").code == 0)
      let failed = try world.swrun("--net", "lan", "--name", "f", "--", "nosuchprogram")
      #expect(failed.code == 127, "\(failed)")
      #expect(try start(world, "g", "lan").code == 0)
      #expect(try addresses(world, "g") == ["10.20.20.6/24"])
      for id in try world.swrun("ps", "-aq").lines { _ = try world.swrun("rm", "-f", id) }
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a fixed address is taken once; what the network does not have is refused")
  func fixed() throws {
    try World.with { world in
      try create(
        world, "lan", "--subnet 10.20.20.0/24 --aux-address nas=10.20.20.3 --opt parent=eth0")
      #expect(try start(world, "a", "lan", "--ip", "10.20.20.9").code == 0)
      let refusals = [
        ("10.20.20.9", "10.20.20.9 is in use by a"),
        ("10.20.20.1", "is the gateway of the network lan"),
        ("10.20.20.3", "is kept for nas"),
        ("10.20.20.5", "is the host's own address"),
        ("10.20.20.255", "is the broadcast address"),
        ("10.20.21.2", "10.20.21.2 is outside the network lan, which is 10.20.20.0/24"),
        ("fd00::2", "the network lan has no IPv6 subnet, and fd00::2 is an IPv6 address"),
        ("10.20.20.7/16", "leave it out"),
      ]
      for (address, text) in refusals {
        let result = try start(world, "b", "lan", "--ip", address)
        #expect(result.code == 125 && result.errors.contains(text), "\(address): \(result)")
        #expect(result.errors.split(separator: "\n").count == 1)
      }
      #expect(try world.swrun("network", "inspect", "lan").output.contains("\"used\": 1"))
    }
  }

  @Test("a network of two families gives an address of each")
  func dualStack() throws {
    try World.with { world in
      try create(
        world, "lan",
        "--subnet fd20::/64 --subnet 10.20.20.0/24 --ip-range 10.20.20.128/25 --opt parent=eth0")
      #expect(try start(world, "a", "lan").code == 0)
      #expect(try addresses(world, "a").sorted() == ["10.20.20.128/24", "fd20::2/64"])
      #expect(try start(world, "b", "lan", "--ip", "fd20::77").code == 0)
      #expect(try addresses(world, "b").sorted() == ["10.20.20.129/24", "fd20::77/64"])
      let shown = try world.swrun("network", "inspect", "lan").output
      // More than a number in JSON can hold: 2^64, less the network, the gateway and two leases.
      #expect(shown.contains("\"free\": \"18446744073709551612\""), "\(shown)")
      _ = try world.swrun("rm", "-f", "a", "b")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a full network says so, and nothing is left of who came too late")
  func full() throws {
    try World.with { world in
      try create(world, "small", "--subnet 10.9.9.0/30 --opt parent=eth1")
      #expect(try start(world, "a", "small").code == 0)
      #expect(try addresses(world, "a") == ["10.9.9.2/30"])
      let late = try start(world, "b", "small")
      #expect(late.code == 125)
      #expect(
        late.errors.contains("the network small is full: no address of 10.9.9.0/30 is free"),
        "\(late)")
      #expect(try world.swrun("ps", "-a").lines.count == 2)
      _ = try world.swrun("rm", "-f", "a")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("what cannot be beside another network is refused, with the other's name")
  func conflicts() throws {
    try World.with { world in
      func define(_ words: String) throws -> CommandResult {
        try world.swrun(["network", "create"] + words.split(separator: " ").map(String.init))
      }
      #expect(try define("--subnet 10.20.20.0/24 --opt parent=eth0 lan").code == 0)
      let refusals = [
        ("--subnet 10.8.0.0/24 --opt parent=eth0 lan", "a network is called lan already"),
        (
          "--subnet 10.20.0.0/16 --opt parent=eth0 b",
          "overlaps 10.20.20.0/24 of the network lan on eth0"
        ),
        (
          "--subnet 10.8.0.0/24 --opt parent=eth0 --opt mode=l3 b",
          "the network lan has the mode l2"
        ),
        (
          "--subnet 10.8.0.0/24 --opt parent=eth0 --opt flag=private b",
          "the network lan has the flag bridge"
        ),
        (
          "--driver macvlan --subnet 10.8.0.0/24 --opt parent=eth0 b",
          "the network lan, which is ipvlan"
        ),
        ("--subnet 10.8.0.0/24 --gateway 10.7.0.1 b", "is outside the subnet 10.8.0.0/24"),
        ("--subnet 10.8.0.0/24 --opt parent=eth0.5000 b", "out of range"),
        ("--subnet 10.8.0.0/24 --opt prent=eth0 b", "(did you mean parent?)"),
        ("--subnet 10.8.0.0/24 ../b", "is not a network's name"),
      ]
      for (words, text) in refusals {
        let result = try define(words)
        #expect(result.code == 125 && result.errors.contains(text), "\(words): \(result)")
        #expect(result.output == "" && result.errors.split(separator: "\n").count == 1)
      }
      #expect(directoryEntries("\(world.directory)/lib/networks") == ["lan.json", "lock"])
      #expect(try define("--subnet 10.8.0.0/24 --opt parent=eth0 b").code == 0)
      let missing = try world.swrun("network", "rm", "lam", "b")
      #expect(missing.code == 125 && missing.output == "b\n")
      #expect(missing.errors.contains("no network is called \"lam\" (did you mean lan?)"))
    }
  }

  @Test("definitions survive a reboot, and leases of before it do not count")
  func reboot() throws {
    try World.with { world in
      try create(world, "lan")
      #expect(try start(world, "a", "lan").code == 0)
      // What a machine that lost its power has on its disk: leases of another boot, and no /run.
      let leases = "\(world.directory)/lib/leases/lan"
      let boot = try #require(directoryEntries(leases).first)
      #expect(try command(["cp", "-a", "\(leases)/\(boot)", "\(leases)/before"]).code == 0)
      _ = try world.swrun("rm", "-f", "a")
      rename("\(leases)/before", "\(leases)/0-of-another-boot")
      try removeTree("\(leases)/\(boot)")
      try removeTree("\(world.directory)/run")
      #expect(try world.swrun("network", "ls", "-q").output == "lan\n")
      #expect(try world.swrun("network", "inspect", "lan").output.contains("\"used\": 0"))
      #expect(try start(world, "a", "lan").code == 0)
      #expect(try addresses(world, "a") == ["10.20.20.2/24"])
      _ = try world.swrun("rm", "-f", "a")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a parent may come after its network; until then its use is refused")
  func missingParent() throws {
    try World.with { world in
      try create(world, "later", "--subnet 10.9.9.0/24 --opt parent=eth5")
      let early = try start(world, "a", "later")
      #expect(early.code == 125)
      #expect(
        early.errors.contains("no interface is called \"eth5\" (the parent of the network later)"),
        "\(early)")
      #expect(try world.leftovers() == [])
      try world.ip(
        "-n", world.hostName, "link", "add", "eth5", "up", "type", "veth", "peer", "name", "peer5")
      #expect(try start(world, "a", "later").code == 0)
      #expect(try addresses(world, "a") == ["10.9.9.2/24"])
      _ = try world.swrun("rm", "-f", "a")
      try world.ip("-n", world.hostName, "link", "del", "eth5")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("prune removes the networks that no instance is on, and asks first")
  func prune() throws {
    try World.with { world in
      try create(world, "used")
      try create(world, "one", "--subnet 10.8.0.0/24 --opt parent=eth0")
      try create(world, "two", "--subnet 10.9.0.0/24 --opt parent=eth1")
      #expect(try start(world, "a", "used").code == 0)
      let asked = try world.swrun("network", "prune")
      #expect(asked.code == 125 && asked.errors.contains("would remove one, two"), "\(asked)")
      #expect(try world.swrun("network", "prune", "--force").lines == ["one", "two"])
      #expect(try world.swrun("network", "ls", "-q").output == "used\n")
    }
  }

  @Test("ls filters, and writes JSON")
  func listing() throws {
    try World.with { world in
      try create(world, "one", "--subnet 10.8.0.0/24 --opt parent=eth0 --label team=web")
      try create(world, "two", "--subnet 10.9.0.0/24 --subnet fd09::/64 --opt parent=eth1")
      for (filter, names) in [
        ("name=tw", ["two"]), ("parent=eth0", ["one"]), ("driver=macvlan", ["one", "two"]),
        ("driver=ipvlan", []), ("label=team", ["one"]), ("label=team=db", []),
      ] {
        #expect(
          try world.swrun("network", "ls", "-q", "--filter", filter).lines == names, "\(filter)")
      }
      let json = try world.swrun("network", "ls", "--format", "json").output
      #expect(json.contains("\"subnets\": [") && json.contains("\"fd09::/64\""))
      let wrong = try world.swrun("network", "ls", "--filter", "nmae=x")
      #expect(wrong.code == 125 && wrong.errors.contains("did you mean name?"))
    }
  }

  @Test("a broken definition is named once and kept aside; who may only look leaves it")
  func corrupt() throws {
    try World.with { world in
      try create(world, "lan")
      let path = "\(world.directory)/lib/networks/bad.json"
      try writeAtomically(Array("{".utf8), to: path)
      let list = try world.swrun("network", "ls")
      #expect(list.code == 125 && list.lines.count == 2)
      #expect(
        list.errors.contains("\(path) cannot be used") && list.errors.contains("\(path).corrupt"))
      #expect(try world.swrun("network", "ls").code == 0)
      try writeAtomically(Array("{".utf8), to: path)
      // Whoever runs: the broken one is not in its way.
      let run = try world.swrun("--rm", "--net", "lan", "--", "true")
      #expect(run.code == 0, "\(run)")
      let other = try command(
        ["setpriv", "--reuid", "65534", "--clear-groups", World.binary, "network", "ls"],
        environment: world.environment)
      #expect(other.code == 125 && other.errors.contains("cannot be read"), "\(other)")
      #expect(try readText(path) == "{")
    }
  }

  @Test("fifty at once on one network get fifty addresses, and give them all back")
  func many() throws {
    try World.with { world in
      try create(world, "lan", "--subnet 10.9.0.0/16 --opt parent=eth1")
      let started = try (0..<50).map { _ in
        try world.startSwrun("run", "-d", "--net", "lan", "--", "sleep", "1000")
      }
      for run in started {
        let result = try run.finish()
        #expect(result.code == 0, "\(result)")
      }
      let shown = try world.swrun("ps").lines.dropFirst()
      let addresses = Set(
        shown.compactMap { $0.firstMatch(of: #/10\.9\.0\.\d+/#).map { String($0.0) } })
      // .1 is the gateway: 2 to 51, the lowest of all.
      #expect(addresses == Set((2...51).map { "10.9.0.\($0)" }))
      #expect(try world.swrun("network", "inspect", "lan").output.contains("\"used\": 50"))
      _ = try world.swrun(["rm", "-f"] + world.swrun("ps", "-q").lines)
      #expect(try world.leftovers() == [])
    }
  }
}
