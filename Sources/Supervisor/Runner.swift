import CLinux
import Glibc
import Linux
import Netlink
public import Network
public import OCI
public import Sandbox
import SystemPackage

/// What `swrun run` is asked for.
public struct RunOptions: Sendable {
  public var request: RunRequest
  public var networks: [NetworkSpec] = []
  public var name: String?
  /// `-d`
  public var detached = false
  /// `--rm`
  public var removed = false
  /// `-i`
  public var interactive = false
  /// Not `--no-init`
  public var usesInit = true

  /// `--bundle`: the directory of an OCI bundle, which then says what is run and how.
  public var bundle: String?

  public init(request: RunRequest) { self.request = request }
}

/// Runs an instance and is its monitor: launches it, records it, waits for its end and removes what
/// it had. There is one for each instance; with `-d` it is a process of its own in the background.
public struct Runner {
  private let store: InstanceStore
  private let options: RunOptions

  public init(_ store: InstanceStore, _ options: RunOptions) {
    self.store = store
    var options = options
    options.request.hiddenPaths = [store.root, store.stateDirectory]
    self.options = options
  }

  /// What would be done, without doing it.
  public func plan() throws -> (Spec, [InterfacePlan]) {
    let spec = try spec()
    var planner = NetworkPlanner(host: try NetlinkSocket(), known: try knownSlaves())
    return (spec, try planner.plan(options.networks.map(store.networks.resolve)))
  }

  private func spec() throws -> Spec {
    guard let bundle = options.bundle else { return try Spec(hosting: options.request) }
    var spec = try Spec(bundle: bundle)
    spec.linux.maskedPaths += options.request.hiddenPaths
    return spec
  }

  private func knownSlaves() throws -> [Slave] {
    guard let host = FileIdentity(path: "/proc/self/ns/net") else { return [] }
    return store.states().filter { store.isAlive($0.id) }.flatMap { $0.slaves(on: host) }
  }

  /// Runs the instance to its end; with `-d` returns once the workload runs, after the id was printed.
  ///
  /// - Returns: the workload's exit code, or 0 for one in the background.
  public func run() throws -> Int32 {
    try Privilege.check()
    try store.prepare()
    if options.interactive, options.request.terminal, !options.detached,
      !isTerminal(.standardInput)
    {
      throw SupervisorError(
        "-i -t: the standard input is not a terminal. Leave -t out to pipe into the workload")
    }
    guard options.detached else {
      return try supervise(announceStart: {})
    }
    return try Background.start { ready in
      try supervise(announceStart: ready)
    } whenReady: {
      print(options.request.id)
    }
  }

  private func supervise(announceStart: () throws -> Void) throws -> Int32 {
    let id = options.request.id
    let spec = try spec()
    let program = try SeccompCache(directory: store.seccompDirectory).program(spec)
    let plan = try LaunchPlan(spec, usesInit: options.usesInit, seccomp: program)
    let signals = try Session.signalDescriptor()

    let claimed = try claim(spec)
    var host = claimed.host
    var state = claimed.state
    let lock = claimed.lock
    do {
      let streams = try Streams(options, logDirectory: store.logDirectory(id))
      var launch = try Launch(
        plan, staging: store.stagingDirectory, standard: streams.standard)
      var network: NetworkSetup
      do {
        let namespace = try launch.networkNamespace()
        state.namespace = .init(try namespace.identity())
        network = try NetworkSetup.make(claimed.plans, in: namespace, host: &host, id: id)
      } catch {
        launch.abandon()
        throw error
      }
      do { try launch.start() } catch {
        network.remove()
        launch.abandon()
        throw error
      }
      state.process = ProcessIdentity(pid: launch.pid)
      state.status = .running
      state.started = .now
      try store.write(state)
      try announceStart()
      let code = try attend(launch.finish(), signals, streams, network)
      try record(code, &state, lock)
      return code
    } catch {
      try? store.releaseAddresses(state)
      try? store.remove(id, name: state.name)
      throw error
    }
  }

  private struct Claim: ~Copyable {
    var host: NetlinkSocket
    var plans: [InterfacePlan]
    var state: InstanceState
    var lock: FileLock
  }

  /// Decides what is shared with other instances, name and addresses, while nobody else can.
  private func claim(_ spec: Spec) throws -> Claim {
    let id = options.request.id
    let shared = try store.hold()
    try Sweeper(store).sweepHolding(shared)
    let addresses = try holdNetworks()
    var planner = NetworkPlanner(host: try NetlinkSocket(), known: try knownSlaves())
    let plans = try planner.plan(options.networks.map(store.networks.resolve))
    guard let host = FileIdentity(path: "/proc/self/ns/net"),
      let monitor = ProcessIdentity(pid: getpid())
    else { throw SupervisorError("/proc is not mounted; swrun needs it") }
    let name = try store.claim(id, name: options.name)
    do {
      let lock = try FileLock.hold(store.lockPath(id))
      let state = InstanceState(
        id: id, name: name, command: spec.process.args, status: .creating, created: .now,
        monitor: monitor, bootId: try bootIdentity(), detached: options.detached,
        terminal: spec.process.terminal, removed: options.removed,
        networks: plans.map(InstanceState.NetworkRecord.init), hostNamespace: .init(host))
      try store.write(spec, of: id)
      try store.write(state)
      // After the state, so that whatever kills us is put right by what the state says.
      for plan in plans {
        guard let network = plan.spec.network else { continue }
        for address in plan.addresses {
          try store.networks.claim(
            "\(address.address)", of: network, for: store.directory(id))
        }
      }
      _ = consume addresses
      return Claim(host: planner.finish(), plans: plans, state: state, lock: lock)
    } catch {
      try? store.remove(id, name: name)
      throw error
    }
  }

  /// Keeps the defined networks as they are, where one is asked for, and gives them back what
  /// instances had that are no more.
  private func holdNetworks() throws -> FileLock? {
    let names = options.networks.compactMap { spec in
      if case .named(let name) = spec.kind { name } else { nil }
    }
    guard !names.isEmpty else { return nil }
    let lock = try store.networks.hold()
    for name in names { try store.networks.sweep(name) }
    return lock
  }

  /// The monitor's working life.
  private func attend(
    _ running: consuming Running, _ signals: consuming Descriptor, _ streams: consuming Streams,
    _ network: consuming NetworkSetup
  ) throws -> Int32 {
    var timer: Timer?
    var announcements = 1
    if network.announces {
      network.announce()
      timer = try Timer(first: 1_000_000_000, interval: 1_000_000_000)
    }
    let ends = streams.intoMonitor()
    var session = try Session(
      running, signals: signals, output: ends.output, errors: ends.errors, log: ends.log,
      relaysInput: options.interactive && options.request.terminal && !options.detached)
    let status = try session.wait(timer: timer) {
      network.announce()
      announcements += 1
      return announcements < 3
    }
    network.remove()
    return status.code
  }

  /// Writes down how it ended. The exit code goes into the lock's file too, where `wait` finds it
  /// after `--rm` has removed everything else.
  private func record(_ code: Int32, _ state: inout InstanceState, _ lock: borrowing FileLock)
    throws
  {
    state.status = .exited
    state.exitCode = code
    state.finished = .now
    try store.releaseAddresses(state)
    try lock.fd.writeEverything(Array("\(code)\n".utf8))
    try store.write(state)
    guard state.removed else { return }
    let shared = try store.hold()
    try store.remove(state.id, name: state.name)
    _ = consume shared
  }
}
