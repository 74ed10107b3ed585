import Glibc
import Linux
import Network
import Sandbox

extension Monitor {
  /// The monitor's working life, while a workload runs.
  ///
  /// - Returns: its exit code. What the run had is then gone, but for what the next one needs.
  func attend(_ launched: consuming Launched) throws -> Int32 {
    let started = Clock.monotonic()
    let keepsSize = preparation.spec.process.consoleSize != nil
    let ends = launched.streams.intoMonitor()
    try attachments?.connect(
      launched.running, input: ends.input, keepsSize: keepsSize)
    var session = try Session(
      launched.running, signals: signals.fd, output: ends.output, errors: ends.errors,
      log: ends.log, relaysInput: preparation.relaysInput,
      keepsSize: keepsSize, attachments: attachments)
    let status: ExitStatus
    do { status = try session.wait(beside: self) } catch {
      endRun(restarting: false)
      record.abandon(error)
      throw error
    }
    runLength = Clock.monotonic() - started
    let code = isOverdue ? Self.overdueCode : status.code
    endRun(restarting: restarts(after: code))
    if isOverdue, let limit = options.life.timeout {
      let reason = "\(state.name) has run for its --timeout of \(limit) s, and was killed"
      record.store.report(reason)
      try record.update(publishing: false) { $0.error = reason }
    }
    return code
  }

  /// Of what `--timeout` has ended, as with Podman.
  private static let overdueCode: Int32 = 255

  /// Removes what the run had of the host: the interfaces, whose addresses are free when this returns, and
  /// the cgroup.
  @inline(never)
  private func endRun(restarting: Bool) {
    pid = nil
    deadlines?.clear()
    abandonHealthCheck()
    if let file = options.life.pidFile { PidFile.remove(file, of: state.process?.pid) }
    let hadOthers = store.forgetVisitors(of: state.id)
    interfaces?.end(
      keepingLeases: restarting,
      namespaceEnds: !hadOthers && preparation.draft.sharing == nil
        && preparation.spec[namespace: "pid"] == .new)
    formerPlans = interfaces?.plans ?? []
    interfaces = nil
    cgroupFault = cgroup?.end()
    collectOrphans()
  }

  /// Collects processes of the instance that have ended and whose parents had gone: as the subreaper this
  /// is their parent, and its PID 1 waits for them before it ends (`zap_pid_ns_processes`,
  /// kernel/pid_namespace.c). Those that are waited for elsewhere are left alone.
  func collectOrphans() {
    var info = siginfo_t()
    while waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 {
      let ended = info._sifields._sigchld.si_pid
      if ended <= 0 || ended == pid || ended == healthCheck?.pid { return }
      waitpid(ended, nil, 0)
      info = siginfo_t()
    }
  }

  private func restarts(after code: Int32) -> Bool {
    switch wish {
    case .stop: false
    case .restart, .recover: true
    case .none: options.life.restart.restarts(after: code, count: state.restartCount ?? 0)
    }
  }

  /// Waits until the workload is to be launched again.
  ///
  /// - Returns: false where it is not.
  func awaitNextLaunch(after code: Int32) -> Bool {
    guard restarts(after: code) else { return false }
    let isAsked = wish == .restart
    record.updateOrReport {
      $0.status = .restarting
      $0.process = nil
      $0.end(code)
      if !isAsked { $0.restartCount = ($0.restartCount ?? 0) + 1 }
    }
    instanceHooks?.stopped()
    let end = Clock.monotonic() + (isAsked ? 0 : delay.next(afterRunOf: runLength))
    while wish == .none || wish == .recover {
      let left = end - Clock.monotonic()
      if left <= 0 { break }
      var entries = [fd, signals.fd].map {
        pollfd(fd: $0.rawValue, events: Int16(POLLIN), revents: 0)
      }
      guard Glibc.poll(&entries, nfds_t(entries.count), CInt(left / 1_000_000 + 1)) > 0 else {
        continue
      }
      if Signal.takeInterruption(from: signals.fd) { beStopped(byMachine: options.detached) }
      wake()
    }
    return wish != .stop
  }

  /// The workload could not be launched again: as if it had run, and failed.
  ///
  /// - Returns: the exit code.
  func note(failure error: any Error) -> Int32 {
    // The signal that has broken it off.
    if Signal.wasInterrupted { beStopped(byMachine: options.detached) }
    runLength = 0
    let code = (error as? SandboxError)?.exitCode ?? 125
    // Where it is for good, who waits hears of it when all is written down.
    if restarts(after: code) {
      control.answerWaiting(ControlReply(error: "\(error)"))
    } else {
      failure = "\(error)"
    }
    record.store.report("\(error)")
    record.updateOrReport { $0.error = "\(error)" }
    return code
  }

  /// Writes down how it ended. The exit code goes into the lock's file too, where `wait` finds it
  /// after `--rm` has removed everything else.
  // Not in the frame of what waits: see `Runner`.
  @inline(never)
  func finish(_ code: Int32) throws -> Int32 {
    claims.releaseAll(state.networks)
    FaultPoint.mark("the release of what it had")
    // The next start makes them anew; on a full disk they make room for what follows.
    store.removeNameFiles(state.id)
    let rest = cgroupFault
    // Who waits for it hears from the state as well.
    try? lock.fd.writeEverything(Array("\(code)\n".utf8))
    record.updateOrReport {
      $0.status = rest == nil ? .exited : .dead
      if let rest { $0.error = rest }
      $0.end(code)
    }
    control.answerWaiting(ControlReply(error: failure ?? "\(state.name) was stopped"))
    if state.removed, rest == nil { try remove() }
    instanceHooks?.stopped()
    attachments?.finish(code)
    return code
  }

  private func remove() throws {
    let shared = try store.hold()
    try store.remove(state.id, name: state.name)
    record.tell(removal: true)
    _ = consume shared
  }
}

extension InstanceRecord {
  /// The first launch has failed: a new instance leaves nothing, and one that was recorded is what it was.
  func abandon(_ error: any Error) {
    NetworkClaims(store: store, id: state.id).releaseAll(state.networks)
    guard let former = state.former else {
      try? store.remove(state.id, name: state.name)
      return
    }
    try? update {
      $0.status = former
      $0.former = nil
      $0.process = nil
      $0.error = "\(error)"
    }
  }
}

extension InstanceState {
  /// A run has ended.
  fileprivate mutating func end(_ code: Int32) {
    exitCode = code
    signal = (129...192).contains(code) ? Signal.name(of: code - 128) : nil
    finished = .now
  }
}
