import Glibc
import Linux
import TestSupport
import Testing

/// DHCP over macvlan, which this kernel has; the guest has the same over ipvlan.
@Suite("DHCP", .serialized)
struct DhcpTests {
  private static let range = "--dhcp-range=10.20.20.50,10.20.20.99,255.255.255.0,2m"

  @Test("an instance has the server's address, routes, MTU and resolver, and gives them back")
  func lease() throws {
    try World.with { world in
      let server = try Dnsmasq(
        world, Self.range, "--dhcp-option=option:mtu,1400", "--dhcp-option=6,10.20.20.1",
        "--domain=lan.example",
        "--dhcp-option=121,0.0.0.0/0,10.20.20.1,10.99.0.0/16,10.20.20.2")
      defer { server.stop() }
      let run = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth0", "--ip", "dhcp", "--", "sleep", "1000")
      #expect(run.code == 0, "\(run)")
      let address = try #require(server.leases["web"], "\(server.log)")
      #expect(server.log.contains("client provides name: web"))
      #expect(try world.swrun("ps").lines[1].contains(" \(address)/24 "))
      let inside = try world.swrun(
        "exec", "web", "sh", "-c", "ip -4 -br addr; ip route; ip link show eth0"
      ).output
      #expect(inside.contains("\(address)/24"), "\(inside)")
      #expect(inside.contains("default via 10.20.20.1 dev eth0"), "\(inside)")
      #expect(inside.contains("10.99.0.0/16 via 10.20.20.2 dev eth0"), "\(inside)")
      #expect(inside.contains("mtu 1400"), "\(inside)")
      let state = try world.swrun("inspect", "web").output
      let parent = try world.host("cat", "/sys/class/net/eth0/address").lines[0]
      let id = "web/eth0@\(parent.split(separator: ":").joined())"
      for part in [
        "\"server\": \"10.20.20.1\"", "\"clientId\": \"\(id)\"", "lan.example", "\"expires\"",
      ] {
        #expect(state.contains(part), "\(part) \(state)")
      }
      #expect(try world.lan("ping", "-c", "1", "-W", "5", address).code == 0)
      // It is another's to use: neither a second instance's nor that of one on the host.
      let second = try world.swrun(
        "--net", "macvlan:eth0", "--ip", address, "--", "true")
      #expect(second.code == 125 && second.errors.contains("in use by web"), "\(second)")
      #expect(try world.swrun("stop", "-t", "0", "web").code == 0)
      #expect(eventually { server.log.contains("DHCPRELEASE(p0) \(address)") }, "\(server.log)")
      #expect(eventually { server.leases["web"] == nil })
      #expect(try world.swrun("rm", "web").code == 0)
      server.stop()
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a lease is renewed, and what the server says anew is done")
  func renewal() throws {
    try World.with { world in
      // T1 and T2 of a few seconds: dnsmasq has no shorter lease than two minutes.
      let times = ["--dhcp-option=option:T1,5s", "--dhcp-option=option:T2,100s"]
      let first = try Dnsmasq(world, Self.range, times[0], times[1])
      let run = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth0", "--ip", "dhcp", "--", "sleep", "1000")
      #expect(run.code == 0, "\(run)")
      let address = try #require(first.leases["web"])
      #expect(
        eventually { first.log.components(of: "DHCPACK(p0) \(address)") >= 2 }, "\(first.log)")
      // Unicast: nothing is asked for by name, and no address is offered again.
      #expect(first.log.components(of: "DHCPDISCOVER") == 1, "\(first.log)")
      first.stop()
      let second = try Dnsmasq(
        world, Self.range, times[0], times[1], "--dhcp-option=3,10.20.20.7")
      defer { second.stop() }
      #expect(
        try eventually {
          try world.swrun("exec", "web", "ip", "route", "show", "default").output
            .hasPrefix("default via 10.20.20.7 dev eth0")
        }, "\(second.log)")
      #expect(try world.swrun("inspect", "web").output.contains("\"10.20.20.7\""))
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      second.stop()
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a lease that is refused is lost, and another is found")
  func lost() throws {
    try World.with { world in
      let times = ["--dhcp-option=option:T1,5s", "--dhcp-option=option:T2,8s"]
      let first = try Dnsmasq(world, Self.range, times[0], times[1])
      let run = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth0", "--ip", "dhcp", "--", "sleep", "1000")
      #expect(run.code == 0, "\(run)")
      let address = try #require(first.leases["web"])
      first.stop()
      let second = try Dnsmasq(
        world, "--dhcp-range=10.20.20.150,10.20.20.199,255.255.255.0,2m", times[0], times[1])
      defer { second.stop() }
      #expect(
        try eventually(seconds: 120) {
          try world.swrun("ps").lines[1].contains(" 10.20.20.1")
        }, "\(second.log)")
      let inside = try world.swrun("exec", "web", "ip", "-4", "-br", "addr", "show", "eth0").output
      #expect(!inside.contains(address) && inside.contains("10.20.20.1"), "\(inside)")
      #expect(second.log.contains("DHCPNAK"), "\(second.log)")
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      second.stop()
      #expect(try world.leftovers() == [])
    }
  }

  @Test("where no server answers, that is said, and nothing is left")
  func nobody() throws {
    try World.with { world in
      let result = try world.swrun("--net", "macvlan:eth0", "--ip", "dhcp", "--", "true")
      #expect(result.code == 125)
      #expect(
        result.errors.contains("no DHCP server answered on the LAN of eth0 within 15 seconds"),
        "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a server that gives what is the host's, or nobody's, is named")
  func hostile() throws {
    try World.with { world in
      let host = try Dnsmasq(
        world, "--dhcp-range=10.20.20.5,10.20.20.5,255.255.255.0,2m")
      var result = try world.swrun("--net", "macvlan:eth0", "--ip", "dhcp", "--", "true")
      #expect(result.code == 125)
      #expect(
        result.errors.contains(
          "the DHCP server 10.20.20.1 gave 10.20.20.5, which is the host's own"),
        "\(result)")
      #expect(eventually { host.log.contains("DHCPDECLINE") }, "\(host.log)")
      host.stop()
      // A mask with holes.
      let mask = try Dnsmasq(world, Self.range, "--dhcp-option-force=1,255.0.255.0")
      result = try world.swrun("--net", "macvlan:eth0", "--ip", "dhcp", "--", "true")
      #expect(result.code == 125)
      #expect(result.errors.contains("subnet mask that is none"), "\(result) \(mask.log)")
      mask.stop()
      #expect(try world.leftovers() == [])
    }
  }

  @Test("Ctrl-C ends the wait for a server")
  func interrupted() throws {
    try World.with { world in
      let waiting = try world.startSwrun("--net", "macvlan:eth0", "--ip", "dhcp", "--", "true")
      #expect(try eventually { try world.swrun("ps", "-aq").lines.count == 1 })
      #expect(
        eventually {
          ((try? readText("/proc/\(waiting.pid)/comm")) ?? "").hasPrefix("swrun")
        })
      kill(waiting.pid, SIGINT)
      let result = try waiting.finish()
      #expect(result.code == 125)
      #expect(result.errors.contains("interrupted while waiting for a DHCP server"), "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a running instance is connected by DHCP, and disconnected with a release")
  func connected() throws {
    try World.with { world in
      let server = try Dnsmasq(world, Self.range)
      defer { server.stop() }
      _ = try world.swrun("-d", "--name", "web", "--", "sleep", "1000")
      let connected = try world.swrun("network", "connect", "macvlan:eth0,ip=dhcp", "web")
      #expect(connected.code == 0, "\(connected)")
      #expect(try eventually { try world.swrun("ps").lines[1].contains(" 10.20.20.") })
      let address = try #require(server.leases["web"])
      let inside = try world.swrun("exec", "web", "sh", "-c", "ip -4 -br addr; ip route").output
      #expect(
        inside.contains("\(address)/24") && inside.contains("default via 10.20.20.1"), "\(inside)")
      #expect(try world.swrun("network", "disconnect", "eth0", "web").code == 0)
      #expect(eventually { server.log.contains("DHCPRELEASE(p0) \(address)") }, "\(server.log)")
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      server.stop()
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a router gives an address and one default route, beside DHCP and beside an address")
  func slaac() throws {
    try World.with { world in
      try world.ip("-n", world.lanName, "addr", "add", "fd20::1/64", "dev", "p0", "nodad")
      // Who does not forward says in its neighbour advertisements that it is no router (RFC 4861
      // section 7.2.5), and the default route goes.
      #expect(try world.lan("sysctl", "-w", "net.ipv6.conf.all.forwarding=1").code == 0)
      let server = try Dnsmasq(
        world, Self.range, "--enable-ra", "--dhcp-range=fd20::,ra-only,64,10m")
      defer { server.stop() }
      let run = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth0,ip=dhcp,ip=slaac", "--", "sleep", "1000")
      #expect(run.code == 0, "\(run)")
      let inside = try world.swrun(
        "exec", "web", "sh", "-c", "ip -6 -br addr show eth0; ip -6 route show default; ip -4 route"
      ).output
      #expect(inside.contains("fd20::") && inside.contains("default via 10.20.20.1"), "\(inside)")
      #expect(inside.components(of: "default via fe80::") == 1, "\(inside)")
      let row = try world.swrun("ps").lines[1]
      #expect(row.contains("10.20.20.") && row.contains("fd20::"), "\(row)")
      #expect(try world.swrun("inspect", "web").output.contains("\"fe80::"))
      // With an address of one's choice the router is not heeded, nor where there is IPv4 alone.
      for (address, count) in [("fd20::77/64", 1), ("10.20.20.77", 0)] {
        let chosen = try world.swrun(
          "--net", "macvlan:eth0", "--ip", address, "--", "sh", "-c",
          "sleep 4; ip -6 route show default; ip -6 -br addr show eth0")
        #expect(chosen.code == 0, "\(chosen)")
        #expect(chosen.output.components(of: "default ") == count, "\(chosen)")
        #expect(chosen.output.components(of: "fd20::") <= count * 2, "\(chosen)")
        #expect(!chosen.output.contains("proto ra"), "\(chosen)")
      }
      let none = try world.swrun(
        "--net", "macvlan:eth0,ip=slaac,gateway=none", "--", "ip", "-6", "route", "show", "default")
      #expect(none.code == 0 && none.output == "", "\(none)")
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      _ = try world.swrun("rm", "-f", "web")
      let ids = try world.swrun("ps", "-aq").lines
      if !ids.isEmpty { _ = try world.swrun(["rm"] + ids) }
      server.stop()
      #expect(try world.leftovers() == [])
    }
  }

  @Test("whatever step fails, the lease is given back and nothing is left")
  func faults() throws {
    try World.with { world in
      let server = try Dnsmasq(world, Self.range)
      defer { server.stop() }
      var fault = 0
      var leased = 0
      while true {
        fault += 1
        // The test build, whose fault points are compiled in.
        let result = try command(
          [
            "ip", "netns", "exec", world.hostName, ".build/debug/swrun", "--rm", "--name", "web",
            "--net", "macvlan:eth0", "--ip", "dhcp", "--", "true",
          ],
          environment: world.environment.merging(["SWRUN_FAULT": "\(fault)"]) { $1 })
        if result.code == 0 { break }
        #expect(result.code == 125 && result.errors.contains("injected fault after"), "\(result)")
        if server.log.contains("DHCPACK") { leased += 1 }
        #expect(eventually { server.leases.isEmpty }, "fault \(fault): \(result) \(server.log)")
        #expect(directoryEntries("\(world.directory)/run/instances") == [], "fault \(fault)")
        try #require(fault < 50)
      }
      // The lease, the address, the route, the start.
      #expect(leased >= 4, "\(leased) of \(fault)")
      server.stop()
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a parent that is made anew gives the instance its lease again, if the server says so")
  func parentAgain() throws {
    try World.with { world in
      let first = try Dnsmasq(world, Self.range)
      let run = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth0", "--ip", "dhcp", "--", "sleep", "1000")
      #expect(run.code == 0, "\(run)")
      let address = try #require(first.leases["web"])
      first.stop()
      try world.ip("-n", world.hostName, "link", "del", "eth0")
      #expect(try eventually { try world.swrun("ps").lines[1].contains("(parent gone)") })
      try world.ip(
        "-n", world.hostName, "link", "add", "eth0", "type", "veth", "peer", "name", "p0", "netns",
        world.lanName)
      try world.ip("-n", world.lanName, "addr", "add", "10.20.20.1/24", "dev", "p0")
      try world.ip("-n", world.lanName, "link", "set", "p0", "up")
      let second = try Dnsmasq(world, Self.range)
      defer { second.stop() }
      try world.ip("-n", world.hostName, "link", "set", "eth0", "up")
      // It asks at once, by the identifier that it had, and goes on with the address.
      #expect(
        eventually(seconds: 90) { second.log.contains("DHCPACK(p0) \(address)") },
        "\(second.log)")
      #expect(
        try eventually {
          try world.swrun("exec", "web", "ip", "-4", "-br", "addr", "show", "eth0").output
            .contains("\(address)/24")
        })
      #expect(!second.log.contains("DHCPDISCOVER"), "\(second.log)")
      #expect(try world.lan("ping", "-c", "1", "-W", "5", address).code == 0)
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      second.stop()
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a network may leave addresses to the server")
  func defined() throws {
    try World.with { world in
      let server = try Dnsmasq(world, Self.range, "--dhcp-option=6,10.20.20.1")
      defer { server.stop() }
      for (options, reason) in [
        (["--subnet", "10.20.20.0/24", "--opt", "parent=eth0"], "--subnet and --ipam-driver dhcp"),
        ([], "needs a LAN"), (["--opt", "parent=eth0", "--opt", "mode=l3"], "needs a LAN"),
      ] {
        let refused = try world.swrun(
          ["network", "create", "--ipam-driver", "dhcp"] + options + ["lan"])
        #expect(refused.code == 125 && refused.errors.contains(reason), "\(refused)")
      }
      let created = try world.swrun(
        "network", "create", "-d", "macvlan", "--ipam-driver", "dhcp", "--opt", "parent=eth0", "lan"
      )
      #expect(created.code == 0, "\(created)")
      for name in ["one", "two"] {
        let run = try world.swrun(
          "-d", "--rm", "--name", name, "--net", "lan", "--", "sleep", "1000")
        #expect(run.code == 0, "\(run)")
      }
      let addresses = server.leases
      #expect(addresses["one"] != nil && addresses["one"] != addresses["two"], "\(addresses)")
      // They know each other by name, and the server's resolver.
      let seen = try world.swrun("exec", "one", "cat", "/etc/hosts", "/etc/resolv.conf").output
      #expect(seen.contains("\(addresses["two"] ?? "?")"), "\(seen)")
      #expect(seen.contains("nameserver 10.20.20.1"), "\(seen)")
      #expect(
        try world.swrun("network", "inspect", "lan").output.contains(
          "\(addresses["one"] ?? "?")/24"))
      #expect(try world.swrun("network", "ls").code == 0)
      #expect(try world.swrun("rm", "-f", "one", "two").code == 0)
      #expect(try world.swrun("network", "rm", "lan").code == 0)
      server.stop()
      #expect(try world.leftovers() == [])
    }
  }

  @Test("where no router advertises, that is said")
  func noRouter() throws {
    try World.with { world in
      let result = try world.swrun("--net", "macvlan:eth0", "--ip", "slaac", "--", "true")
      #expect(result.code == 125)
      #expect(result.errors.contains("no router has given eth0 an IPv6 address"), "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "what cannot be is refused",
    arguments: [
      ("ipvlan:eth0:l3,ip=dhcp", "broadcasts and advertisements"),
      ("ipvlan:eth0:l3s,ip=slaac", "broadcasts and advertisements"),
      ("macvlan:eth0,ip=dhcp,ip=10.20.20.2", "ip=dhcp and the address 10.20.20.2 exclude"),
      ("macvlan:eth0,ip=slaac,ip=fd20::2", "ip=slaac and the address fd20::2 exclude"),
      ("macvlan:eth0,ip=slaac,gateway=fd20::1", "leads to the router that advertises itself"),
      ("macvlan:eth0,ip=dhcp,ip=none", "exclude each other"),
      ("macvlan:eth0,ip=dhcp,ip=dhcp", "given twice"),
    ])
  func refused(_ network: String, _ reason: String) throws {
    try World.with { world in
      let result = try world.swrun("--net", network, "--", "true")
      #expect(result.code == 125 && result.errors.contains(reason), "\(result)")
      #expect(try world.leftovers() == [])
    }
  }
}

extension String {
  /// How often `part` is in it.
  fileprivate func components(of part: String) -> Int {
    var count = 0
    var rest = self[...]
    while let range = rest.firstRange(of: part) {
      count += 1
      rest = rest[range.upperBound...]
    }
    return count
  }

  @Test("with --probe an address that somebody on the LAN has is declined, and another is taken")
  func probed() throws {
    try World.with { world in
      // The LAN's end answers for all its addresses.
      try world.ip("-n", world.lanName, "addr", "add", "10.20.20.50/32", "dev", "lo")
      let server = try Dnsmasq(
        world, "--dhcp-range=10.20.20.50,10.20.20.51,255.255.255.0,2m", "--dhcp-sequential-ip")
      let run = try world.swrun(
        "--rm", "--probe", "--net", "macvlan:eth0", "--ip", "dhcp", "--", "ip", "-br", "-4", "addr")
      #expect(run.code == 0 && run.output.contains("10.20.20.51/24"), "\(run) \(server.log)")
      #expect(server.log.contains("DHCPDECLINE(p0) 10.20.20.50"), "\(server.log)")
      server.stop()
      #expect(try world.leftovers() == [])
    }
  }
}
