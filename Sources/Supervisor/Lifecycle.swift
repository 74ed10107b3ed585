import Glibc
import Linux
public import Sandbox
import SystemPackage

/// What other commands do to an instance that a monitor watches.
public struct Lifecycle {
  private let store: InstanceStore

  public init(_ store: InstanceStore) { self.store = store }

  /// Asks the workload to end, and has it killed when it does not; it is not launched again. Returns once
  /// its monitor has removed what it had.
  ///
  /// - Parameters:
  ///   - signal: `nil` for the instance's `--stop-signal`.
  ///   - seconds: how long the workload may take; negative for ever; `nil` for its `--stop-timeout`.
  public func stop(_ state: InstanceState, signal: Int32?, seconds: Int?) throws {
    guard try ask(.stop(signal: signal, seconds: seconds), of: state) else { return }
    _ = try wait(state)
  }

  /// Sends a signal to PID 1, which hands it on to the workload.
  public func kill(_ state: InstanceState, signal: Int32) throws {
    guard try ask(.kill(signal: signal), of: state) else {
      throw (store.state(state.id) ?? state).notRunning()
    }
    if signal == SIGKILL { _ = try wait(state) }
  }

  /// Has the workload of an instance that lives end as by ``stop(_:signal:seconds:)`` and be launched again,
  /// with the same addresses. Returns once it runs.
  ///
  /// - Returns: false where the instance does not live, and is to be started.
  public func restart(_ state: InstanceState, signal: Int32?, seconds: Int?) throws -> Bool {
    let limit = seconds ?? state.stopTimeout ?? 10
    // What comes beside the workload's own time: a DHCP server's.
    return try ask(
      .restart(signal: signal, seconds: seconds), of: state, seconds: limit < 0 ? -1 : limit + 60)
  }

  public func rename(_ state: InstanceState, to name: String) throws {
    if try ask(.rename(name: name), of: state) { return }
    let shared = try store.hold()
    guard let state = store.state(state.id), !store.isAlive(state.id) else {
      throw SupervisorError("\(state.name) is being started or removed; try again")
    }
    try store.rename(state, to: name) { try store.write($0) }
    _ = consume shared
  }

  /// Stops all processes of an instance where they are, or lets them go on.
  public func pause(_ state: InstanceState, _ paused: Bool) throws {
    try Privilege.check()
    _ = try ControlSocket.ask(.pause(paused), of: state, in: store.directory(state.id))
  }

  /// Changes the limits of an instance that runs: all that are asked for, or none.
  public func update(_ state: InstanceState, _ request: ResourceRequest) throws {
    try Privilege.check()
    let former = try store.spec(state.id).linux.resources
    guard let resources = try request.resources(changing: former) else { return }
    _ = try ControlSocket.ask(
      .update(resources: resources), of: state, in: store.directory(state.id))
  }

  /// Asks the monitor of an instance.
  ///
  /// - Returns: false where none lives, or it ends just now.
  private func ask(
    _ request: ControlRequest, of state: InstanceState, seconds: Int = 60
  ) throws -> Bool {
    guard store.isAlive(state.id) else { return false }
    do {
      _ = try ControlSocket.ask(
        request, of: state, in: store.directory(state.id), seconds: seconds)
      return true
    } catch {
      if store.isAlive(state.id), !isEnding(state) { throw error }
      return false
    }
  }

  /// Whether the monitor has nothing left to do but to end.
  private func isEnding(_ state: InstanceState) -> Bool {
    store.state(state.id)?.status.isAtRest != false
  }

  /// Waits until the instance has ended, for good.
  ///
  /// - Returns: its exit code.
  public func wait(_ state: InstanceState) throws -> Int32 {
    if store.isAlive(state.id), let lock = try? FileLock.share(store.lockPath(state.id)) {
      // The file is still open, even where `--rm` has removed it.
      let text = String(decoding: try lock.fd.readSome(16), as: UTF8.self)
      if let code = Int32(text.prefix { $0.isNumber }) { return code }
    }
    try Sweeper(store).sweep()
    guard let state = store.state(state.id) else { return 128 + SIGKILL }
    guard state.status != .created else { throw state.notRunning() }
    guard let code = state.exitCode else {
      throw SupervisorError("\(state.name) has ended, and its exit code was not recorded")
    }
    return code
  }

  /// Removes the record of an instance that has ended.
  ///
  /// - Parameter force: ends it first.
  public func remove(_ state: InstanceState, force: Bool) throws {
    if store.isAlive(state.id) {
      guard force else {
        throw SupervisorError(
          "\(state.name) is running. Stop it first (swrun stop \(state.name)), or have it killed: swrun rm -f \(state.name)"
        )
      }
      try kill(state)
    }
    // Where its end cannot be written down, on a full disk, it can be removed all the same.
    do { try Sweeper(store).sweep() } catch {
      guard error is SystemError else { throw error }
    }
    // Gone with its end, unless something in it did not die.
    if state.bootId == (try? bootIdentity()) { try store.state(state.id)?.cgroup?.remove() }
    let shared = try store.hold()
    guard !store.isAlive(state.id) else {
      throw SupervisorError("\(state.name) was started again meanwhile")
    }
    // Its name may have changed.
    let last = store.state(state.id)
    try store.remove(state.id, name: (last ?? state).name)
    // Of two that remove it, one has told.
    if let last { store.tell([Event.removal(of: last, at: .now)]) }
    _ = consume shared
  }

  /// Kills the workload; with it the monitor, where that does not listen.
  private func kill(_ state: InstanceState) throws {
    do {
      guard try ask(.stop(signal: SIGKILL, seconds: 0), of: state, seconds: 20) else { return }
    } catch {
      guard let monitor = (store.state(state.id) ?? state).monitor?.open() else { throw error }
      try monitor.send(SIGKILL)
      _ = monitor.waitForEnd(milliseconds: 10_000)
    }
    // Nobody asks for its exit code.
    _ = try? wait(state)
  }
}
