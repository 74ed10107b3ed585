import Linux
import Netlink
import Network

/// Keeps the DHCP lease of one interface.
final class LeaseKeeper {
  /// The interface's name inside.
  let interface: String
  var client: DhcpClient
  /// When the lease that there is ends; `nil`: never.
  private var expiry: Timestamp?

  /// - Parameter network: has the interface.
  init(_ plan: InterfacePlan, of record: InstanceRecord, _ network: inout NetworkSetup) throws {
    guard let link = network.link(plan.name) else {
      throw NetworkError("\(plan.name) has gone while the instance was made")
    }
    let state = record.state
    // The one that is made of the id tells nobody anything.
    let hostName = state.names?.hostname == state.shortID ? nil : state.names?.hostname
    interface = plan.name
    client = try DhcpClient(
      DhcpIdentity(
        instance: state.name, interface: plan.name, parent: plan.parent.hardwareAddress,
        hostName: hostName.flatMap { $0.isEmpty ? nil : $0 } ?? state.name),
      on: DhcpClient.Interface(link), in: network.namespaceHandle())
  }

  /// A lease has come, or goes on, now.
  func note(_ lease: DhcpLease) {
    expiry = lease.duration.map {
      Timestamp(nanoseconds: Timestamp.now.nanoseconds + Int64($0) * 1_000_000_000)
    }
  }

  /// What the state says of the lease.
  var record: InstanceState.LeaseRecord? {
    client.lease.map {
      InstanceState.LeaseRecord($0, clientIdentifier: client.identity.text, expires: expiry)
    }
  }
}

extension InstanceState.NetworkRecord {
  /// Takes over what has become of the interface.
  mutating func take(
    _ plan: InterfacePlan, _ advertised: NetworkSetup.Advertised, _ keeper: LeaseKeeper?
  ) {
    let planned = InstanceState.NetworkRecord(plan)
    addresses = planned.addresses + advertised.addresses.map { "\($0)" }
    gateways = planned.gateways + advertised.gateways.map { "\($0)" }
    lease = keeper?.record
  }
}
