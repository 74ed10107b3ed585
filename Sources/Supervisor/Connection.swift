/// Interfaces of an instance that runs: asks its monitor.
public struct Connection {
  private let store: InstanceStore

  public init(_ store: InstanceStore) { self.store = store }

  /// Gives an instance an interface.
  ///
  /// - Parameter network: as after `--net`.
  /// - Returns: the interface.
  public func connect(
    _ state: InstanceState, to network: String
  ) throws -> InstanceState.NetworkRecord? {
    try Privilege.check()
    return try ControlSocket.ask(
      .connect(network: network), of: state, in: store.directory(state.id)
    ).interface
  }

  /// Takes an interface away.
  ///
  /// - Parameter network: the network's name, what `--net` was given, or the interface's name inside.
  public func disconnect(_ state: InstanceState, from network: String) throws {
    try Privilege.check()
    _ = try ControlSocket.ask(
      .disconnect(network: network), of: state, in: store.directory(state.id))
  }
}
