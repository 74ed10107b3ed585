import Linux
import TestSupport
import Testing

@Suite("faults on ipvlan", .serialized)
struct FaultTests {
  @Test("whatever step of an attach with a VLAN and host access fails, nothing is left")
  func everyStep() throws {
    try World.with { world in
      let created = try world.swrun(
        "network", "create", "--subnet", "10.60.0.0/24", "--subnet", "fd60::/64", "--opt",
        "parent=eth0.60", "--opt", "mode=l3s", "--opt", "proxy-arp", "--opt", "host-access", "lan")
      #expect(created.code == 0, "\(created)")
      // The VLAN has the host's address, and so is the host's own here.
      try world.ip(
        "-n", world.hostName, "link", "add", "link", "eth0", "name", "eth0.60", "up", "type",
        "vlan", "id", "60")
      try world.ip("-n", world.hostName, "addr", "add", "10.60.0.9/24", "dev", "eth0.60")
      try world.ip("-n", world.hostName, "addr", "add", "fd60::9/64", "dev", "eth0.60", "nodad")
      let settings =
        "cd /proc/sys/net; cat ip*/conf/eth0.60/forwarding ipv6/conf/eth0.60/*_ndp; ip route; ip -6 route; ip neigh show proxy; ip -o link"
      let before = try world.host("sh", "-c", settings).output
      var fault = 0
      while true {
        fault += 1
        let result = try command(
          world.testBuild([
            "--rm", "--net", "lan", "--net", "ipvlan:eth1.61,ip=10.61.0.2/24", "--", "true",
          ]), environment: world.testBuildEnvironment.merging(["SWRUN_FAULT": "\(fault)"]) { $1 })
        if result.code == 0 { break }
        #expect(result.code == 125 && result.errors.contains("injected fault after"), "\(result)")
        let after = try world.host("sh", "-c", settings).output
        #expect(after == before, "fault \(fault): \(result)")
        let resources = try command([
          "find", "\(world.directory)/run/host", "\(world.directory)/lib/leases", "(", "-path",
          "*/host/*/*", "-o", "-type", "l", ")",
        ])
        #expect(resources.output == "", "fault \(fault): \(result) \(resources)")
        try #require(fault < 100)
      }
      // The VLAN of eth1, the shim, a route and a setting for each family at least.
      #expect(fault > 15, "only \(fault) faults")
      #expect(try world.host("sh", "-c", settings).output == before)
      try world.ip("-n", world.hostName, "link", "del", "eth0.60")
      #expect(try world.leftovers() == [])
    }
  }
}
