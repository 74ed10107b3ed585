import Linux
import TestSupport
import Testing

@Suite("user namespaces", .serialized)
struct UserNamespaceTests {
  @Test("an ipvlan slave in a user namespace reaches the LAN", arguments: ["l2", "l3"])
  func ipvlan(_ mode: String) throws {
    try World.with { world in
      if mode == "l3" {
        // The neighbour learns of a routed instance by a route through the host.
        try world.ip(
          "-n", world.lanName, "route", "add", "10.20.20.2/32", "via", "10.20.20.5", "dev", "p0")
      }
      let result = try world.swrun(
        "--rm", "--net", "ipvlan:eth0:\(mode)", "--ip", "10.20.20.2", "--userns", "0:100000:65536",
        "--", "sh", "-c",
        "ping -c1 -W5 10.20.20.1 >/dev/null && echo pong; ip link set eth0 down 2>/dev/null && echo DOWN; sed -E 's/ +/ /g' /proc/self/uid_map"
      )
      #expect(result.output == "pong\n 0 100000 65536\n", "\(result)")
      #expect(try world.leftovers() == [])
    }
  }
}
