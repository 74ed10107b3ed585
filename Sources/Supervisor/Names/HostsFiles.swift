import Glibc
import Linux
import Netlink
import Network

/// The hosts(5) files of running instances, through which those on one network know each other by
/// name. Each has its own, `instances/ID/hosts`, which is mounted in it and written in place.
struct HostsFiles {
  private let store: InstanceStore

  init(_ store: InstanceStore) { self.store = store }

  /// An instance joins networks or leaves them: its own file is written anew, and the others get its
  /// lines, or lose them. To be called with the networks held, after the states tell of it.
  ///
  /// - Parameter leaving: the interfaces that leave; `nil`: it joins with those that it has.
  func change(
    _ networks: Set<String>, of id: String, leaving: [InstanceState.NetworkRecord]? = nil
  ) throws {
    let interfaces = leaving?.map(\.interface) ?? []
    guard !networks.isEmpty, let own = store.state(id) else {
      return try update(networks, of: id, without: interfaces)
    }
    let living = store.living()
    let others = living.filter { other in
      other.id != id && other.networks.contains { networks.contains($0.name ?? "") }
    }
    // Where two have a name in common, that of the one decides what the other's says in everybody's.
    let records = leaving ?? own.networks.filter { networks.contains($0.name ?? "") }
    let names = Set(Self.names(own) + records.flatMap { $0.aliases ?? [] }.map { $0.lowercased() })
    guard others.allSatisfy({ names.isDisjoint(with: Self.names($0)) }) else {
      return try update(networks, of: id, without: interfaces)
    }
    if leaving == nil {
      try write(own, among: living)
    } else if var left = living.first(where: { $0.id == id }) {
      left.networks.removeAll { interfaces.contains($0.interface) }
      try write(left, among: living)
    }
    for other in others {
      guard let names = other.names, names.followsNetworks else { continue }
      let reader = HostsTable.Reader(host: names.hostNames, extra: names.extraLines)
      let shared = Set(other.networks.compactMap(\.name))
      let lines = records.filter { shared.contains($0.name ?? "") }
        .flatMap { reader.lines(Self.member(own, [$0])) }
      try change(lines, of: other, leaves: leaving != nil)
    }
  }

  private func change(
    _ lines: [HostsTable.Line], of other: InstanceState, leaves: Bool
  ) throws(SystemError) {
    if lines.isEmpty { return }
    let path = "\(store.directory(other.id))/hosts"
    do throws(SystemError) {
      if leaves {
        try removeLines(lines, from: path)
      } else {
        let file = try Descriptor.open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NOCTTY)
        try file.fd.writeEverything(Array(lines.map(\.text).joined().utf8))
      }
    } catch {
      // One that has just ended.
      if error.errno != .noSuchFileOrDirectory { throw error }
    }
  }

  private func removeLines(_ lines: [HostsTable.Line], from path: String) throws(SystemError) {
    let gone = lines.map { Array($0.text.utf8) }
    var kept: [UInt8] = []
    for line in try readFile(path).split(separator: 0x0a) {
      let whole = Array(line) + [0x0a]
      if !gone.contains(whole) { kept += whole }
    }
    try rewriteInPlace(kept, of: path)
  }

  /// All that an instance is called.
  private static func names(_ state: InstanceState) -> [String] {
    let member = member(state, state.networks)
    return (member.names + member.aliases).map { $0.lowercased() }
  }

  private static func member(
    _ state: InstanceState, _ records: [InstanceState.NetworkRecord]
  ) -> HostsTable.Member {
    HostsTable.Member(
      names: [state.name, state.shortID],
      aliases: (state.names?.hostNames ?? []) + records.flatMap { $0.aliases ?? [] },
      addresses: records.flatMap(\.addresses).compactMap(IPAddressText.address))
  }

  /// Writes the files of all instances on networks anew, as ``change(_:of:leaving:)`` does where
  /// names are shared.
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
