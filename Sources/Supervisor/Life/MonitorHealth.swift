import Glibc
import Linux

/// The checks of the workload's health.
extension Monitor {
  /// To be called when the workload runs.
  func beginHealthChecks() throws {
    guard let plan = options.life.health else { return }
    healthyFrom = Clock.monotonic() + plan.startPeriod
    try set(.healthCheck, after: plan.interval)
  }

  /// It is time for a check.
  func checkHealth() {
    guard let plan = options.life.health, pid != nil, healthCheck == nil else { return }
    // Nothing can be run in it while it is paused.
    if state.status == .paused { return scheduleHealthCheck() }
    do {
      let check = try HealthCheck(plan.command, in: state, store)
      healthCheck = check
      try watch(check)
      try set(.healthTimeout, after: plan.timeout)
    } catch { endHealthCheck("\(error)") }
  }

  func readHealthCheck() {
    guard let check = healthCheck, !check.read() else { return }
    epoll.remove(check.outputFD)
  }

  /// The check has ended, or is to end.
  ///
  /// - Parameter reason: why it is ended.
  func endHealthCheck(_ reason: String? = nil) {
    guard let plan = options.life.health else { return }
    deadlines?.clear(.healthTimeout)
    let result: HealthRecord.Check
    if let check = healthCheck {
      result = collectHealthCheck(check, reason)
    } else {
      result = HealthRecord.Check(started: .now, ended: .now, exitCode: nil, output: reason ?? "")
    }
    let former = state.health?.status
    var isWorse = false
    try? record.update {
      var health = $0.health ?? HealthRecord()
      isWorse = health.note(
        result, retries: plan.retries, isStarting: Clock.monotonic() < healthyFrom)
      $0.health = health
    }
    if options.life.notify == .healthy, former != .healthy, state.health?.status == .healthy {
      serviceManager?.tell(["READY=1"])
    }
    if isWorse { actOnFailure(plan.onFailure) }
    scheduleHealthCheck()
  }

  /// The workload has ended, and nobody asks any more.
  func abandonHealthCheck() {
    if let check = healthCheck { _ = collectHealthCheck(check, "the workload has ended") }
  }

  private func collectHealthCheck(_ check: HealthCheck, _ reason: String?) -> HealthRecord.Check {
    // The process has copies of these: they would stay in the set after we have closed ours.
    epoll.remove(check.endFD)
    epoll.remove(check.outputFD)
    healthCheck = nil
    defer { collectOrphans() }
    return check.end(reason)
  }

  private func scheduleHealthCheck() {
    guard let plan = options.life.health, pid != nil else { return }
    try? set(.healthCheck, after: plan.interval)
  }

  private func actOnFailure(_ action: HealthPlan.Action) {
    do {
      switch action {
      case .none: return
      case .kill: try send(SIGKILL)
      case .restart:
        if wish == .none { wish = .recover }
        try end(nil, nil)
      case .stop:
        beStopped()
        try end(nil, nil)
      }
    } catch { record.warn("\(state.name) is unhealthy, and cannot be ended: \(error)") }
  }
}
