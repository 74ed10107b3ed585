import Testing

@testable import Linux
@testable import Netlink
@testable import Network

private func ip(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
private func subnet(_ text: String) throws -> InterfaceAddress {
  try #require(InterfaceAddress(text))
}

@Suite("the host's resources")
struct HostResourceTests {
  @Test("a parent's name says its VLAN, and a number that no VLAN has is refused")
  func vlanNames() throws {
    #expect(try VLANName("eth0.20").map { "\($0.base) \($0.id)" } == "eth0 20")
    #expect(try VLANName("br.lan.4094").map { "\($0.base) \($0.id)" } == "br.lan 4094")
    for plain in ["eth0", "eth0.", ".20", "eth0.2x"] { #expect(try VLANName(plain) == nil) }
    for wrong in ["eth0.0", "eth0.4095", "eth0.99999"] {
      #expect(throws: NetworkError.self) { try VLANName(wrong) }
    }
  }

  @Test("a resource explains itself as the command that people know")
  func explanations() throws {
    let resources: [HostResource] = [
      .vlan(name: "eth0.20", base: "eth0", id: 20), .dummy(name: "swd-1"),
      .shim(name: "swh-eth0", parent: "eth0", mode: .l2, flag: .bridge),
      .route(
        destination: try subnet("10.0.0.2/32"), interface: "swh-eth0", source: try ip("10.0.0.1")),
      .neighbour(
        address: try ip("10.0.0.2"), hardwareAddress: [2, 0, 0, 0, 0, 10], interface: "swh-eth0"),
      .neighbour(address: try ip("fd00::2"), hardwareAddress: nil, interface: "eth0"),
      .sysctl(path: "ipv4/conf/eth0/forwarding", value: "1"),
    ]
    #expect(
      resources.map(\.explanation) == [
        "ip link add link eth0 name eth0.20 up type vlan id 20", "ip link add swd-1 up type dummy",
        "ip link add link eth0 name swh-eth0 up type ipvlan mode l2 bridge",
        "ip route add 10.0.0.2/32 dev swh-eth0 src 10.0.0.1",
        "ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:0a dev swh-eth0",
        "ip neigh add proxy fd00::2 dev eth0", "sysctl -w net/ipv4/conf/eth0/forwarding=1",
      ])
    #expect(Set(resources.map(\.key)).count == resources.count)
  }

  @Test("host access needs an address of the host, and tells the instance of IPv6 alone")
  func hostAccess() throws {
    let parent = Link(expected: "a-long-name-0", kind: "veth", mtu: 1500)
    let ipvlan = Ipvlan(parent: "a-long-name-0")
    let wanted = [try subnet("fd00::2/64")]
    #expect(throws: NetworkError.self) {
      try HostAccess.resources(
        ipvlan, parent, wanted, hostAddresses: [try subnet("10.0.0.1/24")])
    }
    let own = [try subnet("fe80::1/64"), try subnet("fd00::1/64"), try subnet("10.0.0.1/24")]
    let resources = try HostAccess.resources(ipvlan, parent, wanted, hostAddresses: own)
    #expect(resources.count == 3)
    #expect(HostAccess.shim(on: "eth0") == "swh-eth0")
    #expect(HostAccess.shim(on: "a-long-name-0").utf8.count <= 15)
    #expect(
      HostAccess.neighbours(ipvlan, parent, hostAddresses: own).map(\.address)
        == [try ip("fd00::1")])
    let routed = Ipvlan(parent: "a-long-name-0", mode: .l3)
    #expect(HostAccess.neighbours(routed, parent, hostAddresses: own).isEmpty)
  }
}

@Suite("routes")
struct RouteTests {
  private func plan(_ text: String, _ gateway: String) throws -> InterfacePlan {
    let spec = try NetworkSpec(parsing: text)
    var plan = InterfacePlan(
      spec: spec, parent: Link(expected: "eth0", kind: "veth", mtu: 1500), name: "eth0",
      addresses: [])
    plan.routes = [.defaultRoute(ipv4: true, gateway: try ip(gateway), metric: spec.metric)]
    return plan
  }

  private func gateways(_ plans: [InterfacePlan], decided: Int = 0) -> [[String]] {
    RouteChoice.settle(plans, decided: decided).map { $0.routes.map { "\($0.text)" } }
  }

  @Test("the first interface leads out, unless another is told to, or has a metric")
  func choice() throws {
    let first = try plan("ipvlan:eth0", "10.0.0.1")
    let second = try plan("ipvlan:eth1", "10.1.0.1")
    let chosen = try plan("ipvlan:eth1,defaultroute=yes", "10.1.0.1")
    let metric = try plan("ipvlan:eth1,metric=200", "10.1.0.1")
    #expect(gateways([first, second]) == [["default via 10.0.0.1"], []])
    #expect(gateways([first, chosen]) == [[], ["default via 10.1.0.1"]])
    #expect(gateways([first, metric]) == [["default via 10.0.0.1"], ["default via 10.1.0.1"]])
    // What an instance has it keeps.
    #expect(gateways([first, chosen], decided: 1) == [["default via 10.0.0.1"], []])
    let spare = RouteChoice.settle([first, second], decided: 0)[1].spareRoutes
    #expect(spare.map(\.text) == ["default via 10.1.0.1"])
  }

