import Glibc
import Linux
import Netlink
import Network
import OCI
import Sandbox
import SystemPackage

/// Watches an instance from its claim to its end: launches the workload, does what other commands ask,
/// launches it again as its restart policy has it, and gives back what it had.
final class Monitor {
  var preparation: Preparation
  let claims: NetworkClaims
  let record: InstanceRecord
  let signals: Descriptor
  let control: ControlSocket
  let epoll: Epoll
  let lock: FileLock
  /// Kept until the instance has ended.
  private let ports: PortReservation
  let serviceManager: ServiceManager?
  /// What the workload tells it.
  let notifications: NotifySocket?
  /// Of an instance in the background.
  let attachments: Attachments?
  var isInBackground: Bool { options.detached }
  var delay = RestartDelay()
  /// How long the last run has taken, in nanoseconds.
  var runLength: Int64 = 0

  /// Where its cgroup is; from the first launch on, that of the first.
  var placement: CgroupPlacement?
  /// The interfaces of the last run.
  var formerPlans: [InterfacePlan] = []
  /// What the workload runs in, until ``attend(_:)`` has it.
  private var launched: Launched?
  /// What is there while the workload runs.
  var interfaces: InterfaceMonitor?
  var cgroup: InstanceCgroup?
  /// Why the last one could not be removed.
  var cgroupFault: String?
  /// The monitor's child, which is not waited for while this is set, so that no other has its pid.
  var pid: pid_t?

  /// Why the last launch has failed, where there is none after it.
  var failure: String?
  /// What the user has asked for, which counts more than the restart policy.
  var wish = Wish.none
  var deadlines: Deadlines?
  /// Whether `--timeout` has ended the run.
  var isOverdue = false
  /// The check of its health that runs.
  var healthCheck: HealthCheck?
  /// From when on failures of checks count, on the monotonic clock.
  var healthyFrom: Int64 = 0

  enum Wish {
    case none, stop, restart
    /// Launch it again for its health's sake, as if it had failed by itself.
    case recover
  }

  enum Key: UInt64 { case control, interfaces, deadlines, healthOutput, healthEnd, notifications }

  var store: InstanceStore { preparation.store }
  var options: RunOptions { preparation.options }
  var state: InstanceState { record.state }

  /// - Parameter signals: of ``Session/signalDescriptor()``.
  init(
    _ preparation: Preparation, _ record: InstanceRecord, lock: consuming FileLock,
    ports: PortReservation, signals: consuming Descriptor, attachments: Attachments?
  ) throws {
    self.preparation = preparation
    self.record = record
    self.lock = lock
    self.ports = ports
    self.signals = signals
    self.attachments = attachments
    serviceManager = preparation.serviceManager
    notifications =
      serviceManager != nil && preparation.options.life.notify == .container
      ? try NotifySocket(in: preparation.store.directory(preparation.id)) : nil
    placement = preparation.placement
    claims = NetworkClaims(store: preparation.store, id: preparation.id)
    control = try ControlSocket(in: preparation.store.directory(preparation.id))
    epoll = try Epoll()
    try epoll.add(control.fd, key: Key.control.rawValue)
    if let notifications {
      try epoll.add(notifications.fd, key: Key.notifications.rawValue)
    }
  }

  /// Readable when ``wake()`` has something to do.
  var fd: FileDescriptor { epoll.fd }

  /// Does what there is to do.
  func wake() {
    for key in ((try? epoll.wait(milliseconds: 0)) ?? []).compactMap(Key.init(rawValue:)) {
      switch key {
      case .control: control.serve(answer) { attachments?.add($0) }
      case .interfaces: interfaces?.wake()
      case .deadlines: meetDeadlines()
      case .healthOutput: readHealthCheck()
      case .healthEnd: endHealthCheck()
      case .notifications: passNotifications()
      }
    }
  }

  /// Has ``wake()`` see to a check.
  func watch(_ check: HealthCheck) throws {
    try epoll.add(check.outputFD, key: Key.healthOutput.rawValue)
    try epoll.add(check.endFD, key: Key.healthEnd.rawValue)
  }

  /// Has ``wake()`` see to the interfaces that have been made.
  func watch(_ interfaces: InterfaceMonitor) throws {
    try epoll.add(interfaces.fd, key: Key.interfaces.rawValue)
    self.interfaces = interfaces
  }

  /// Takes note of something that is due at a time.
  func set(_ deadline: Deadlines.Kind, after nanoseconds: Int64) throws {
    if deadlines == nil {
      let new = try Deadlines()
      try epoll.add(new.fd, key: Key.deadlines.rawValue)
      deadlines = new
    }
    try deadlines?.set(deadline, after: nanoseconds)
  }

  /// A signal is on its way to the workload. One that asks to end is meant for the instance.
  func note(_ signal: CInt) {
    if Signal.interruptions.contains(signal) || signal == options.life.stopSignal {
      beStopped(byMachine: options.detached)
    }
  }

  /// The workload is not launched again.
  ///
  /// - Parameter byMachine: it is on its way down, which ends what runs in the background by a signal. What
  ///   comes back at boot still does.
  func beStopped(byMachine: Bool = false) {
    wish = .stop
    if options.life.restart == .unlessStopped, !byMachine { store.forgetForReboot(state.id) }
  }

  /// - Parameter plans, host: of the claim.
  func launchFirst(
    _ plan: LaunchPlan, _ plans: [InterfacePlan], _ host: consuming NetlinkSocket
  ) throws {
    var host = host
    do {
      let plans = try claims.probe(
        plans, options.networks, record, &host, interruption: signals.fd)
      launched = try launch(plan, plans, host)
    } catch {
      record.abandon(error)
      throw error
    }
    if options.detached { ProcessTitle.set("swrun: \(state.name)") }
    tellStart()
  }

  /// The instance's life, after its first launch.
  ///
  /// - Returns: the exit code of its last run.
  func live() throws -> Int32 {
    var code: Int32 = 0
    while let run = launched.take() {
      code = try attend(run)
      launchAgain(after: &code)
    }
    return try finish(code)
  }

  /// Unless it is not to be launched again.
  ///
  /// - Parameter code: that of the last run; becomes that of a launch that has failed since.
  // Not in the frame of what waits: see `Runner`.
  @inline(never)
  private func launchAgain(after code: inout Int32) {
    while awaitNextLaunch(after: code) {
      do {
        launched = try relaunch(formerPlans)
        control.answerWaiting(ControlReply())
        return
      } catch { code = note(failure: error) }
    }
  }
}
