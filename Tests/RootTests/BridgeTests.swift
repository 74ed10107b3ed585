import Glibc
import Linux
import TestSupport
import Testing

/// Says who asks, to whoever asks.
let greeter = """
  import socket as s
  l = s.create_server(("::", 80), family=s.AF_INET6, dualstack_ipv6=True)
  while 1:
      c, a = l.accept(); c.send(("hello " + a[0] + "\\n").encode()); c.close()
  """

extension StartedCommand {
  /// Ends it; once is enough.
  func end() {
    kill(pid, SIGTERM)
    _ = try? finish()
  }
}

extension World {
  /// What the one at an address says, or nothing.
  static func ask(_ address: String, _ port: Int) -> [String] {
    ["timeout", "5", "bash", "-c", "read x </dev/tcp/\(address)/\(port) && echo $x"]
  }

  /// The tables of rules and the settings that bridges change, as they are now.
  func rules() throws -> String {
    try host(
      "sh", "-c",
      "nft list ruleset; cd /proc/sys/net; grep . ipv4/conf/*/forwarding ipv6/conf/*/forwarding ipv6/conf/*/accept_ra ipv4/conf/*/route_localnet ipv4/ip_forward"
    ).output
  }

  /// An instance that greets, once it does.
  func greet(_ name: String, _ options: String...) throws {
    let result = try swrun(
      ["-d", "--name", name] + options + ["--", "/usr/bin/python3", "-c", greeter])
    guard result.code == 0 else { throw TestFailure("\(name): \(result)") }
    #expect(
      try eventually {
        try swrun(["exec", name] + Self.ask("127.0.0.1", 80)).output.contains("hello")
      })
  }

  func ask(from name: String, _ address: String, _ port: Int) throws -> String {
    try swrun(["exec", name] + Self.ask(address, port)).output
  }

  /// A server of the LAN's, ended with the world.
  func greetOnLAN() throws -> StartedCommand {
    let server = try start(
      ["ip", "netns", "exec", lanName, "timeout", "300", "/usr/bin/python3", "-c", greeter])
    #expect(
      try eventually {
        try command(["ip", "netns", "exec", lanName] + Self.ask("127.0.0.1", 80)).output.contains(
          "hello")
      })
    return server
  }

  func askFromLAN(_ address: String, _ port: Int) throws -> String {
    try command(["ip", "netns", "exec", lanName] + Self.ask(address, port)).output
  }

  func askFromHost(_ address: String, _ port: Int) throws -> String {
    try command(["ip", "netns", "exec", hostName] + Self.ask(address, port)).output
  }
}

