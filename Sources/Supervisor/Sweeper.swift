import Glibc
import Linux

/// Puts right what a monitor that was killed has left: the instance's processes, its record.
public struct Sweeper {
  let store: InstanceStore

  public init(_ store: InstanceStore) { self.store = store }

  /// Looks without a lock, and works only where there is something to do.
  public func sweep() throws {
    guard store.unwatched().contains(where: isLeft) else { return }
    let lock = try store.hold()
    try sweepHolding(lock)
  }

  /// The same for who has the lock.
  func sweepHolding(_: borrowing FileLock) throws {
    let ids = store.ids()
    try sweep(ids, among: ids)
  }

  /// - Parameters:
  ///   - ids: the instances that are looked at.
  ///   - known: all that there are.
  private func sweep(_ ids: [String], among known: [String]) throws {
    let failure = putRight(among: ids)
    let logs = directoryEntries("\(store.stateDirectory)/logs")
    let known = logs.isEmpty ? [] : Set(known)
    for id in logs
    where !known.contains(id) && !store.outlivesReboot(id)
      && FileIdentity(path: "\(store.directory(id)).corrupt") == nil
    {
      try removeTree(store.logDirectory(id))
    }
    if let failure { throw failure }
  }

  /// The same for a start, which is to cost no more where there are many instances: among those it looks
  /// seldom, and then at all. Who is in its way is found by what the start is refused.
  ///
  /// - Returns: whether it has looked at all.
  func sweepSome(_: borrowing FileLock) throws -> Bool {
    // Each of the others is looked at as often as if it were always some of them.
    let count = store.count
    if count > Self.some, Int.random(in: 0..<count) >= Self.some { return false }
    let ids = store.ids()
    try sweep(ids.filter { !store.isEnded($0) }, among: ids)
    return true
  }

  private static let some = 8

  /// - Returns: why the first of those that cannot be put right cannot.
  private func putRight(among ids: [String]) -> (any Error)? {
    var failure: (any Error)?
    for id in ids where needsWork(id) {
      // One that cannot be put right does not keep the others from it.
      do { try putRight(id) } catch { failure = failure ?? error }
    }
    return failure
  }

  /// The instances whose monitors were killed and that nobody has put right yet.
  func unfinished() -> [String] { store.unwatched().filter(needsWork) }

  private func needsWork(_ id: String) -> Bool { !store.isAlive(id) && isLeft(id) }

  /// The same for one that nobody watches.
  private func isLeft(_ id: String) -> Bool {
    switch store.recorded(id) {
    case .nothing, .unreadable: true
    // Nobody guesses at what it may mean.
    case .newer: false
    case .state(let state): state.isLeft
    }
  }

  private func putRight(_ id: String) throws {
    let former: InstanceState
    switch store.recorded(id) {
    case .state(let state): former = state
    case .newer: return
    case .unreadable(let reason): return try keepAside(id, reason)
    case .nothing:
      // It was claimed, and its monitor has died before it wrote anything.
      NetworkClaims(store: store, id: id).releaseAll([])
      return try store.remove(id, name: nil)
    }
    var state = former
    let sameBoot = former.isOfThisBoot
    var rest = sameBoot ? state.process.flatMap(end) : nil
    if sameBoot {
      do { try state.cgroup?.remove() } catch { rest = "its cgroup cannot be removed: \(error)" }
    }
    NetworkClaims(store: store, id: id).releaseAll(state.networks)
    // It was on its way in, or out with --rm.
    let isIn = former.status == .creating && former.former == nil
    if rest == nil, isIn || former.status == .exited {
      return try store.remove(id, name: state.name)
    }
    state = former.lost(rest: rest)
    if state.status == .created {
      try store.write(state)
      return
    }
    var events = Event.changes(from: former, to: state, at: .now)
    if state.removed, rest == nil {
      try store.remove(id, name: state.name)
      events.append(Event.removal(of: state, at: .now))
    } else {
      try store.write(state)
      // Nobody else writes there.
      for name in directoryEntries(store.directory(id)) where name.hasSuffix("~") {
        unlink("\(store.directory(id))/\(name)")
      }
    }
    store.tell(events)
  }

  /// Gives back what is known without the state: what was made on the host, and leases, tell by
  /// themselves whose they are, and a cgroup by its path.
  private func keepAside(_ id: String, _ reason: String) throws {
    NetworkClaims(store: store, id: id).releaseAll([])
    try CgroupRecord(path: "\(CgroupPlacement.parent)/\(id)").remove()
    let aside = try store.keepAside(id)
    let networks = try store.networks.hold()
    for lease in store.networks.staleLeases(isAlive: { $0 != store.directory(id) }) {
      try removeTree(lease.path)
    }
    _ = consume networks
    store.report(
      "\(aside)/state.json cannot be read: \(reason). The instance was not running; what there is of it is kept there"
    )
  }

  /// Its parent's death signal has reached it already, unless the workload is PID 1 and switched it
  /// off; either way it is gone when this returns.
  ///
  /// - Returns: why not, where it waits in the kernel and does not die.
  private func end(_ process: ProcessIdentity) -> String? {
    guard let pidfd = process.open() else { return nil }
    _ = try? pidfd.send(SIGKILL)
    return pidfd.waitForEnd(milliseconds: 10_000)
      ? nil : "its process \(process.pid) does not die; it waits in the kernel"
  }
}

extension InstanceState {
  /// Whether there is something to put right, once nobody watches the instance: or it was on its way out
  /// with `--rm`.
  var isLeft: Bool { !status.isAtRest || (status == .exited && removed) }

  fileprivate var isOfThisBoot: Bool { (try? bootIdentity()) == bootId }

  /// What it is once its monitor was killed, or the machine was started again.
  ///
  /// - Parameter rest: what of it could not be removed.
  func lost(rest: String? = nil) -> InstanceState {
    var state = self
    let wasCreated = status == .creating && former == .created
    state.status = rest != nil ? .dead : wasCreated ? .created : .exited
    state.former = nil
    state.error =
      isOfThisBoot
      ? "its monitor was killed\(rest.map { ", and \($0)" } ?? "")"
      : "the machine was started again"
    if wasCreated, rest == nil { return state }
    state.exitCode = isOfThisBoot ? 128 + SIGKILL : 255
    state.signal = isOfThisBoot ? "KILL" : nil
    state.finished = .now
    return state
  }
}
