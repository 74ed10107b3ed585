/// The state of an instance in the hands of its monitor, which alone writes it while it lives.
final class InstanceRecord {
  let store: InstanceStore
  private(set) var state: InstanceState

  init(_ store: InstanceStore, _ state: InstanceState) {
    self.store = store
    self.state = state
  }

  /// Changes the state and publishes it.
  func update(_ body: (inout InstanceState) -> Void) throws {
    body(&state)
    try store.write(state)
  }
}
