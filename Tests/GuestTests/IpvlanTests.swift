import Glibc
import Linux
import TestSupport
import Testing

@Suite("ipvlan", .serialized)
struct IpvlanTests {
  private func run(_ world: World, _ name: String, _ network: String, _ address: String) throws {
    let result = try world.swrun(
      "-d", "--rm", "--name", name, "--net", network, "--ip", address, "--", "sleep", "1000")
    try #require(result.code == 0, "\(result)")
  }

  private func reaches(_ world: World, _ name: String, _ address: String) throws -> Bool {
    try world.swrun("exec", name, "ping", "-c", "1", "-W", "2", address).code == 0
  }

  @Test("doctor says that this kernel has ipvlan, and whose slaves a parent carries")
  func doctor() throws {
    try World.with { world in
      try run(world, "web", "ipvlan:eth0:l2", "10.20.20.2")
      // Another tool's, in a namespace of its own.
      try world.ip(
        "-n", world.hostName, "link", "add", "link", "eth0", "name", "foreign", "netns",
        world.lanName, "type", "ipvlan", "mode", "l2")
      let result = try world.swrun("doctor", "eth0")
      #expect(result.code == 0, "\(result)")
      #expect(result.output.contains("the driver ipvlan is loaded"), "\(result)")
      let carried = result.lines.first { $0.contains("ipvlan slaves in mode l2, flag bridge: ") }
      #expect(carried?.contains("web") == true, "\(result)")
      #expect(
        carried?.contains("foreign in network namespace \(world.lanName)") == true, "\(result)")
      try world.ip("-n", world.lanName, "link", "del", "foreign")
    }
  }

  /// The scenario that people do by hand: `ip link add … type ipvlan`, `ip link set … netns` and so on.
  @Test("the scenario that is done by hand today, line by line")
  func scenario() throws {
    try World.with { world in
      let mac = try command([
        "ip", "netns", "exec", world.hostName, "cat", "/sys/class/net/eth0/address",
      ]).lines[0]
      try run(world, "web", "ipvlan:eth0:l2", "10.20.20.2")
      let rows = try world.swrun("ps").lines
      #expect(
        rows[0].split(separator: " ") == [
          "ID", "NAME", "COMMAND", "STATUS", "NETWORK", "ADDRESS", "PID",
        ])
      #expect(rows[1].contains(" ipvlan:eth0:l2 ") && rows[1].contains(" 10.20.20.2/24 "))
      let links = try world.swrun("exec", "web", "ip", "-br", "-a", "link").lines
      #expect(links.count == 2)
      #expect(links[0].hasPrefix("lo "))
      let parent = try command([
        "ip", "netns", "exec", world.hostName, "cat", "/sys/class/net/eth0/ifindex",
      ]).lines[0]
      #expect(links[1].hasPrefix("eth0@if\(parent) "))
      #expect(links[1].contains(mac))
      let addresses = try world.swrun("exec", "web", "ip", "-br", "addr").lines
      #expect(addresses[0].contains("127.0.0.1/8 ::1/128"))
      // Between them is the operational state, which the kernel works out some time after.
      let words = addresses[1].split(separator: " ").map(String.init)
      #expect(words.first == "eth0@if\(parent)" && words.dropFirst(2) == ["10.20.20.2/24"])
      #expect(
        try world.swrun("exec", "web", "ip", "route").lines.map {
          $0.split(separator: " ").joined(separator: " ")
        }
          == [
            "default via 10.20.20.1 dev eth0",
            "10.20.20.0/24 dev eth0 proto kernel scope link src 10.20.20.2",
          ])
      // On the host the slave is not seen.
      #expect(try world.host("ip", "-o", "link").lines.count == 3)

      // A second network in l3 beside it is refused; on another parent it works.
      let refused = try world.swrun("--net", "ipvlan:eth0:l3", "--ip", "10.30.30.2", "--", "true")
      #expect(refused.code == 125)
      #expect(refused.errors.contains("eth0 carries ipvlan in mode l2 (web)"), "\(refused)")
      try run(world, "routed", "ipvlan:eth1:l3", "10.30.30.2")
      #expect(
        try world.swrun("exec", "routed", "ip", "route").lines[0].hasPrefix("default dev eth0"))
      #expect(
        try world.swrun("exec", "routed", "ip", "-br", "addr").lines[1].contains("10.30.30.2/24"))
      #expect(try world.swrun("stop", "web", "routed").lines == ["web", "routed"])
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "each mode and flag is what the kernel has, and does what it says",
    arguments: ["l2", "l3", "l3s"], ["bridge", "private", "vepa"])
  func modes(_ mode: String, _ flag: String) throws {
    try World.with { world in
      let network = "ipvlan:eth0:\(mode):\(flag)"
      try run(world, "one", network, "10.20.20.2")
      try run(world, "two", network, "10.20.20.3")
      if mode != "l2" {
        // The neighbour learns of a routed instance by a route through the host.
        try world.ip(
          "-n", world.lanName, "route", "add", "10.20.20.2/32", "via", "10.20.20.5", "dev", "p0")
      }
      // One command for all that is seen from inside: each costs seconds under emulation.
      let seen = try world.swrun(
        "exec", "one", "sh", "-c",
        """
        ip -d link show eth0; ip route; ip -br addr show lo
        ping -c 1 -W 2 10.20.20.3 >/dev/null && echo reaches the other
        ping -c 1 -W 5 10.20.20.1 >/dev/null && echo reaches the neighbour
        """
      ).output
      #expect(seen.contains("ipvlan  mode \(mode) \(flag) "), "\(seen)")
      #expect(seen.contains("LOWER_UP"))
      #expect(seen.contains("NOARP") == (mode != "l2"))
      #expect(
        seen.contains(mode == "l2" ? "default via 10.20.20.1 dev eth0" : "default dev eth0"))
      #expect(seen.contains("127.0.0.1/8"))
      // Only bridge lets the slaves of a parent reach one another: vepa leaves it to the switch, and
      // this one does not send back.
      #expect(seen.contains("reaches the other") == (flag == "bridge"), "\(seen)")
      #expect(seen.contains("reaches the neighbour"), "\(seen)")
      #expect(try world.lan("ping", "-c", "1", "-W", "5", "10.20.20.2").code == 0)
      #expect(try world.swrun("stop", "-t", "0", "one", "two").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a mode or flag that would change another's is refused, whoever made that slave")
  func foreign() throws {
    try World.with { world in
      try world.ip(
        "-n", world.hostName, "link", "add", "iv9", "link", "eth0", "type", "ipvlan", "mode", "l3",
        "private")
      func refusal(_ network: String) throws -> String {
        let result = try world.swrun("--net", network, "--ip", "10.20.20.2", "--", "true")
        #expect(result.code == 125, "\(result)")
        return result.errors
      }
      #expect(try refusal("ipvlan:eth0:l2").contains("in mode l3 (iv9)"))
      #expect(try refusal("ipvlan:eth0:l3").contains("with the flag private (iv9)"))
      let elsewhere = "\(world.hostName)x"
      try world.ip("netns", "add", elsewhere)
      defer { _ = try? command(["ip", "netns", "del", elsewhere]) }
      try world.ip("-n", world.hostName, "link", "set", "iv9", "netns", elsewhere)
      #expect(try refusal("ipvlan:eth0:l2").contains("iv9 in network namespace \(elsewhere)"))
      // The foreign slave has kept its mode.
      let link = try command(["ip", "-n", elsewhere, "-d", "link", "show", "iv9"]).output
      #expect(link.contains("mode l3 private"))
    }
  }

  @Test("a parent that carries macvlan is refused, with its holder")
  func macvlan() throws {
    try World.with { world in
      try world.ip("-n", world.hostName, "link", "add", "mv9", "link", "eth0", "type", "macvlan")
      let result = try world.swrun("--net", "ipvlan:eth0", "--ip", "10.20.20.2", "--", "true")
      #expect(result.code == 125)
      #expect(
        result.errors.contains("eth0 cannot carry ipvlan: it already carries macvlan (mv9)"),
        "\(result)")
      try world.ip("-n", world.hostName, "link", "del", "mv9")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("an address that another slave of the parent has is refused with the kernel's words")
  func inUse() throws {
    try World.with { world in
      try world.ip(
        "-n", world.hostName, "link", "add", "iv9", "link", "eth0", "type", "ipvlan", "mode", "l2")
      let elsewhere = "\(world.hostName)x"
      try world.ip("netns", "add", elsewhere)
      defer { _ = try? command(["ip", "netns", "del", elsewhere]) }
      try world.ip("-n", world.hostName, "link", "set", "iv9", "netns", elsewhere)
      try world.ip("-n", elsewhere, "link", "set", "iv9", "up")
      try world.ip("-n", elsewhere, "addr", "add", "10.20.20.9/24", "dev", "iv9")
      let result = try world.swrun("--net", "ipvlan:eth0", "--ip", "10.20.20.9", "--", "true")
      #expect(result.code == 125)
      #expect(result.errors.contains("10.20.20.9 is in use by another slave of eth0"), "\(result)")
      #expect(result.errors.contains("already assigned to an ipvlan device"), "\(result)")
    }
  }

  @Test("what an instance had is free when it has ended, for its own like and for another kind")
  func free() throws {
    try World.with { world in
      let elsewhere = "\(world.hostName)x"
      try world.ip("netns", "add", elsewhere)
      defer { _ = try? command(["ip", "netns", "del", elsewhere]) }
      try world.ip(
        "-n", world.hostName, "link", "add", "iv9", "link", "eth0", "netns", elsewhere, "type",
        "ipvlan", "mode", "l2")
      for _ in 1...5 {
        let result = try world.swrun(
          "--rm", "--net", "ipvlan:eth0", "--ip", "10.20.20.9", "--ip", "fd20::9", "--", "true")
        #expect(result.code == 0, "\(result)")
        // By hand, which waits for nothing.
        for address in ["10.20.20.9/24", "fd20::9/64"] {
          try world.ip("-n", elsewhere, "addr", "add", address, "dev", "iv9")
          try world.ip("-n", elsewhere, "addr", "del", address, "dev", "iv9")
        }
      }
      try world.ip("-n", elsewhere, "link", "del", "iv9")
      // The kernel may be removing the former's slave still, and the parent carries one kind only.
      for kind in ["ipvlan", "macvlan", "ipvlan", "macvlan"] {
        let result = try world.swrun(
          "--rm", "--net", "\(kind):eth0", "--ip", "10.20.20.9", "--", "true")
        #expect(result.code == 0, "\(result)")
      }
      #expect(try world.leftovers() == [])
    }
  }

  @Test("the neighbours are told three times of a new address, in l2")
  func announcements() throws {
    try World.with { world in
      let heard = try start(
        [
          "ip", "netns", "exec", world.lanName, "timeout", "60", "tcpdump", "-l", "-n", "-i", "p0",
          "-c", "3", "arp and arp[6:2] == 1 and src host 10.20.20.2 and dst host 10.20.20.2",
        ])
      // tcpdump says on its standard error when it listens; the interface's flag is the state.
      #expect(try eventually { try world.lan("cat", "/proc/net/packet").lines.count > 1 })
      try run(world, "web", "ipvlan:eth0:l2", "10.20.20.2")
      let result = try heard.finish()
      #expect(result.code == 0, "\(result)")
      #expect(result.lines.filter { $0.contains("10.20.20.2") }.count == 3, "\(result)")
    }
  }

  @Test("thirty instances share a parent, and go without a trace")
  func thirty() throws {
    try World.with { world in
      for number in 1...30 {
        try run(world, "node\(number)", "ipvlan:eth0:l2", "10.20.20.\(100 + number)")
      }
      #expect(try world.swrun("ps", "-q").lines.count == 30)
      #expect(try reaches(world, "node1", "10.20.20.130"))
      #expect(try world.lan("ping", "-c", "1", "-W", "2", "10.20.20.115").code == 0)
      let names = try world.swrun("ps", "-q").lines
      #expect(try world.swrun(["stop", "-t", "0"] + names).code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "however an instance ends, nothing is left, and its address is free at once",
    arguments: ["exits", "is killed", "is stopped", "loses its monitor"])
  func ends(_ way: String) throws {
    try World.with { world in
      let network = ["--net", "ipvlan:eth0:l2", "--ip", "10.20.20.2"]
      if way == "exits" {
        #expect(try world.swrun(["--rm"] + network + ["--", "true"]).code == 0)
      } else {
        try run(world, "web", "ipvlan:eth0:l2", "10.20.20.2")
        let pid = try world.pid("web")
        switch way {
        case "is killed": #expect(try world.swrun("kill", "web").code == 0)
        case "is stopped": #expect(try world.swrun("stop", "web").code == 0)
        default:
          let parent = try readText("/proc/\(pid)/status").split(separator: "\n")
            .first { $0.hasPrefix("PPid:") }?.split(separator: "\t").last.flatMap { Int32($0) }
          kill(try #require(parent), SIGKILL)
        }
      }
      let again = try world.swrun(["--rm"] + network + ["--", "ip", "-br", "addr", "show", "eth0"])
      #expect(again.code == 0, "\(again)")
      #expect(again.output.contains("10.20.20.2/24"))
      #expect(try world.leftovers() == [])
    }
  }

  @Test("IPv4 and IPv6 together, with a default route each")
  func dualStack() throws {
    try World.with { world in
      try world.ip("-n", world.lanName, "addr", "add", "fd20::1/64", "dev", "p0", "nodad")
      let result = try world.swrun(
        "--rm", "--net", "ipvlan:eth0:l2", "--ip", "10.20.20.2", "--ip", "fd20::2", "--", "sh",
        "-c",
        "ip -6 route; ping -c 1 -W 5 fd20::1 && ping -c 1 -W 5 10.20.20.1")
      #expect(result.code == 0, "\(result)")
      #expect(result.output.contains("default via fd20::1 dev eth0"))
    }
  }
}
