import Linux
import Network
import Sandbox

/// What other commands ask of the monitor.
extension Monitor {
  /// - Returns: `nil` where the answer comes later.
  func answer(_ request: ControlRequest) -> ControlReply? {
    do {
      switch request {
      case .connect(let network): return ControlReply(interface: try running().connect(network))
      case .disconnect(let network):
        return ControlReply(interface: try running().disconnect(network))
      case .pause(let paused): try ownCgroup().pause(paused)
      case .update(let resources): try ownCgroup().update(resources)
      case .attach: return ControlReply(takesInput: try takesInput())
      case .stop(let signal, let seconds):
        beStopped()
        try end(signal, seconds)
      case .kill(let signal): try kill(signal)
      case .restart(let signal, let seconds):
        // One that is to end is not kept from it.
        guard wish != .stop else { throw SupervisorError("\(state.name) is being stopped") }
        wish = .restart
        try end(signal, seconds)
        return nil
      case .rename(let name): try rename(name)
      }
    } catch { return ControlReply(error: "\(error)") }
    return ControlReply()
  }

  private func running() throws -> InterfaceMonitor {
    guard let interfaces else { throw state.notRunning() }
    return interfaces
  }

  /// Whether who wants to be attached, and can be, gives the workload its input.
  private func takesInput() throws -> Bool {
    _ = try running()
    guard let attachments else {
      throw SupervisorError(
        "\(state.name) runs in the foreground: its output goes to where it was started from")
    }
    guard attachments.hasRoom else {
      throw SupervisorError(
        "\(Attachments.mostClients) are attached to \(state.name) already. Detach one of them, or read its output: swrun logs -f \(state.name)"
      )
    }
    return attachments.takesInput
  }

  private func ownCgroup() throws -> InstanceCgroup {
    _ = try running()
    guard let cgroup else { throw SupervisorError(CgroupPlacement.noCgroup(of: state.name)) }
    return cgroup
  }

  /// Asks the workload to end, and kills it when it does not. One that waits for its next launch is not
  /// launched.
  func end(_ signal: Int32?, _ seconds: Int?) throws {
    guard pid != nil else { return }
    let signal = signal ?? options.life.stopSignal
    try send(signal)
    // What is paused takes no signal but SIGKILL.
    if state.status == .paused { try? cgroup?.pause(false) }
    let limit = seconds ?? options.life.stopTimeout
    if signal != Self.killSignal, limit >= 0 {
      try set(.kill, after: Int64(min(limit, 1_000_000)) * 1_000_000_000)
    }
  }

  /// Sends a signal. As SIGKILL and what `stop` sends end the instance, they end it for good.
  private func kill(_ signal: Int32) throws {
    if signal == Self.killSignal || signal == options.life.stopSignal {
      beStopped()
    } else if pid == nil {
      throw state.notRunning()
    }
    try send(signal)
  }

  private static let killSignal: Int32 = 9

  func meetDeadlines() {
    for deadline in deadlines?.take() ?? [] {
      switch deadline {
      case .kill: try? send(Self.killSignal)
      case .timeout:
        isOverdue = true
        try? send(Self.killSignal)
      case .healthCheck: checkHealth()
      case .healthTimeout: endHealthCheck("the check took longer than --health-timeout")
      }
    }
  }

  /// Sends a signal to PID 1, which hands it on to the workload. Where SIGKILL would leave what the
  /// workload has started, in the PID namespace of others, the workload gets it, and swrun's init ends
  /// the rest.
  func send(_ signal: Int32) throws {
    guard let pid else { return }
    guard signal == Self.killSignal, state.sharesProcesses == true else {
      try Pidfd(pid: pid).send(signal)
      return
    }
    func children() -> [Int32] {
      let text = (try? readText("/proc/\(pid)/task/\(pid)/children")) ?? ""
      return text.split(separator: " ").compactMap { Int32($0) }
    }
    for child in children() {
      guard let workload = try? Pidfd(pid: child), children().contains(child) else { continue }
      try workload.send(signal)
    }
  }

  private func rename(_ name: String) throws {
    let shared = try store.hold()
    let former = state.name
    try store.rename(state, to: name) { renamed throws in
      do { try record.update { $0.name = renamed.name } } catch {
        try record.update(publishing: false) { $0.name = former }
        throw error
      }
    }
    if options.detached { ProcessTitle.set("swrun: \(name)") }
    _ = consume shared
    try HostsFiles(store).follow(state)
  }
}
