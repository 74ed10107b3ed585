import Linux
import Netlink
import Network

/// Interfaces whose addresses the LAN gives, while the instance runs: leases that go on, change and
/// end, and what routers advertise.
extension InterfaceMonitor {
  /// Watches an interface whose addresses come from the LAN.
  func keep(_ keeper: LeaseKeeper) {
    keepers.append(keeper)
    try? epoll.add(keeper.client.fd, key: Key.leases.rawValue)
  }

  /// Begins to look for addresses of an interface that has just been made; nobody waits for them.
  func seek(_ plan: InterfacePlan) throws {
    if plan.usesSlaac { watchAdvertisements() }
    guard plan.usesDhcp else { return }
    let keeper = try LeaseKeeper(plan, of: record, &network)
    keep(keeper)
    update(plan.name) { $0.waiting = "a DHCP server is asked" }
    keeper.client.begin()
  }

  func watchAdvertisements() {
    guard advertisements == nil, plans.contains(where: \.usesSlaac) else { return }
    guard let namespace = try? network.namespaceHandle(),
      let watch = try? namespace.visit({ try LinkWatch([.ipv6Addresses, .ipv6Routes]) })
    else { return }
    try? epoll.add(watch.fd, key: Key.advertisements.rawValue)
    advertisements = consume watch
    for plan in plans where plan.usesSlaac { publish(plan) }
  }

  /// Something of the instance's IPv6 addresses or routes has changed.
  func followAdvertisements() {
    switch advertisements {
    case .some(let watch): _ = watch.events()
    case .none: return
    }
    for plan in plans where plan.usesSlaac { publish(plan) }
  }

  /// Does what is due with the leases.
  func keepLeases() {
    for keeper in keepers {
      guard let event = keeper.client.handle() else { continue }
      follow(event, keeper)
    }
  }

  private func follow(_ event: DhcpEvent, _ keeper: LeaseKeeper) {
    switch event {
    case .acquired(let lease), .renewed(let lease, changed: true): take(lease, keeper)
    case .renewed(let lease, changed: false):
      keeper.note(lease)
      if let plan = plans.first(where: { $0.name == keeper.interface }) { publish(plan) }
    case .lost(let reason): drop(keeper, reason)
    }
  }

  /// The interface gets what the lease says. One that cannot be used is declined.
  private func take(_ lease: DhcpLease, _ keeper: LeaseKeeper) {
    guard let position = plans.firstIndex(where: { $0.name == keeper.interface }) else { return }
    keeper.note(lease)
    do {
      let former = plans[position]
      let neighbour = try former.probe(lease, &host)
      if let reason = try LeaseCheck.conflict(lease, neighbour, former, &host) {
        throw NetworkError(reason)
      }
      var plan = former
      plan.adopt(lease)
      plan.settle(beside: plans.filter { $0.name != plan.name })
      plans[position] = plan
      try network.change(from: former, to: plan)
      publish(plan)
      announce()
    } catch {
      keeper.client.decline()
      drop(keeper, "\(error)")
    }
  }

  /// The interface has no lease any more; another is looked for.
  private func drop(_ keeper: LeaseKeeper, _ reason: String) {
    guard let position = plans.firstIndex(where: { $0.name == keeper.interface }) else { return }
    let former = plans[position]
    plans[position].adopt(nil)
    try? network.change(from: former, to: plans[position])
    publish(plans[position])
    update(keeper.interface) { $0.waiting = reason }
    if former.routes.contains(where: { $0.isDefault && $0.isIPv4 && $0.metric == nil }) {
      replaceDefaultRoute(ipv4: true)
    }
  }

  /// Writes down what has become of an interface, where that is new.
  private func publish(_ plan: InterfacePlan) {
    let keeper = keepers.first { $0.interface == plan.name }
    let advertised = plan.usesSlaac ? network.advertised(plan.name) : .init()
    // One that the kernel does not take is tried again with the next change.
    if plan.usesSlaac { try? network.addAdvertisedRoutes(plan) }
    guard let known = record.state.networks.first(where: { $0.interface == plan.name }) else {
      return
    }
    var next = known
    next.take(plan, advertised, keeper)
    if next.lease != nil { next.waiting = nil }
    if next != known { update(plan.name) { $0 = next } }
    if next.lease?.nameServers != known.lease?.nameServers
      || next.lease?.searchDomains != known.lease?.searchDomains
    {
      record.publishResolver()
    }
  }

  /// The interface was made again, or has another MAC address: whether its lease still holds is asked.
  func resumeLease(_ name: String) {
    guard let keeper = keepers.first(where: { $0.interface == name }),
      let link = network.link(name)
    else { return }
    keeper.client.resume(on: DhcpClient.Interface(link))
  }

  /// Gives leases back, before the interfaces go.
  func releaseLeases(of name: String? = nil) {
    for keeper in keepers where name == nil || keeper.interface == name {
      epoll.remove(keeper.client.fd)
      keeper.client.release()
    }
    keepers.removeAll { name == nil || $0.interface == name }
  }
}
