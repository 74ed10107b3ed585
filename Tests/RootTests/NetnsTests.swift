import Glibc
import Linux
import TestSupport
import Testing

@Suite("network namespaces by name", .serialized)
struct NetnsTests {
  /// As ``World/swrun(_:)``, but in the mount namespace of the test, where `/run/netns` is the real one.
  private func swrun(_ world: World, _ words: String...) throws -> CommandResult {
    try command(
      ["nsenter", "--net=/run/netns/\(world.hostName)", World.binary] + words,
      environment: world.environment)
  }

  @Test(
    "an instance's namespace is listed, entered with the host's tools, named, and the name goes")
  func view() throws {
    try World.with { world in
      let name = "\(world.hostName)i"
      let run = try swrun(
        world, "-d", "--rm", "--name", name, "--net", "macvlan:eth0", "--ip", "10.20.20.2", "--",
        "sleep", "1000")
      #expect(run.code == 0, "\(run)")
      let pid = try world.pid(name)
      let row = try swrun(world, "netns", "ls").lines[1]
      #expect(row.contains("net:[") && row.contains("\(pid)") && row.hasSuffix("-"), "\(row)")
      #expect(try swrun(world, "netns", "exec", name, "sh", "-c", "exit 3").code == 3)
      #expect(try swrun(world, "netns", "exec", name, "nosuchcommand").code == 127)
      #expect(try swrun(world, "netns", "exec", name, "/etc/passwd").code == 126)
      // The network is the instance's, /sys shows it, and the privileges are the host's.
      let seen = try swrun(
        world, "netns", "exec", name, "sh", "-c",
        "ls /sys/class/net; ip addr add 10.20.20.3/24 dev eth0 && ip -br -4 addr show eth0")
      #expect(
        seen.output.contains("eth0\nlo\n") && seen.output.contains("10.20.20.3/24"), "\(seen)")

      // As with ip netns exec, files of a directory with its name lie on those of /etc.
      let files = "/etc/netns/\(name)"
      try makeDirectories(files)
      defer { try? removeTree(files) }
      try writeAtomically(Array("nameserver 10.9.9.9\n".utf8), to: "\(files)/resolv.conf")
      let resolver = try readText("/etc/resolv.conf")
      let bound = try swrun(world, "netns", "exec", name, "cat", "/etc/resolv.conf")
      #expect(bound.output == "nameserver 10.9.9.9\n", "\(bound)")
      #expect(try readText("/etc/resolv.conf") == resolver)
      try writeAtomically([], to: "\(files)/swrun-is-not-there")
      let lost = try swrun(world, "netns", "exec", name, "true")
      #expect(
        lost.code == 125 && lost.errors.contains("swrun-is-not-there has no place"), "\(lost)")

      let attached = try swrun(world, "netns", "attach", name)
      #expect(attached.output == "/run/netns/\(name)\n", "\(attached)")
      #expect(try command(["ip", "-n", name, "-br", "addr"]).output.contains("10.20.20.2/24"))
      #expect(try swrun(world, "netns", "ls").lines[1].hasSuffix("/run/netns/\(name)"))
      let twice = try swrun(world, "netns", "attach", name)
      #expect(twice.code == 125 && twice.errors.contains("is there already"), "\(twice)")
      let wrong = try swrun(world, "netns", "attach", name, "../x")
      #expect(wrong.code == 125 && wrong.errors.contains("is not a name"), "\(wrong)")
      #expect(try swrun(world, "netns", "detach", name).code == 0)
      #expect(FileIdentity(path: "/run/netns/\(name)") == nil)
      let none = try swrun(world, "netns", "detach", name)
      #expect(none.code == 125 && none.errors.contains("has no name"), "\(none)")