@Suite("bridges", .serialized)
struct BridgeRootTests {
  @Test("an instance on the bridge is reached by its published port, and leads out as the host")
  func published() throws {
    try World.with { world in
      let before = try world.rules()
      let server = try world.greetOnLAN()
      defer { server.end() }
      try world.greet("web", "--net", "bridge", "-p", "8080:80", "-p", "127.0.0.1:8081:80")
      try world.greet("other", "--net", "bridge")
      let ps = try world.swrun("ps").lines
      #expect(ps[0].contains("PORTS") && ps[1].contains("0.0.0.0:8080->80/tcp"), "\(ps)")
      #expect(
        try world.swrun("port", "web").lines == [
          "80/tcp -> 0.0.0.0:8080", "80/tcp -> 127.0.0.1:8081",
        ])
      #expect(try world.swrun("port", "web", "80").lines == ["0.0.0.0:8080", "127.0.0.1:8081"])
      let own = try world.swrun("exec", "web", "ip", "-br", "addr", "show", "eth0").output
      #expect(own.contains(" 10.66.0.2/16"), "\(own)")
      // The neighbour is seen as itself, what goes out as the host.
      #expect(try world.askFromLAN("10.20.20.5", 8080) == "hello ::ffff:10.20.20.1\n")
      #expect(try world.ask(from: "web", "10.20.20.1", 80) == "hello ::ffff:10.20.20.5\n")
      #expect(try world.askFromHost("10.20.20.5", 8080) == "hello ::ffff:10.20.20.5\n")
      #expect(try world.askFromHost("127.0.0.1", 8080) == "hello ::ffff:10.66.0.1\n")
      #expect(try world.askFromHost("127.0.0.1", 8081) == "hello ::ffff:10.66.0.1\n")
      #expect(try world.askFromLAN("10.20.20.5", 8081) == "")
      // Between instances: straight, by the published port, and to itself by that.
      #expect(try world.ask(from: "other", "10.66.0.2", 80) == "hello ::ffff:10.66.0.3\n")
      #expect(try world.ask(from: "other", "10.20.20.5", 8080) == "hello ::ffff:10.66.0.1\n")
      #expect(try world.ask(from: "web", "10.20.20.5", 8080) == "hello ::ffff:10.66.0.1\n")
      // What was not published the LAN does not reach, though it knows the way.
      try world.ip("-n", world.lanName, "route", "add", "10.66.0.0/16", "via", "10.20.20.5")
      #expect(try world.askFromLAN("10.66.0.3", 80) == "")
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.askFromLAN("10.20.20.5", 8080) == "")
      #expect(try world.ask(from: "other", "10.20.20.1", 80) == "hello ::ffff:10.20.20.5\n")
      #expect(try world.swrun("rm", "-f", "other").code == 0)
      server.end()
      #expect(try world.leftovers() == [])
      #expect(try world.rules() == before)
    }
  }

  @Test("the host's loopback is not open to who is on the bridge, CVE-2020-8558")
  func loopback() throws {
    try World.with { world in
      let server = try start(
        [
          "ip", "netns", "exec", world.hostName, "timeout", "100", "/usr/bin/python3", "-c",
          greeter,
        ])
      defer { server.end() }
      let run = try world.swrun("-d", "--name", "one", "--net", "bridge", "--", "sleep", "1000")
      #expect(run.code == 0, "\(run)")
      #expect(try eventually { try world.ask(from: "one", "10.66.0.1", 80).contains("hello") })
      // With a route to the host's 127.0.0.1 and no loopback of its own, as root of the instance's
      // namespace could have it.
      let pid = try world.pid("one")
      let inside = ["nsenter", "-t", "\(pid)", "-n"]
      for words in [
        ["ip", "addr", "del", "127.0.0.1/8", "dev", "lo"],
        ["ip", "route", "add", "127.0.0.0/8", "via", "10.66.0.1", "src", "10.66.0.2"],
        ["sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=1"],
      ] { #expect(try command(inside + words).code == 0, "\(words)") }
      #expect(try command(inside + World.ask("127.0.0.1", 80)).output == "")
      let counted = try world.host(
        "sh", "-c",
        "t=$(nft list tables | cut -d' ' -f3); nft flush chain inet $t guard; timeout 1 true")
      #expect(counted.code == 0, "\(counted)")
      // Without the rule it is: the rule is what keeps it shut.
      #expect(try command(inside + World.ask("127.0.0.1", 80)).output.contains("hello"))
    }
  }

  @Test("both families: published, masqueraded, and every setting undone")
  func dualStack() throws {
    try World.with { world in
      try world.ip("-n", world.hostName, "addr", "add", "fd20::5/64", "dev", "eth0", "nodad")
      try world.ip("-n", world.lanName, "addr", "add", "fd20::1/64", "dev", "p0", "nodad")
      let before = try world.rules()
      let server = try world.greetOnLAN()
      defer { server.end() }
      let made = try world.swrun(
        "network", "create", "--driver", "bridge", "--subnet", "10.99.0.0/24", "--subnet",
        "fd99::/64",
        "--opt", "mtu=1400", "both")
      #expect(made.code == 0, "\(made)")
      try world.greet("one", "--net", "both,mac=02:00:00:00:00:77", "-p", "8080:80")
      #expect(try world.askFromLAN("fd20::5", 8080) == "hello fd20::1\n")
      #expect(try world.askFromLAN("10.20.20.5", 8080) == "hello ::ffff:10.20.20.1\n")
      #expect(try world.ask(from: "one", "fd20::1", 80) == "hello fd20::5\n")
      #expect(try world.ask(from: "one", "fd20::5", 8080) == "hello fd99::1\n")
      // The host still takes a router's advertisements.
      #expect(try world.host("cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra").output == "2\n")
      let link = try world.swrun("exec", "one", "ip", "link", "show", "eth0").output
      #expect(link.contains("02:00:00:00:00:77") && link.contains("mtu 1400"), "\(link)")
      #expect(try world.swrun("rm", "-f", "one").code == 0)
      server.end()
      #expect(try world.leftovers() == [])
      #expect(try world.rules() == before)
    }
  }

  @Test("an internal network is left by nothing and entered by nothing")
  func `internal`() throws {
    try World.with { world in
      let server = try world.greetOnLAN()
      defer { server.end() }
      let made = try world.swrun(
        "network", "create", "--driver", "bridge", "--internal", "--subnet", "10.98.0.0/24", "in")
      #expect(made.code == 0, "\(made)")
      try world.greet("one", "--net", "in")
      try world.greet("two", "--net", "in")
      try world.greet("open", "--net", "bridge", "-p", "8080:80")
      #expect(try world.ask(from: "two", "10.98.0.1", 80) == "hello ::ffff:10.98.0.2\n")
      #expect(try world.ask(from: "two", "10.20.20.1", 80) == "")
      // Nor with an address on the bridge, a way by it, and a host that forwards all.
      try world.ip("-n", world.hostName, "addr", "add", "10.98.0.254/24", "dev", "sw-in")
      try world.ip("-n", world.lanName, "route", "add", "10.98.0.0/24", "via", "10.20.20.5")
      #expect(try world.host("sysctl", "-qw", "net.ipv4.ip_forward=1").code == 0)
      let inside = ["nsenter", "-t", "\(try world.pid("two"))", "-n"]
      #expect(
        try command(inside + ["ip", "route", "add", "default", "via", "10.98.0.254"]).code == 0)
      #expect(try world.ask(from: "two", "10.20.20.1", 80) == "")
      #expect(try world.ask(from: "two", "10.20.20.5", 8080) == "")
      #expect(try world.ask(from: "two", "10.66.0.2", 80) == "")
      #expect(try world.askFromLAN("10.98.0.1", 80) == "")
      #expect(try world.swrun("rm", "-f", "one", "two", "open").code == 0)
      server.end()
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a host's own bridge is joined and left as it was")
  func existing() throws {
    try World.with { world in
      try world.ip("-n", world.hostName, "link", "add", "br0", "type", "bridge")
      try world.ip("-n", world.hostName, "addr", "flush", "dev", "eth0")
      try world.ip("-n", world.hostName, "link", "set", "eth0", "master", "br0")
      try world.ip("-n", world.hostName, "link", "set", "br0", "up")
      let before = try world.rules()
      try world.greet("one", "--net", "bridge:br0,ip=10.20.20.9/24,gateway=10.20.20.1")
      #expect(try world.askFromLAN("10.20.20.9", 80) == "hello ::ffff:10.20.20.1\n")
      let own = try world.rules().split(separator: "\n").filter { !$0.contains("/conf/v") }
      #expect(own.joined(separator: "\n") + "\n" == before)
      #expect(try world.swrun("rm", "-f", "one").code == 0)
      let refused = try world.swrun("--net", "bridge:eth1,ip=10.20.20.9", "--", "true")
      #expect(refused.code == 125 && refused.errors.contains("eth1 is not a bridge"), "\(refused)")
      try world.ip("-n", world.hostName, "link", "del", "br0")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a port that is in use is refused with who has it; one that is open is chosen")
  func inUse() throws {
    try World.with { world in
      let one = try world.swrun(
        "-d", "--name", "one", "--net", "bridge", "-p", "8080:80", "-p", "9000/udp", "--", "sleep",
        "1000")
      #expect(one.code == 0, "\(one)")
      let chosen = try world.swrun("port", "one", "9000/udp").output
      #expect(
        try #require(Int(chosen.split(separator: ":")[1].dropLast())) > 1023, "\(chosen)")
      let twin = try world.swrun("--net", "bridge", "-p", "10.20.20.5:8080:81", "--", "true")
      #expect(twin.code == 125 && twin.errors.contains("is published for one"), "\(twin)")
      // The port is kept from the host's own processes, too.
      let late = try world.host(
        "/usr/bin/python3", "-c", "import socket; socket.create_server(('', 8080))")
      #expect(late.errors.contains("Address already in use"), "\(late)")
      let listener = try start(
        [
          "ip", "netns", "exec", world.hostName, "timeout", "100", "/usr/bin/python3", "-c",
          "import socket, time; s = socket.create_server(('', 7000)); print(1, flush=True); time.sleep(100)",
        ])
      #expect(eventually { listener.output.contains("1") })
      let taken = try world.swrun("--net", "bridge", "-p", "7000:80", "--", "true")
      #expect(taken.code == 125 && taken.errors.contains("in use by a process"), "\(taken)")
      kill(listener.pid, SIGTERM)
      _ = try listener.finish()
      for (options, text) in [
        (["--net", "bridge", "-p", "10.9.9.9:80:80"], "the host has no address 10.9.9.9"),
        (["--net", "bridge", "-p", "[::1]:80:80"], "Use 127.0.0.1"),
        (["--net", "bridge", "-p", "80:80/icmp"], "unknown protocol"),
        (["--net", "macvlan:eth0,ip=10.20.20.9", "-p", "80:80"], "its own address on the LAN"),
        (["-p", "80:80"], "add --net bridge"),
      ] {
        let refused = try world.swrun(options + ["--", "true"])
        #expect(refused.code == 125 && refused.errors.contains(text), "\(refused)")
        #expect(refused.errors.split(separator: "\n").count == 1)
      }
      #expect(try world.swrun("rm", "-f", "one").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a published port of UDP is reached, answers come from where they were asked")
  func datagrams() throws {
    try World.with { world in
      let echo = """
        import socket as s
        l = s.socket(s.AF_INET, s.SOCK_DGRAM); l.bind(("", 53))
        while 1:
            t, a = l.recvfrom(99); l.sendto(("hello " + a[0] + "\\n").encode(), a)
        """
      let run = try world.swrun(
        "-d", "--name", "one", "--net", "bridge", "-p", "5353:53/udp", "--", "/usr/bin/python3",
        "-c", echo)
      #expect(run.code == 0, "\(run)")
      let ask =
        "exec 3<>/dev/udp/10.20.20.5/5353; echo hi >&3; timeout 2 head -n 1 <&3"
      #expect(
        try eventually {
          try world.lan("bash", "-c", ask).output == "hello 10.20.20.1\n"
        })
      #expect(try world.swrun("rm", "-f", "one").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a monitor that is killed leaves bridge, rules and settings to the next command")
  func crash() throws {
    try World.with { world in
      let before = try world.rules()
      try world.greet("one", "--net", "bridge", "-p", "8080:80")
      let state = try world.swrun("inspect", "one").output
      let monitor = state.split(separator: "\"monitor\"").last?.split(separator: "\"pid\": ")
        .dropFirst()
        .first?.prefix { $0.isNumber }
      kill(try #require(monitor.flatMap { Int32($0) }), SIGKILL)
      #expect(try eventually { try world.swrun("ps", "-q").output == "" })
      #expect(try world.swrun("rm", "one").code == 0)
      #expect(try world.leftovers() == [])
      #expect(try world.rules() == before)
    }
  }

  @Test("whatever step of an attach fails, rules, settings and interfaces are as before")
  func faults() throws {
    try World.with { world in
      try world.ip("-n", world.hostName, "addr", "add", "fd20::5/64", "dev", "eth0", "nodad")
      _ = try world.swrun(
        "network", "create", "--driver", "bridge", "--subnet", "10.99.0.0/24", "--subnet",
        "fd99::/64", "both")
      let before = try world.rules()
      for fault in 1... {
        // The test build, whose fault points are compiled in.
        let result = try command(
          ["ip", "netns", "exec", world.hostName, ".build/debug/swrun"]
            + ["--rm", "--net", "both", "-p", "8080:80", "--", "true"],
          environment: world.environment.merging(["SWRUN_FAULT": "\(fault)"]) { $1 })
        let left = try world.leftovers()
        #expect(left == [], "fault \(fault): \(left) \(result)")
        #expect(try world.rules() == before, "fault \(fault): \(result)")
        if result.code == 0 {
          // Table, network, bridge, forwarding of both families, ports, the veth pair, its addresses.
          #expect(fault > 10, "only \(fault) faults")
          break
        }
        #expect(result.errors.contains("injected fault after"), "fault \(fault): \(result)")
        try #require(fault < 100)
      }
    }
  }

  @Test("rules that somebody flushes, or a bridge that somebody removes, come back")
  func flushed() throws {
    try World.with { world in
      try world.greet("one", "--net", "bridge", "-p", "8080:80")
      #expect(try world.host("nft", "flush", "ruleset").code == 0)
      // The next instance brings the rules back, and the elements of its own.
      try world.greet("two", "--net", "bridge", "-p", "8082:80")
      #expect(try world.askFromLAN("10.20.20.5", 8082) == "hello ::ffff:10.20.20.1\n")
      try world.ip("-n", world.hostName, "link", "del", "swrun0")
      #expect(
        try eventually { try world.askFromLAN("10.20.20.5", 8082) == "hello ::ffff:10.20.20.1\n" })
      #expect(try world.swrun("rm", "-f", "one", "two").code == 0)
      #expect(try world.leftovers() == [])
    }
  }
}