  @Test(
    "keys of routes, metrics, MAC addresses and settings are read, and refused where they are wrong"
  )
  func keys() throws {
    let spec = try NetworkSpec(
      parsing:
        "macvlan:eth0,route=10.9.0.0/16@10.0.0.1,route=fd09::/32,metric=7,mac=02:00:00:00:00:0A,sysctl=ipv4.rp_filter=2,sysctl=net.ipv6.neigh.IFNAME.gc_stale_time=60,defaultroute=no,ip=dhcp,probe=no"
    )
    #expect(spec.routes.map(\.text) == ["10.9.0.0/16 via 10.0.0.1", "fd09::/32"])
    #expect(spec.metric == 7 && spec.leadsOut == false && spec.probes == false)
    #expect(spec.hardwareAddress == [2, 0, 0, 0, 0, 10] && spec.sources == [.dhcp])
    #expect(
      spec.sysctls.map { $0.path(of: "eth3") } == [
        "ipv4/conf/eth3/rp_filter", "ipv6/neigh/eth3/gc_stale_time",
      ])
    for wrong in [
      "route=10.9.0.1/16", "route=0.0.0.0/0@10.0.0.1", "route=10.9.0.0/16@fd00::1", "route=x",
      "metric=0", "metric=-1", "metric=4294967296", "mac=01:00:00:00:00:01",
      "mac=00:00:00:00:00:00", "mac=02:00:00:00:00", "mac=02:00:00:00:00:0g",
      "sysctl=kernel.hostname=x", "sysctl=net.ipv4.ip_forward=1",
      "sysctl=net.ipv4.conf.all.rp_filter=0", "sysctl=ipv4.../../x=1", "sysctl=ipv4.rp_filter",
      "defaultroute=maybe", "probe=2", "ip=dhcp,ip=dhcp",
    ] {
      #expect(throws: NetworkError.self, "\(wrong)") {
        try NetworkSpec(parsing: "macvlan:eth0,\(wrong)")
      }
    }
  }

  @Test("routes and neighbours are asked for byte for byte")
  func messages() throws {
    let route = NetlinkSocket.message(
      .newRoute, [.create, .exclusive],
      Route(
        to: try subnet("10.9.0.0/16"), gateway: try ip("10.0.0.1"), metric: 7,
        source: try ip("10.0.0.2")), through: 5)
    let expected: [UInt8] =
      [68, 0, 0, 0, 24, 0, 0x05, 0x06] + [UInt8](repeating: 0, count: 8)
      + [2, 16, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0]
      + [8, 0, 1, 0, 10, 9, 0, 0, 8, 0, 5, 0, 10, 0, 0, 1, 8, 0, 7, 0, 10, 0, 0, 2]
      + [8, 0, 4, 0, 5, 0, 0, 0, 8, 0, 6, 0, 7, 0, 0, 0]
    #expect(route.bytes == expected)
    // On-link, the default route of IPv4 has the scope of the link and no destination.
    let link = NetlinkSocket.message(
      .newRoute, [], .defaultRoute(ipv4: true, gateway: nil), through: 5)
    #expect(
      Array(link.bytes[16...]) == [2, 0, 0, 0, 254, 3, 253, 1, 0, 0, 0, 0, 8, 0, 4, 0, 5, 0, 0, 0])
    let neighbour = NetlinkSocket.message(
      .newNeighbour, [.create],
      Neighbour(try ip("10.0.0.2"), hardwareAddress: [2, 0, 0, 0, 0, 1]), on: 3)
    #expect(
      Array(neighbour.bytes[16...]) == [
        2, 0, 0, 0, 3, 0, 0, 0, 0x80, 0, 0, 0, 8, 0, 1, 0, 10, 0, 0, 2, 10, 0, 2, 0, 2, 0, 0, 0, 0,
        1, 0, 0,
      ])
    let proxy = NetlinkSocket.message(
      .newNeighbour, [.create], Neighbour(try ip("10.0.0.2"), hardwareAddress: nil), on: 3)
    #expect(Array(proxy.bytes[16..<28]) == [2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 8, 0])
  }

  @Test("what comes from the kernel about links is read, and what is cut off is not")
  func linkEvents() {
    let name: [UInt8] = [9, 0, 3, 0] + Array("eth0".utf8) + [0, 0, 0, 0]
    let header: [UInt8] = [0, 0, 1, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    let message: [UInt8] =
      [UInt8(16 + header.count + name.count), 0, 0, 0, 17, 0, 0, 0]
      + [UInt8](repeating: 0, count: 8)
      + header + name
    guard case .removed(let link)? = LinkWatch.events(in: message[...]).first else {
      Issue.record("no event")
      return
    }
    #expect(link.name == "eth0" && link.index == 7)
    for length in 0..<message.count {
      #expect(LinkWatch.events(in: message.prefix(length)).isEmpty)
    }
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 0...80)).map { _ in UInt8.random(in: 0...255) }
      _ = LinkWatch.events(in: bytes[...])
    }
  }
}
