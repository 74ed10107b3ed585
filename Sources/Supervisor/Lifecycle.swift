import Glibc
import Linux
public import Sandbox
import SystemPackage

/// What other commands do to an instance that a monitor watches.
public struct Lifecycle {
  private let store: InstanceStore

  public init(_ store: InstanceStore) { self.store = store }

  /// Asks the workload to end, and kills it when it does not. Returns once its monitor has removed
  /// what it had.
  ///
  /// - Parameter seconds: how long the workload may take; negative for ever.
  public func stop(_ state: InstanceState, signal: Int32, seconds: Int) throws {
    guard store.isAlive(state.id) else { return }
    guard let process = try running(state) else { return }
    try process.send(signal)
    // What is paused takes no signal but SIGKILL.
    if store.state(state.id)?.status == .paused { try? pause(state, false) }
    let limit = seconds < 0 ? -1 : min(seconds, 1_000_000) * 1000
    if !process.waitForEnd(milliseconds: limit) { try end(process, state) }
    _ = try wait(state)
  }

  /// Sends a signal to PID 1, which hands it on to the workload.
  public func kill(_ state: InstanceState, signal: Int32) throws {
    guard store.isAlive(state.id), let process = try running(state),
      try signal == SIGKILL ? end(process, state) : process.send(signal)
    else { throw SupervisorError("\(state.name) is not running") }
    if signal == SIGKILL { _ = try wait(state) }
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

  /// Kills the workload. In a PID namespace of its own that is done by PID 1; in another's, swrun's init
  /// has to live on for a moment, to end what the workload leaves behind.
  ///
  /// - Returns: false where it has ended.
  @discardableResult
  private func end(_ process: borrowing Pidfd, _ state: InstanceState) throws -> Bool {
    let spec = try? store.spec(state.id)
    guard let pid = (store.state(state.id)?.process ?? state.process)?.pid,
      let spec, spec[namespace: "pid"] != .new
    else { return try process.send(SIGKILL) }
    if process.waitForEnd(milliseconds: 0) { return false }
    func children() -> [Int32] {
      let text = (try? readText("/proc/\(pid)/task/\(pid)/children")) ?? ""
      return text.split(separator: " ").compactMap { Int32($0) }
    }
    for child in children() {
      guard let workload = try? Pidfd(pid: child), children().contains(child) else { continue }
      try workload.send(SIGKILL)
    }
    return true
  }

  private func running(_ state: InstanceState) throws -> Pidfd? {
    // A state that was read a moment ago may be from before the workload was there.
    guard let process = store.state(state.id)?.process ?? state.process else { return nil }
    return process.open()
  }

  /// Waits until the instance has ended.
  ///
  /// - Returns: its exit code.
  public func wait(_ state: InstanceState) throws -> Int32 {
    if store.isAlive(state.id), let lock = try? FileLock.share("\(store.directory(state.id))/lock")
    {
      // The file is still open, even where `--rm` has removed it.
      let text = String(decoding: try lock.fd.readSome(16), as: UTF8.self)
      if let code = Int32(text.prefix { $0.isNumber }) { return code }
    }
    try Sweeper(store).sweep()
    guard let state = store.state(state.id) else { return 128 + SIGKILL }
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
      if let process = try running(state) { try end(process, state) }
      _ = try wait(state)
    }
    try Sweeper(store).sweep()
    // Gone with its end, unless something in it did not die.
    if state.bootId == (try? bootIdentity()) { try store.state(state.id)?.cgroup?.remove() }
    let shared = try store.hold()
    try store.remove(state.id, name: state.name)
    store.tell([Event.removal(of: state, at: .now)])
    _ = consume shared
  }
}
