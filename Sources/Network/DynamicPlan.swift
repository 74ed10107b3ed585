public import Netlink

/// What the LAN says of an interface: a DHCP server's lease, a router's advertisements.
extension InterfacePlan {
  public var usesDhcp: Bool { spec.sources.contains(.dhcp) }
  public var usesSlaac: Bool { spec.sources.contains(.slaac) }

  /// Bytes, where it is not the parent's: as asked for, else as the lease says.
  public var mtu: UInt32? { spec.mtu ?? lease?.mtu.map { min($0, parent.mtu) } }

  /// Puts a lease in the place of the one that was there, or of none.
  public mutating func adopt(_ new: DhcpLease?) {
    if let lease {
      let gone = Set(leasedRoutes(lease))
      addresses.removeAll { $0 == lease.address }
      routes.removeAll(where: gone.contains)
      spareRoutes.removeAll(where: gone.contains)
    }
    lease = new
    guard let new else { return }
    addresses.append(new.address)
    routes += leasedRoutes(new)
  }

  /// The same before the LAN and other interfaces have had their say, to be made once more.
  public func withoutLease() -> InterfacePlan {
    var plan = self
    plan.adopt(nil)
    plan.routes += plan.spareRoutes
    plan.spareRoutes = []
    return plan
  }

  /// Leaves the default route to another interface that has one already.
  public mutating func settle(beside others: [InterfacePlan]) {
    for route in routes where route.isDefault && spec.metric == nil {
      let taken = others.contains { other in
        other.spec.metric == nil
          && other.routes.contains { $0.isDefault && $0.isIPv4 == route.isIPv4 }
      }
      guard taken else { continue }
      routes.removeAll { $0 == route }
      spareRoutes.append(route)
    }
  }

  /// The routes that can be made once the lease is there: those that were asked for, which count more,
  /// and the server's.
  private func leasedRoutes(_ lease: DhcpLease) -> [Route] {
    if spec.isInternal { return [] }
    var found = spec.routes.filter(\.isIPv4).map {
      Route(to: $0.destination, gateway: $0.gateway, metric: spec.metric)
    }
    let gateway = spec.gateways.lazy.compactMap { gateway -> IPAddress? in
      if case .address(let address) = gateway, address.isIPv4 { address } else { nil }
    }.first
    let leadsOut = spec.leadsOut != false && !spec.gateways.contains(.none)
    if leadsOut, let gateway {
      found.append(.defaultRoute(ipv4: true, gateway: gateway, metric: spec.metric))
    }
    for hop in lease.hops where hop.destination.prefix > 0 || (leadsOut && gateway == nil) {
      guard !found.contains(where: { $0.destination == hop.destination }) else { continue }
      found.append(Route(to: hop.destination, gateway: hop.gateway, metric: spec.metric))
    }
    return found
  }

  /// The routes of an interface with SLAAC that need its address.
  public var advertisedRoutes: [Route] {
    usesSlaac
      ? spec.routes.filter { !$0.isIPv4 }.map {
        Route(to: $0.destination, gateway: $0.gateway, metric: spec.metric)
      } : []
  }

  /// Whether the interface heeds routers. One whose addresses were chosen does not, so that it has the
  /// routes that it was given, once; one that was asked for without any does as the kernel likes.
  var routerSettings: [NetworkSpec.Sysctl] {
    func setting(_ key: String, _ value: String) -> NetworkSpec.Sysctl {
      NetworkSpec.Sysctl(table: "ipv6/conf", key: key, value: value)
    }
    if spec.withoutAddress { return [] }
    // Where advertisements are not accepted, nothing is configured from them (`ndisc_router_discovery`,
    // net/ipv6/ndisc.c).
    guard usesSlaac else { return [setting("accept_ra", "0")] }
    let metric = spec.metric.map { [setting("ra_defrtr_metric", "\($0)")] } ?? []
    return [
      setting("accept_ra", "1"), setting("autoconf", "1"),
      setting("accept_ra_defrtr", followsRouter ? "1" : "0"),
    ] + metric
  }
}

extension NetworkPlanner {
  /// Refuses a source of addresses that cannot give any here, or that something else excludes.
  func checkSources(_ spec: NetworkSpec) throws(NetworkError) {
    guard !spec.sources.isEmpty else { return }
    let what = "--net \(spec.summary): ip=\(list(spec.sources.map(\.rawValue).sorted()))"
    if spec.withoutAddress {
      throw NetworkError("\(what) and ip=none exclude each other")
    }
    switch spec.kind {
    case .ipvlan(let ipvlan) where ipvlan.mode != .l2:
      throw NetworkError(
        "\(what) has no meaning in \(ipvlan.mode.rawValue): broadcasts and advertisements of the LAN do not reach the slaves, since the host routes. Use l2"
      )
    case .ipvlan, .macvlan: break
    // One that the host has, and that leads to its LAN.
    case .bridge where spec.ownBridge == nil: break
    default:
      throw NetworkError(
        "\(what) needs a LAN with its servers: use ipvlan:PARENT:l2, macvlan:PARENT or bridge:NAME")
    }
    if spec.hasHostAccess {
      throw NetworkError(
        "\(what) and host-access exclude each other: the host's routes need addresses that are known. Give one with ip=A"
      )
    }
    for (source, ipv4) in [(NetworkSpec.Source.dhcp, true), (.slaac, false)]
    where spec.sources.contains(source) {
      if let address = spec.addresses.first(where: { $0.address.isIPv4 == ipv4 }) {
        throw NetworkError(
          "--net \(spec.summary): ip=\(source.rawValue) and the address \(address.address) exclude each other; leave one out"
        )
      }
    }
    if spec.sources.contains(.slaac),
      let gateway = spec.gateways.lazy.compactMap({ gateway -> IPAddress? in
        if case .address(let address) = gateway, !address.isIPv4 { address } else { nil }
      }).first
    {
      throw NetworkError(
        "the gateway \(gateway): with ip=slaac the default route leads to the router that advertises itself. Leave it out, or use --gateway none"
      )
    }
  }

  /// Whether a router that advertises itself may be the default route.
  func followsRouter(_ spec: NetworkSpec) -> Bool {
    spec.sources.contains(.slaac) && !spec.isInternal && spec.leadsOut != false
      && !spec.gateways.contains(.none)
  }
}
