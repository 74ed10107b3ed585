import Linux

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

  /// Notes what has gone wrong without stopping the instance.
  func warn(_ text: String) {
    // Where the record has gone, there is nobody to read it.
    guard FileIdentity(path: store.directory(state.id)) != nil else { return }
    try? update { $0.warnings = ($0.warnings ?? []) + [text] }
  }
}
