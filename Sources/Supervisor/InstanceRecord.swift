import Linux

/// The state of an instance in the hands of its monitor, which alone writes it while it lives.
final class InstanceRecord {
  let store: InstanceStore
  private(set) var state: InstanceState
  /// As the events tell it; `nil` before the first.
  private var told: InstanceState?
  /// What is published of its slaves.
  private var names: [String]

  /// - Parameter former: what it was before it was started again.
  init(_ store: InstanceStore, _ state: InstanceState, again former: InstanceState? = nil) {
    self.store = store
    self.state = state
    told = former
    names = former.map(SlaveRecord.names) ?? []
  }

  /// Publishes the state, and tells nobody.
  func write() throws { try store.write(state, &names) }

  /// Changes the state, publishes it and tells of it.
  ///
  /// - Parameter publishing: false where the next change is enough for that.
  func update(publishing: Bool = true, _ body: (inout InstanceState) -> Void) throws {
    body(&state)
    guard publishing else { return }
    try write()
    // With `--rm` its end is told of together with its removal.
    if !(state.removed && state.status == .exited) { tell() }
  }

  /// The same for who goes on in any case: what cannot be written down is said, and is written with the
  /// next change.
  ///
  /// - Returns: whether it was written.
  @discardableResult
  func updateOrReport(_ body: (inout InstanceState) -> Void) -> Bool {
    do { try update(body) } catch {
      store.report("what has become of \(state.name) cannot be written down: \(error)")
      return false
    }
    return true
  }

  /// Tells of what has changed since the last time, by one write; until the workload runs, of nothing.
  ///
  /// - Parameter removal: all that is recorded of it has gone.
  func tell(removal: Bool = false) {
    guard told != nil || state.isRunning else { return }
    var events = Event.changes(from: told, to: state, at: .now)
    if removal { events.append(Event.removal(of: state, at: .now)) }
    told = state
    do { try EventLog(root: store.root).append(events) } catch {
      warn("events cannot be told: \(error)")
    }
  }

  /// Notes what has gone wrong without stopping the instance.
  func warn(_ text: String) {
    // Where the record has gone, there is nobody to read it.
    guard FileIdentity(path: store.directory(state.id)) != nil else { return }
    try? update { $0.warnings = ($0.warnings ?? []) + [text] }
  }
}
