import Glibc
import Linux
public import Network
public import OCI
import Sandbox
import SystemPackage

/// Runs an instance and is its monitor; with `-d` that is a process of its own in the background.
///
/// What is on the stack of a monitor stays there while it waits, for as long as the instance runs: this is a
/// class, since what is asked for is large, and what has large frames is not inlined into what waits.
public final class Runner {
  private let store: InstanceStore
  private let options: RunOptions

  @inline(never)
  public init(_ store: InstanceStore, _ options: RunOptions) {
    self.store = store
    var options = options
    options.request.hiddenPaths = [store.root, store.stateDirectory]
    self.options = options
  }

  /// What would be done, without doing it.
  public func plan() throws -> (Spec, [InterfacePlan]) {
    let draft = try Draft(options, in: store)
    _ = try CgroupPlacement.find(CgroupPlan(draft.spec), id: options.request.id)
    let claims = NetworkClaims(store: store, id: options.request.id)
    return (draft.spec, try claims.plan(options.networks, publishing: options.ports))
  }

  /// The spec as a bundle's `config.json` has it: without what is of one run alone.
  public func template() throws -> Spec {
    var spec = try Draft(options, in: store).spec
    let own = store.directory(options.request.id) + "/"
    spec.mounts.removeAll { $0.source?.hasPrefix(own) == true }
    spec.linux.maskedPaths.removeAll(where: options.request.hiddenPaths.contains)
    return spec
  }

  /// Runs the instance to its end; with `-d` returns once the workload runs, after the id was printed.
  ///
  /// - Returns: the workload's exit code, or 0 for one in the background.
  public func run() throws -> Int32 {
    try obtain()
    return try withIDFile {
      guard options.detached else { return try supervise(nil) {} }
      if let keys = options.detachKeys { return try runAttached(keys) }
      return try Background.start(reporting: store.report) { ready in
        try supervise(nil, announceStart: ready)
      } whenReady: {
        print(options.request.id)
        return 0
      }
    }
  }

  /// Runs the instance in the background, with this process attached from the start.
  @inline(never)
  private func runAttached(_ keys: DetachKeys) throws -> Int32 {
    let pair = try DescriptorPair.sockets()
    var near: HeldDescriptor? = HeldDescriptor(pair.first)
    var far: HeldDescriptor? = HeldDescriptor(pair.second)
    let signals = try Session.signalDescriptor(stops: true)
    return try Background.start(reporting: store.report) { ready in
      near = nil
      return try supervise(nil, attached: far, announceStart: ready)
    } whenReady: {
      far = nil
      guard let socket = near else { return 125 }
      return try Attachment(
        store, id: options.request.id, socket, isTerminal: true, takesInput: true, keys: keys
      ).run(signals)
    }
  }

  /// Records the instance without starting it, and prints its id.
  public func create() throws {
    try obtain()
    _ = try withIDFile {
      try record(created: .now)
      return 0
    }
    print(options.request.id)
  }

  /// Makes the file of `--cidfile`, which is left where the instance is.
  private func withIDFile(_ body: () throws -> Int32) throws -> Int32 {
    guard let path = options.life.idFile else { return try body() }
    try makeIDFile(path)
    do {
      let code = try body()
      if options.detached, code != 0 { removeIDFileOfNone(path) }
      return code
    } catch {
      unlink(path)
      throw error
    }
  }

  @inline(never)
  private func makeIDFile(_ path: String) throws {
    do {
      let file = try Descriptor.open(
        path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644)
      try file.fd.writeEverything(Array(options.request.id.utf8))
    } catch {
      throw SupervisorError(
        error.errno == .fileExists
          ? "--cidfile \(path): it is there already. Make sure that its instance is no more and remove it, or name another"
          : "--cidfile \(path): it cannot be made: \(error.errno)")
    }
  }

  /// It could not be started, and may not be there.
  @inline(never)
  private func removeIDFileOfNone(_ path: String) {
    if store.state(options.request.id) == nil { unlink(path) }
  }

  /// - Parameter time: when it was recorded first.
  func record(created time: Timestamp) throws {
    let preparation = try Preparation(options, in: store)
    // What could not be started is not recorded.
    _ = try preparation.plan()
    try Claim.record(preparation, created: time)
  }

  @inline(never)
  func obtain() throws {
    try Rootless(store).obtain(options.networks, bundle: options.bundle)
    try store.prepare()
  }

  /// Is the monitor of an instance until that has ended.
  ///
  /// - Parameters:
  ///   - former: the state of one that is recorded already.
  ///   - front: who is attached from the start.
  func supervise(
    _ former: InstanceState?, attached front: HeldDescriptor? = nil,
    announceStart: () throws -> Void
  ) throws -> Int32 {
    try launch(former, front, announceStart).live()
  }

  @inline(never)
  private func launch(
    _ former: InstanceState?, _ front: HeldDescriptor?, _ announceStart: () throws -> Void
  ) throws -> Monitor {
    var preparation = try Preparation(options, in: store)
    var plan = try preparation.plan()
    try preparation.checkTerminal(isAttached: front != nil)
    let signals = try Session.signalDescriptor(
      stops: preparation.relaysInput, orphans: options.detached)
    let attachments =
      options.detached
      ? try Attachments(
        isTerminal: preparation.spec.process.terminal, takesInput: options.interactive) : nil
    if let front { attachments?.add(front) }
    let claim = try Claim.take(preparation, again: former)
    preparation.userNamespace = claim.userNamespace
    plan.userNamespace = claim.userNamespace
    let monitor: Monitor
    do {
      monitor = try Monitor(
        preparation, claim.record, lock: claim.lock, ports: claim.ports, signals: signals,
        attachments: attachments)
    } catch {
      claim.record.abandon(error)
      throw error
    }
    try monitor.launchFirst(plan, claim.plans, claim.host)
    try announceStart()
    return monitor
  }
}