      #expect(try swrun(world, "netns", "attach", name).code == 0)
      #expect(try swrun(world, "rm", "-f", name).code == 0)
      #expect(FileIdentity(path: "/run/netns/\(name)") == nil)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "who stays in the namespace of an instance that has ended keeps no interface",
    arguments: [false, true])
  func visitor(isAttached: Bool) throws {
    try World.with { world in
      let name = "\(world.hostName)v"
      _ = try swrun(
        world, "-d", "--rm", "--name", name, "--net", "macvlan:eth0", "--ip", "10.20.20.2", "--",
        "sleep", "1000")
      if isAttached { #expect(try swrun(world, "netns", "attach", name).code == 0) }
      let fifo = "\(world.directory)/fifo"
      try check("mkfifo", "", mkfifo(fifo, 0o600))
      // It reads the names when the instance has ended.
      let wait = [
        "sh", "-c", "ls /sys/class/net > \(world.directory)/before; cat \(fifo); ls /sys/class/net",
      ]
      let visit =
        isAttached
        ? ["ip", "netns", "exec", name] : [World.binary, "netns", "exec", name]
      let visitor = try start(
        ["nsenter", "--net=/run/netns/\(world.hostName)"] + visit + wait,
        environment: world.environment)
      #expect(eventually { (try? readText("\(world.directory)/before")) == "eth0\nlo\n" })
      #expect(try swrun(world, "rm", "-f", name).code == 0)
      _ = try command(["sh", "-c", ": > \(fifo)"])
      let left = try visitor.finish()
      #expect(left.code == 0 && left.output == "lo\n", "\(left)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a name goes also when the monitor is killed")
  func killed() throws {
    try World.with { world in
      let name = "\(world.hostName)k"
      // Without any network of its own.
      _ = try swrun(world, "-d", "--rm", "--name", name, "--", "sleep", "1000")
      #expect(try swrun(world, "netns", "attach", name).code == 0)
      let status = try readText("/proc/\(try world.pid(name))/status")
      let monitor = status.split(separator: "\n").first { $0.hasPrefix("PPid:") }?
        .split(separator: "\t").last.flatMap { Int32($0) }
      kill(try #require(monitor), SIGKILL)
      #expect(try eventually { try swrun(world, "ps", "-aq").lines.isEmpty })
      #expect(FileIdentity(path: "/run/netns/\(name)") == nil)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("the routes that the router needs are printed as it spells them, or why there are none")
  func routes() throws {
    try World.with { world in
      func create(_ name: String, _ options: String...) throws {
        let result = try world.swrun(["network", "create"] + options + [name])
        #expect(result.code == 0, "\(result)")
      }
      try world.ip("-n", world.hostName, "addr", "add", "fd20::5/64", "dev", "eth0", "nodad")
      try create(
        "far", "--subnet", "10.30.0.0/20", "--subnet", "fd30::/64", "--opt", "parent=eth0", "--opt",
        "mode=l3")
      let all = try world.swrun("network", "routes", "far").output
      for line in [
        "ip route add 10.30.0.0/20 via 10.20.20.5", "ip -6 route add fd30::/64 via fd20::5",
        "ip route 10.30.0.0/20 10.20.20.5", "ipv6 route fd30::/64 fd20::5",
        "ip route 10.30.0.0 255.255.240.0 10.20.20.5",
        "/ip/route/add dst-address=10.30.0.0/20 gateway=10.20.20.5",
      ] {
        #expect(all.split(separator: "\n").contains(Substring(line)), "\(line) is not in \(all)")
      }
      #expect(
        try world.swrun("network", "routes", "--format", "frr", "far").lines == [
          "ip route 10.30.0.0/20 10.20.20.5", "ipv6 route fd30::/64 fd20::5",
        ])
      try create(
        "near", "--subnet", "10.20.20.0/24", "--ip-range", "10.20.20.64/26", "--opt", "parent=eth0",
        "--opt", "mode=l3")
      #expect(
        try world.swrun("network", "routes", "--format", "ip", "near").lines == [
          "ip route add 10.20.20.64/26 via 10.20.20.5"
        ])
      try create("flat", "--driver", "macvlan", "--subnet", "10.40.0.0/24", "--opt", "parent=eth1")
      #expect(
        try world.swrun("network", "routes", "flat").output.contains("# none: instances of flat"))
      try create("homeless", "--subnet", "10.50.0.0/24", "--opt", "parent=p1.7", "--opt", "mode=l3")
      let gone = try world.swrun("network", "routes", "homeless")
      #expect(gone.code == 125 && gone.errors.contains("p1.7"), "\(gone)")
    }
  }
}
