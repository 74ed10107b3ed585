import Linux
import Netlink
import Network

/// The hosts(5) files of running instances, through which those on one network know each other by
/// name. Each has its own, `instances/ID/hosts`, which is mounted in it and written in place.
struct HostsFiles {
  private let store: InstanceStore

  init(_ store: InstanceStore) { self.store = store }

  /// Writes the files of all instances on networks anew. To be called whenever one joins or leaves,
  /// with the networks held, after the states tell of it.
  ///
  /// - Parameters:
  ///   - id: an instance whose file is written anew in any case.
  ///   - interfaces: those of its interfaces that are leaving, though its state still has them.
  func update(_ networks: Set<String>, of id: String? = nil, without interfaces: [String] = [])
    throws
  {
    let own = id.flatMap(store.state)
    let known = networks.union(own?.networks.compactMap(\.name) ?? [])
    // Who is on no defined network knows nobody, and needs to look at nobody.
    var living = known.isEmpty ? [own].compactMap(\.self) : store.living()
    if let position = living.firstIndex(where: { $0.id == id }) {
      living[position].networks.removeAll { interfaces.contains($0.interface) }
    }
    for state in living
    where state.id == id || state.networks.contains(where: { networks.contains($0.name ?? "") }) {
      try write(state, among: living)
    }
  }

  /// The addresses of an instance have changed while it runs. To be called by its monitor, which does
  /// not hold the networks.
  func follow(_ state: InstanceState) throws {
    let lock = try store.networks.hold()
    try update(Set(state.networks.compactMap(\.name)), of: state.id)
    _ = consume lock
  }

  private func write(_ state: InstanceState, among living: [InstanceState]) throws {
    guard let text = Self.text(state, among: living) else { return }
    do { try rewriteInPlace(Array(text.utf8), of: "\(store.directory(state.id))/hosts") } catch {
      // One that has just ended.
      if error.errno != .noSuchFileOrDirectory { throw error }
    }
  }

  /// What the file of an instance says; `nil` where it has none that is its own.
  static func text(_ state: InstanceState, among living: [InstanceState]) -> String? {
    guard let names = state.names, names.followsNetworks else { return nil }
    func member(_ other: InstanceState, _ records: [InstanceState.NetworkRecord])
      -> HostsTable.Member
    {
      HostsTable.Member(
        names: [other.name, other.shortID],
        aliases: (other.names?.hostNames ?? []) + records.flatMap { $0.aliases ?? [] },
        addresses: records.flatMap(\.addresses).compactMap(IPAddressText.address))
    }
    let networks = Set(state.networks.compactMap(\.name))
    let others = living.filter { $0.id != state.id }.flatMap { other in
      other.networks.filter { networks.contains($0.name ?? "") }.map { member(other, [$0]) }
    }
    return HostsTable(
      host: names.hostNames, own: member(state, state.networks), extra: names.extraLines,
      others: others
    ).text
  }
}
