public import Netlink
import Network

/// A route that the LAN's router needs to reach instances in l3 or l3s: they have no neighbours there,
/// and the host routes to them.
public struct UpstreamRoute: Hashable, Sendable, Encodable {
  public let destination: InterfaceAddress
  /// The host's address on the parent.
  public let gateway: IPAddress

  public init(to destination: InterfaceAddress, gateway: IPAddress) {
    self.destination = destination
    self.gateway = gateway
  }

  /// How routers' command lines spell a static route.
  public enum Spelling: String, CaseIterable, Sendable {
    /// ip-route(8).
    case ip
    /// FRR's and Quagga's vtysh.
    case frr
    /// Cisco IOS, with a netmask for IPv4.
    case cisco
    /// MikroTik RouterOS 7.
    case routeros

    public var title: String {
      switch self {
      case .ip: "Linux (ip)"
      case .frr: "FRR (vtysh, configure terminal)"
      case .cisco: "Cisco IOS (configure terminal)"
      case .routeros: "MikroTik RouterOS 7"
      }
    }
  }

  public func line(_ spelling: Spelling) -> String {
    let family = destination.address.isIPv4 ? "ip" : "ipv6"
    switch spelling {
    case .ip: return "ip \(family == "ip" ? "" : "-6 ")route add \(destination) via \(gateway)"
    case .frr: return "\(family) route \(destination) \(gateway)"
    case .cisco:
      guard destination.address.isIPv4 else { return "ipv6 route \(destination) \(gateway)" }
      return "ip route \(destination.address) \(netmask) \(gateway)"
    case .routeros: return "/\(family)/route/add dst-address=\(destination) gateway=\(gateway)"
    }
  }

  private var netmask: IPAddress {
    IPAddress(
      value: destination.prefix == 0
        ? 0 : UInt128(UInt32.max << (32 - UInt32(destination.prefix))), isIPv4: true)
  }
}

extension Networks {
  /// What the LAN's router has to know to reach a network's instances.
  public enum Upstream: Sendable {
    case routes([UpstreamRoute])
    /// Nothing, and why.
    case none(String)
  }

  /// - Throws: that the host has no address on the parent which the routes could lead to.
  public func upstream(_ name: String) throws -> Upstream {
    let record = try record(name)
    let network = record.definition
    if network.hasPrivateParent {
      return .none("\(name) leads nowhere: it is internal, or has no parent")
    }
    guard case .ipvlan(let ipvlan) = network.kind, ipvlan.mode != .l2 else {
      if case .bridge = network.kind {
        return .none(
          "instances of \(name) are behind the host's address; the LAN reaches their published ports there"
        )
      }
      return .none(
        "instances of \(name) are on the LAN themselves and answer for their addresses")
    }
    if network.options.proxyArp {
      return .none("the host answers on the LAN for the instances of \(name) (proxy-arp)")
    }
    var host = try NetlinkSocket()
    guard let parent = try host.link(named: network.parent) else {
      throw NetworkError(
        "the parent \(network.parent) of the network \(name) is not there, and so neither is the address that routes would lead to"
      )
    }
    let own = try host.addresses().filter { $0.interface == parent.index }.map(\.address)
      .filter { !$0.address.isLinkLocalIPv6 }
    var routes: [UpstreamRoute] = []
    for pool in record.pools {
      let ipv4 = pool.subnet.address.isIPv4
      guard let gateway = own.first(where: { $0.address.isIPv4 == ipv4 })?.address else {
        throw NetworkError(
          "the host has no \(ipv4 ? "IPv4" : "IPv6") address on \(parent.name) that a route to \(pool.subnet) could lead to. Give it one: ip addr add ADDRESS dev \(parent.name)"
        )
      }
      // Where the LAN has the same subnet, only what is more specific gets there.
      let isLAN = own.contains {
        $0.contains(pool.subnet.address) || pool.subnet.contains($0.address)
      }
      let destinations =
        !isLAN
        ? [pool.subnet]
        : pool.range.map { [$0] }
          ?? record.members.flatMap(\.addresses).compactMap { InterfaceAddress($0)?.address }
          .filter(pool.subnet.contains).map(InterfaceAddress.init(single:))
      routes += destinations.map { UpstreamRoute(to: $0, gateway: gateway) }
    }
    if routes.isEmpty {
      return .none(
        "\(name) has the LAN's own subnet and no --ip-range, so each instance needs a route of its own, and none runs"
      )
    }
    return .routes(routes)
  }
}
