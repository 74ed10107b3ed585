import Netlink

/// Which routes an interface gets.
extension NetworkPlanner {
  mutating func defaultRoute(
    _ spec: NetworkSpec, _ driver: any LinkDriver, ipv4: Bool,
    _ addresses: [InterfaceAddress], _ parent: Link
  ) throws -> Route? {
    if spec.isInternal || spec.leadsOut == false { return nil }
    // Whoever gives the address leads to the gateway, or to one of the user's choice then.
    if spec.sources.contains(ipv4 ? .dhcp : .slaac) { return nil }
    let subnets = addresses.filter { $0.address.isIPv4 == ipv4 }
    var wanted =
      spec.gateways.isEmpty
      ? spec.pools.first { pool in subnets.contains { pool.subnet.contains($0.address) } }?.gateway
        ?? .automatic : .automatic
    if wanted == NetworkSpec.Gateway.none { return nil }
    for gateway in spec.gateways {
      switch gateway {
      case .automatic: break
      case .none: return nil
      case .address(let address) where address.isIPv4 == ipv4:
        if case .address = wanted {
          throw NetworkError("two gateways of one family are given; a default route has one")
        }
        wanted = gateway
      case .address: break
      }
    }
    if case .address(let gateway) = wanted {
      guard driver.hasNeighbours else {
        throw NetworkError(
          "the gateway \(gateway) has no meaning in \(spec.summary): the host routes there, and the default route is on-link. Leave --gateway out"
        )
      }
      let linkLocal = gateway.isLinkLocalIPv6 && !subnets.isEmpty
      guard linkLocal || subnets.contains(where: { $0.contains(gateway) }) else {
        let place = subnets.map { "\($0.network)/\($0.prefix)" }
        throw NetworkError(
          "the gateway \(gateway) is outside the subnet\(place.isEmpty ? "" : " " + list(place)). Use one inside it, or --gateway none"
        )
      }
      if let own = subnets.first(where: { $0.address == gateway }) {
        throw NetworkError("\(own.address) cannot be both the instance's address and its gateway")
      }
      if let subnet = subnets.first(where: { $0.contains(gateway) }) {
        try checkGateway(gateway, in: subnet)
      }
      return Route.defaultRoute(ipv4: ipv4, gateway: gateway, metric: spec.metric)
    }
    guard let subnet = subnets.first else { return nil }
    guard driver.hasNeighbours else {
      return Route.defaultRoute(ipv4: ipv4, gateway: nil, metric: spec.metric)
    }
    let hosts = try host.defaultGateways(through: parent.index, ipv4: ipv4)
    if let gateway = hosts.first(where: { gateway in
      gateway.isLinkLocalIPv6 || subnets.contains { $0.contains(gateway) }
    }) {
      return Route.defaultRoute(ipv4: ipv4, gateway: gateway, metric: spec.metric)
    }
    // No router can be told from the subnet of a single address or of a pair.
    let first = subnet.network.next
    guard subnet.prefix < subnet.address.bitCount - 1, first != subnet.address else { return nil }
    return Route.defaultRoute(ipv4: ipv4, gateway: first, metric: spec.metric)
  }

  private func checkGateway(
    _ gateway: IPAddress, in subnet: InterfaceAddress
  ) throws(NetworkError) {
    guard gateway.isIPv4, subnet.prefix < 31 else { return }
    if gateway == subnet.network || gateway == subnet.last {
      throw NetworkError(
        "the gateway \(gateway) is the \(gateway == subnet.last ? "broadcast" : "network") address of \(subnet.network)/\(subnet.prefix). Use a router's address"
      )
    }
  }

  /// What `route=` asks for. Where a gateway is a neighbour it has to be in a subnet of the interface.
  func staticRoutes(
    _ spec: NetworkSpec, _ driver: any LinkDriver, _ addresses: [InterfaceAddress]
  ) throws -> [Route] {
    try spec.routes.compactMap { route in
      if spec.isInternal {
        throw NetworkError(
          "the route to \(route.destination): the network \(spec.network ?? "") is internal and leads nowhere"
        )
      }
      if let gateway = route.gateway {
        guard driver.hasNeighbours else {
          throw NetworkError(
            "the route to \(route.destination) via \(gateway): in \(spec.summary) the host routes, and there are no gateways. Leave @\(gateway) out"
          )
        }
        let reachable =
          gateway.isLinkLocalIPv6 || spec.sources.contains(route.isIPv4 ? .dhcp : .slaac)
          || addresses.contains { $0.contains(gateway) }
        guard reachable else {
          throw NetworkError(
            "the route to \(route.destination): its gateway \(gateway) is outside the subnet \(list(addresses.map { "\($0.network)/\($0.prefix)" }))"
          )
        }
      }
      // Of a family whose address is yet to come they wait for it.
      if spec.sources.contains(route.isIPv4 ? .dhcp : .slaac) { return nil }
      return Route(to: route.destination, gateway: route.gateway, metric: spec.metric)
    }
  }
}

/// Which of several default routes an instance has: the kernel takes one of each metric and family.
public enum RouteChoice {
  /// Leaves of those without a metric of their own the first, or the one that was said to lead out.
  ///
  /// - Parameter decided: how many of the plans, from the first, are carried out already.
  public static func settle(_ plans: [InterfacePlan], decided: Int) -> [InterfacePlan] {
    var settled = plans
    for ipv4 in [true, false] {
      let candidates = plans.indices.filter { index in
        plans[index].spec.metric == nil
          && (plans[index].routes.contains { $0.isDefault && $0.isIPv4 == ipv4 }
            || (!ipv4 && plans[index].followsRouter))
      }
      let chosen =
        candidates.first { $0 < decided } ?? candidates.first { plans[$0].spec.leadsOut == true }
        ?? candidates.first
      for index in candidates where index != chosen {
        settled[index].spareRoutes += settled[index].routes.filter {
          $0.isDefault && $0.isIPv4 == ipv4
        }
        settled[index].routes.removeAll { $0.isDefault && $0.isIPv4 == ipv4 }
        if !ipv4 { settled[index].followsRouter = false }
      }
    }
    return settled
  }
}
