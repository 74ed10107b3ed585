import Glibc
import Linux
import Sandbox

/// Starts instances again as they were asked for by `run` or `create`.
public struct Starter {
  private let store: InstanceStore
  /// Reads the words of a command line.
  private let parse: ([String]) throws -> RunOptions
  /// This process's, and not that of the monitor which it becomes.
  private let sockets: PassedSockets?

  public init(_ store: InstanceStore, parse: @escaping ([String]) throws -> RunOptions) throws {
    self.store = store
    sockets = try PassedSockets.find()
    self.parse = parse
  }

  /// Starts an instance that is recorded and does not live.
  ///
  /// - Parameter attached: in the foreground, with this process as its monitor.
  /// - Returns: its exit code, or for one in the background 0 once it runs; another where it could not be
  ///   started, of which the reason has been reported.
  public func start(_ state: InstanceState, attached: Bool) throws -> Int32 {
    let record = try store.runRecord(state.id)
    try obtain(record)
    if attached { return try runner(record, detached: false).supervise(state) {} }
    return try Background.start(reporting: store.report) { ready in
      // In the process that is to be the monitor: it goes to where the words lead from.
      try runner(record, detached: true).supervise(state, announceStart: ready)
    } whenReady: {
      0
    }
  }

  /// Starts all that come back at boot and do not live, the oldest first.
  ///
  /// - Parameter started: gets the name of each.
  /// - Returns: whether all of them live.
  public func startAll(_ started: (String) -> Void) throws -> Bool {
    var isWhole = true
    var records: [RunRecord] = []
    for id in store.autostartIDs() {
      do { records.append(try store.autostartRecord(id)) } catch {
        store.report("\(error)")
        isWhole = false
      }
    }
    for record in records.sorted(by: { $0.created < $1.created })
    where !store.isAlive(record.id) {
      do {
        try obtain(record)
        if store.state(record.id) == nil, try restore(record) != 0 {
          isWhole = false
          continue
        }
        guard let state = store.state(record.id), try start(state, attached: false) == 0 else {
          isWhole = false
          continue
        }
        started(record.name)
      } catch {
        store.report("\(record.name): \(error)")
        isWhole = false
      }
    }
    return isWhole
  }

  /// Ends all that run in the background, as the machine does on its way down: what comes back at boot
  /// still does. Returns once their monitors have ended.
  public func stopAll() throws {
    let living = store.states().filter { $0.detached && store.isAlive($0.id) }
    for state in living {
      if let monitor = state.monitor?.open() { try monitor.send(SIGTERM) }
    }
    for state in living {
      guard let monitor = state.monitor?.open() else { continue }
      let seconds = state.stopTimeout ?? 10
      if !monitor.waitForEnd(milliseconds: seconds < 0 ? -1 : seconds * 1000) {
        // With it goes the workload.
        try monitor.send(SIGKILL)
        _ = monitor.waitForEnd()
      }
    }
    try Sweeper(store).sweep()
  }

  /// Records an instance anew that a reboot has taken from the running instances' state.
  private func restore(_ record: RunRecord) throws -> Int32 {
    try Background.start(reporting: store.report) { ready in
      try runner(record, detached: true).record(created: record.created)
      try ready()
      return 0
    } whenReady: {
      0
    }
  }

  // Not in the frame of what waits: see `Runner`.
  @inline(never)
  private func runner(_ record: RunRecord, detached: Bool) throws -> Runner {
    try record.enter(orElse: store.stagingDirectory)
    var options = try parse(record.words)
    record.apply(to: &options)
    options.detached = detached
    options.detachKeys = nil
    options.sockets = sockets
    return Runner(store, options)
  }

  /// Without the privileges this program begins anew, and comes here again with them.
  @inline(never)
  private func obtain(_ record: RunRecord) throws {
    if Privilege.missing.isEmpty { return try store.prepare() }
    try runner(record, detached: true).obtain()
  }
}
