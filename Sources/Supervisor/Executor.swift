import Glibc
import Linux
import OCI
import Sandbox
import SystemPackage

/// Runs a further command in an instance: `swrun exec`.
public struct Executor {
  private let store: InstanceStore
  public var command: [String] = []
  /// `-e`
  public var environment: [String] = []
  /// `-w`
  public var workingDirectory: String?
  /// `-u`
  public var user: String?
  /// `-i`
  public var interactive = false
  /// `-t`
  public var terminal = false
  /// Not `--security-opt landlock=off`
  public var landlock = true

  public init(_ store: InstanceStore) { self.store = store }

  private func check(_ user: Spec.User, in spec: Spec) throws(SupervisorError) {
    guard case .new(let uids, let gids) = spec.userNamespace else { return }
    if uids.outside(user.uid) == nil {
      throw SupervisorError("-u: uid \(user.uid) is not in the instance's user namespace")
    }
    for gid in [user.gid] + user.additionalGids where gids.outside(gid) == nil {
      throw SupervisorError("-u: gid \(gid) is not in the instance's user namespace")
    }
  }

  /// - Returns: the command's exit code.
  public func run(in state: InstanceState) throws -> Int32 {
    try Rootless(store).obtain(in: state)
    guard store.isAlive(state.id), let process = state.process?.open() else {
      throw (store.state(state.id) ?? state).notRunning()
    }
    if interactive, terminal, !isTerminal(.standardInput) {
      throw SupervisorError(
        "-i -t: the standard input is not a terminal. Leave -t out to pipe into the command")
    }
    let cgroup = try state.cgroup?.open()
    if store.state(state.id)?.status == .paused {
      throw SupervisorError(
        "\(state.name) is paused, and nothing runs in it. Let it go on first: swrun unpause \(state.name)"
      )
    }
    let spec = try store.spec(state.id)
    // As it is now, where that can be seen: the workload may have made accounts.
    let own = "/proc/\(state.process?.pid ?? 0)/root"
    let root = (try? resolvedDirectory(own)) == nil ? spec.root.path : own
    let adapted = try spec.process.adapted(
      command: command, environment: environment, workingDirectory: workingDirectory, user: user,
      terminal: terminal, root: root)
    try check(adapted.user, in: spec)
    let program = try SeccompCache(directory: store.seccompDirectory).workloadProgram(spec)
    let isLandlocked = landlock && state.landlock?.inForce == true
    var workload = try LaunchPlan.Workload(
      adapted, seccomp: program, profile: spec.linux.seccomp,
      landlock: isLandlocked ? LandlockPlan(spec) : nil)
    workload.attributes = try AttributePlan(adapted, spec.linux)
    let agent = try SeccompAgent(spec.linux.seccomp)
    let signals = try Session.signalDescriptor(stops: interactive && terminal)
    let null = try Descriptor.null()
    let running: Running
    do {
      running = try Entry.start(
        workload, in: process, cgroup: view(cgroup),
        hidesCgroups: spec.linux.namespaces.contains { $0.type == "cgroup" },
        standard: StandardStreams(
          input: interactive ? .standardInput : null.fd, output: .standardOutput,
          error: .standardError)
      ) { listener, process in
        try agent.give(
          listener, pid: process, spec, id: state.id, instance: state.process?.pid ?? 0,
          status: "running", bundle: store.directory(state.id))
      }
    } catch let error as SystemError where error.errno == .resourceTemporarilyUnavailable {
      throw Self.noProcess(state.name, usage(cgroup))
    }
    var session = try Session(
      running, signals: signals.fd, output: nil, errors: nil, log: nil,
      relaysInput: interactive && terminal)
    return try session.wait().code
  }

  /// By now this process is inside, and sees no cgroup but the instance's.
  private static func noProcess(_ name: String, _ usage: CgroupUsage) -> SupervisorError {
    guard let limit = usage.taskLimit, let tasks = usage.tasks, tasks >= limit else {
      return SupervisorError(
        "the kernel makes no more processes in \(name): pids.max of a cgroup above its own, kernel.pid_max or kernel.threads-max is reached"
      )
    }
    return SupervisorError(
      "\(name) has as many processes and threads as --pids-limit allows it, \(limit). Give it more: swrun update --pids-limit \(limit + 10) \(name)"
    )
  }
}
