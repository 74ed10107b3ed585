import Linux
import Netlink
import Network
import SystemPackage

extension NetworkClaims {
  /// How many addresses are tried, and until when: somebody who answers to every question on the LAN
  /// holds nobody up for ever.
  private static let attempts = 32
  private static let patience: Int64 = 10_000_000_000

  /// Asks the LAN for the addresses of the plans that want it. They are taken already, and nothing is
  /// held meanwhile: others wait for nobody. An address that nobody chose is given back if it is in use
  /// there, and the next is taken.
  ///
  /// - Parameters:
  ///   - specs: what the plans were made of.
  ///   - existing: the instance's other interfaces.
  ///   - interruption: a signalfd(2) of signals that end the wait.
  /// - Returns: the plans, with addresses that nobody has answered to.
  func probe(
    _ plans: [InterfacePlan], _ specs: [NetworkSpec], beside existing: [InterfacePlan] = [],
    _ record: InstanceRecord, _ host: inout NetlinkSocket, interruption: FileDescriptor? = nil
  ) throws -> [InterfacePlan] {
    var plans = plans
    var specs = specs
    let deadline = Clock.monotonic() + Self.patience
    for attempt in 1...Self.attempts {
      let targets = try AddressProbe.targets(of: plans, &host)
      if targets.isEmpty { return plans }
      do {
        // A random wait, so that two that follow each other from address to address part ways.
        let delay = attempt == 1 ? 0 : Int64.random(in: 0...100_000_000)
        try AddressProbe(targets, interruption: interruption).run(after: delay)
        return plans
      } catch let conflict as AddressConflict {
        let plan = plans.first { $0.addresses.contains { $0.address == conflict.address } }
        let text = conflict.text(behind: plan?.parent.name ?? "?")
        guard let plan, let network = plan.spec.network, !plan.isChosen(conflict.address) else {
          throw NetworkError("\(text). Use another address")
        }
        guard attempt < Self.attempts, Clock.monotonic() < deadline else {
          throw NetworkError(
            "\(attempt) addresses of the network \(network) were tried, and each was taken: \(text). Keep instances to a part of the subnet (swrun network create --ip-range), or choose an address with --ip"
          )
        }
        for index in specs.indices { specs[index].avoided.insert(conflict.address) }
        plans = try exchange(plans, specs, beside: existing, record, &host)
      }
    }
    return plans
  }

  /// Gives back what the plans have taken and takes what the specs lead to now.
  private func exchange(
    _ plans: [InterfacePlan], _ specs: [NetworkSpec], beside existing: [InterfacePlan],
    _ record: InstanceRecord, _ host: inout NetlinkSocket
  ) throws -> [InterfacePlan] {
    let lock = try hold(specs)
    let names = Set(plans.map(\.name))
    for former in record.state.networks where names.contains(former.interface) {
      giveBack([former], user: "\(id)/\(former.interface)", &host)
    }
    // The ports are kept already, and lead to the new address.
    let ports = plans.flatMap(\.published).map(PublishedPort.init)
    let next = try takeResources(plan(specs, beside: existing, publishing: ports), &host)
    try record.update { state in
      state.networks.removeAll { names.contains($0.interface) }
      state.networks += next.map(InstanceState.NetworkRecord.init)
    }
    try takeLeases(next)
    _ = consume lock
    return next
  }
}
