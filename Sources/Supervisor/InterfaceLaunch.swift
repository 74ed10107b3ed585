import Linux
import Netlink
import Network
import SystemPackage

/// Makes the interfaces of an instance before its workload starts: one after the other, since what the
/// LAN gives to the first decides about the routes of the next.
struct InterfaceLaunch {
  let record: InstanceRecord
  /// A signalfd(2): waiting for the LAN is broken off.
  let interruption: FileDescriptor
  private(set) var plans: [InterfacePlan]
  private(set) var keepers: [LeaseKeeper] = []

  /// Seconds that a server or a router of the LAN has to answer.
  private static let patience = 15

  init(_ record: InstanceRecord, _ plans: [InterfacePlan], interruption: FileDescriptor) {
    self.record = record
    self.plans = plans
    self.interruption = interruption
  }

  /// Makes all.
  mutating func make(_ network: inout NetworkSetup, _ host: inout NetlinkSocket) throws {
    for index in plans.indices {
      plans = RouteChoice.settle(plans, decided: index)
      try network.add(plans[index], &host)
      if plans[index].usesDhcp { try lease(index, &network, &host) }
      if plans[index].usesSlaac {
        try network.awaitRouter(plans[index], seconds: Self.patience, interruption: interruption)
      }
    }
    try publish(&network)
  }

  /// Gives the leases back; to be called before the interfaces are removed.
  func abandon() {
    for keeper in keepers { keeper.client.release() }
  }

  private mutating func lease(
    _ index: Int, _ network: inout NetworkSetup, _ host: inout NetlinkSocket
  ) throws {
    let former = plans[index]
    let keeper = try LeaseKeeper(former, of: record, &network)
    keepers.append(keeper)
    var lease = try acquire(keeper, former)
    var neighbour = try former.probe(lease, &host, interruption: interruption)
    if neighbour != nil {
      // The server gives another, after a pause. Two that are taken are enough.
      keeper.client.decline()
      lease = try acquire(keeper, former)
      neighbour = try former.probe(lease, &host, interruption: interruption)
    }
    keeper.note(lease)
    try FaultPoint.reach("the lease of \(former.name)")
    if let reason = try LeaseCheck.conflict(lease, neighbour, former, &host) {
      keeper.client.decline()
      throw NetworkError(
        "\(former.name) has no address from the LAN of \(former.parent.name): \(reason)")
    }
    plans[index].adopt(lease)
    plans = RouteChoice.settle(plans, decided: index)
    try network.change(from: former, to: plans[index])
  }

  private func acquire(_ keeper: LeaseKeeper, _ plan: InterfacePlan) throws -> DhcpLease {
    try keeper.client.acquire(
      seconds: Self.patience, parent: plan.parent.name, interruption: interruption)
  }

  private func publish(_ network: inout NetworkSetup) throws {
    guard plans.contains(where: { $0.usesDhcp || $0.usesSlaac }) else { return }
    var records = record.state.networks
    for plan in plans {
      guard let place = records.firstIndex(where: { $0.interface == plan.name }) else { continue }
      records[place].take(
        plan, plan.usesSlaac ? network.advertised(plan.name) : .init(),
        keepers.first { $0.interface == plan.name })
    }
    try record.update { $0.networks = records }
    try HostsFiles(record.store).follow(record.state)
    record.publishResolver()
  }
}

/// Whether a lease can be used on this host.
enum LeaseCheck {
  /// Why not: somebody has the address, or an instance with one of the host's own addresses would take
  /// the host's traffic.
  ///
  /// - Parameter neighbour: who has answered for the address.
  static func conflict(
    _ lease: DhcpLease, _ neighbour: AddressConflict?, _ plan: InterfacePlan,
    _ host: inout NetlinkSocket
  ) throws -> String? {
    if let neighbour {
      return
        "the DHCP server \(lease.server) gave one, but \(neighbour.text(behind: plan.parent.name))"
    }
    let address = lease.address.address
    guard try host.addresses().contains(where: { $0.address.address == address }) else {
      return nil
    }
    return "the DHCP server \(lease.server) gave \(address), which is the host's own"
  }
}
