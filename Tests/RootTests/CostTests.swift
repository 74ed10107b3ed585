import Glibc
import Linux
import TestSupport
import Testing

/// What a command asks of the kernel, counted by strace(1): the same on a slow machine.
@Suite("cost", .serialized)
struct CostTests {
  /// The types of the requests that change something, one list for each write to a netlink socket.
  private func changes(_ world: World, _ words: String...) throws -> [[Int]] {
    let trace = "\(world.directory)/trace"
    let result = try world.host(
      ["strace", "-f", "-X", "raw", "-s", "4096", "-e", "trace=sendto", "-o", trace, World.binary]
        + words)
    try #require(result.code == 0, "\(result)")
    return try readText(trace).split(separator: "\n").compactMap { line in
      let types = line.split(separator: "nlmsg_type=0x").dropFirst().compactMap {
        Int($0.prefix { $0.isHexDigit }, radix: 16)
      }
      // Of four types of a family, RTM_NEW*, DEL*, GET* and SET*, the third only asks.
      let changing = types.filter { $0 & 3 != 2 }
      return changing.isEmpty ? nil : changing
    }
  }

  @Test("an attach takes two writes to the kernel, however many addresses and routes it has")
  func attach() throws {
    let (newLink, newAddress, deleteAddress, newRoute) = (16, 20, 21, 24)
    try World.with { world in
      let one = try changes(
        world, "--rm", "--net", "macvlan:eth0,ip=10.20.20.2/24,gateway=10.20.20.1", "--", "true")
      #expect(
        one == [
          [newLink],  // lo
          [newLink],  // eth0
          // Without a link-local address, with announcements of others; up, which announces them.
          [newLink, newAddress, newLink, newRoute],
          // The kernel removes the slave with its namespace.
          [deleteAddress],
        ], "\(one)")
      let many = try changes(
        world, "--rm", "--net",
        "macvlan:eth0,ip=10.20.20.2/24,ip=10.20.20.3/24,ip=fd20::2/64,gateway=10.20.20.1,route=10.9.0.0/16@10.20.20.1,route=10.8.0.0/16@10.20.20.1",
        "--", "true")
      #expect(
        many == [
          [newLink], [newLink],
          [newLink, newAddress, newAddress, newAddress, newRoute, newRoute, newRoute, newRoute],
          [deleteAddress, deleteAddress, deleteAddress],
        ], "\(many)")
    }
  }

  @Test("no library is loaded, and none is where the program is not")
  func libraries() throws {
    let lines = try command(["readelf", "-lW", World.binary]).lines
    #expect(lines.contains { $0.contains("LOAD") })
    #expect(!lines.contains { $0.contains("INTERP") || $0.contains("DYNAMIC") }, "\(lines)")
  }

  @Test("no archive is made of a library that needs the loader")
  func archives() throws {
    try World.with { world in
      let archive = "\(world.directory)/made.a"
      for (library, reason) in [("libc.so.6", "has more in "), ("crt1.o", "is no shared library")] {
        let path = try command(["gcc", "-print-file-name=\(library)"]).lines[0]
        let made = try command(["Tests/Harness/libmnl.py", path, archive])
        #expect(
          made.code == 1 && made.errors.hasPrefix("libmnl.py: \(path) \(reason)"), "\(made)")
        #expect(FileIdentity(path: archive) == nil)
      }
    }
  }

  /// The system calls of a command and all that it starts.
  private func calls(_ world: World, _ words: String...) throws -> Int {
    let trace = "\(world.directory)/trace"
    let result = try world.host(["strace", "-f", "-c", "-o", trace, World.binary] + words)
    try #require(result.code == 0, "\(result)")
    let total = try readText(trace).split(separator: "\n").last { $0.hasSuffix(" total") } ?? ""
    return try #require(total.split(separator: " ").dropFirst(3).first.flatMap { Int($0) })
  }

  /// Definitions as `network create` writes them, each with a lease that another instance has.
  private func define(_ world: World, _ range: Range<Int>) throws {
    let boot = try readText("/proc/sys/kernel/random/boot_id").filter { $0 != "\n" }
    let holder = "\(world.directory)/run/instances/holder"
    try makeDirectories(holder)
    try makeDirectories("\(world.directory)/lib/networks")
    for number in range {
      let subnet = "10.\(100 + number / 256).\(number % 256)"
      let text = """
        {"version":1,"name":"n\(number)","driver":"macvlan","subnets":["\(subnet).0/24"],"gateways":[],
        "ranges":[],"auxiliary":[],"options":["parent=eth0"],"labels":[],"isInternal":false,"created":""}
        """
      try writeAtomically(
        Array(text.utf8), to: "\(world.directory)/lib/networks/n\(number).json")
      let leases = "\(world.directory)/lib/leases/n\(number)/\(boot)"
      try makeDirectories(leases)
      #expect(symlink(holder, "\(leases)/\(subnet).2") == 0)
    }
  }

  @Test("a thousand networks cost a listing one look at each more, and a start nothing")
  func networks() throws {
    try World.with { world in
      try define(world, 0..<10)
      // The first listing makes the index.
      _ = try world.swrun("network", "ls")
      let listing = try calls(world, "network", "ls", "-q")
      let start = try calls(world, "--rm", "--net", "n0", "--", "true")
      try define(world, 10..<1000)
      _ = try world.swrun("network", "ls")
      let longListing = try calls(world, "network", "ls", "-q")
      let laterStart = try calls(world, "--rm", "--net", "n0", "--", "true")
      // Some of a start's calls wait, and are as many as it takes.
      let scatter = 300
      #expect(longListing - listing < 990 + scatter, "\(listing), then \(longListing)")
      #expect(laterStart - start < scatter, "\(start), then \(laterStart)")
    }
  }
}
