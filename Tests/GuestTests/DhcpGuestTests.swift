import Glibc
import Linux
import TestSupport
import Testing

/// DHCP and SLAAC over ipvlan, whose slaves all have one MAC address.
@Suite("DHCP over ipvlan", .serialized)
struct DhcpGuestTests {
  @Test("two instances have two addresses of the LAN's server, renew them and give them back")
  func two() throws {
    try World.with { world in
      try world.ip("-n", world.lanName, "addr", "add", "fd20::1/64", "dev", "p0", "nodad")
      // Who does not forward says in its neighbour advertisements that it is no router (RFC 4861
      // section 7.2.5), and the default route goes.
      #expect(try world.lan("sysctl", "-w", "net.ipv6.conf.all.forwarding=1").code == 0)
      let server = try Dnsmasq(
        world, "--dhcp-range=10.20.20.50,10.20.20.99,255.255.255.0,2m", "--enable-ra",
        "--dhcp-range=fd20::,ra-only,64,10m", "--dhcp-option=option:T1,15s",
        "--dhcp-option=option:T2,100s")
      defer { server.stop() }
      let started = try ["one", "two"].map { name in
        try world.startSwrun(
          "-d", "--name", name, "--net", "ipvlan:eth0:l2,ip=dhcp,ip=slaac", "--", "sleep", "1000")
      }
      for command in started {
        let result = try command.finish()
        #expect(result.code == 0, "\(result) \(server.log)")
      }
      let leases = server.leases
      let one = try #require(leases["one"], "\(server.log)")
      let two = try #require(leases["two"], "\(server.log)")
      #expect(one != two)
      let seen = try world.swrun(
        "exec", "one", "sh", "-c",
        """
        ip -br addr show eth0; ip -4 route; ip -6 route show default
        ping -c 1 -W 5 10.20.20.1 >/dev/null && echo reaches the router
        ping -c 1 -W 5 \(two) >/dev/null && echo reaches the other
        """
      ).output
      #expect(seen.contains("\(one)/24") && seen.contains("fd20::"), "\(seen)")
      #expect(seen.contains("default via 10.20.20.1 dev eth0"), "\(seen)")
      #expect(
        seen.split(separator: "\n").count { $0.hasPrefix("default via fe80::") } == 1, "\(seen)")
      #expect(seen.contains("reaches the router") && seen.contains("reaches the other"), "\(seen)")
      // Renewed in silence: acknowledged again, with no other offer.
      let offers = server.log.split(separator: "\n").count { $0.contains("DHCPOFFER(p0)") }
      #expect(
        eventually(seconds: 120) {
          let lines = server.log.split(separator: "\n")
          return [one, two].allSatisfy { address in
            lines.count { $0.contains("DHCPACK(p0) \(address) ") } >= 2
          }
        }, "\(server.log)")
      #expect(server.log.split(separator: "\n").count { $0.contains("DHCPOFFER(p0)") } == offers)
      #expect(try world.swrun("rm", "-f", "one", "two").code == 0)
      for address in [one, two] {
        #expect(eventually { server.log.contains("DHCPRELEASE(p0) \(address)") }, "\(server.log)")
      }
      server.stop()
      #expect(try world.leftovers() == [])
    }
  }
}
