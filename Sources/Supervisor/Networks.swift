import Linux
public import Netlink
public import Network

/// The defined networks together with the instances that are on them.
public struct Networks {
  private let store: InstanceStore

  public init(_ store: InstanceStore) { self.store = store }

  /// An instance on a network.
  public struct Member: Hashable, Sendable, Encodable {
    public let id: String
    public let name: String
    public let interface: String
    public let addresses: [String]
  }

  /// A network as `network inspect` shows it.
  public struct Record: Sendable {
    public let definition: NetworkDefinition
    /// With the addresses that instances have.
    public let pools: [AddressPool]
    public let members: [Member]
  }

  /// Defines a network.
  public func create(_ request: NetworkRequest) throws {
    try Privilege.check()
    var request = request
    request.created = Timestamp.now.text
    // Checked before anything is made, so that a refusal changes nothing.
    _ = try NetworkDefinition(request)
    let lock = try store.networks.hold()
    try store.networks.create(request)
    _ = consume lock
  }

  /// A network as `network ls` shows it.
  public struct Row: Sendable {
    public let network: NetworkSummary
    public let instances: Int
  }

  /// All networks in the order of their names, and a line for each file that is not one.
  public func all() -> (rows: [Row], faults: [String]) {
    let (networks, faults) = store.networks.summaries()
    let members = networks.isEmpty ? [:] : members()
    let rows = networks.map { network in
      Row(network: network, instances: members[network.name].map { Set($0.map(\.id)).count } ?? 0)
    }
    return (rows, faults)
  }

  /// One network with its leases.
  public func record(_ name: String) throws -> Record {
    let definition = try store.networks.network(name)
    return Record(
      definition: definition, pools: try store.networks.pools(of: definition, living: true),
      members: members()[name] ?? [])
  }

  /// The addresses that the host has itself, and that no instance is given.
  public func hostAddresses() throws -> Set<IPAddress> {
    var host = try NetlinkSocket()
    return Set(try host.addresses().map(\.address.address))
  }

  /// Removes a network that no instance is on.
  public func remove(_ name: String) throws {
    try Privilege.check()
    let lock = try store.networks.hold()
    _ = try store.networks.network(name)
    let users = Set((members()[name] ?? []).map(\.name)).sorted()
    guard users.isEmpty else {
      throw SupervisorError(
        "the network \(name) is in use by \(users.joined(separator: ", ")). Stop \(users.count == 1 ? "it" : "them") first: swrun stop \(users.joined(separator: " "))"
      )
    }
    try store.networks.remove(name)
    _ = consume lock
  }

  /// The instances that live, by the networks they are on.
  private func members() -> [String: [Member]] {
    var members: [String: [Member]] = [:]
    for state in store.living() {
      for record in state.networks {
        guard let name = record.name else { continue }
        members[name, default: []].append(
          Member(
            id: state.id, name: state.name, interface: record.interface,
            addresses: record.addresses))
      }
    }
    return members
  }
}
