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
  /// `-p`
  public var ports: [PublishedPort] = []
  public var name: String?
  /// `-d`
  public var detached = false
  /// `--detach-keys`: this command is attached to an instance in the background.
  public var detachKeys: DetachKeys?
  /// `--rm`
  public var removed = false
  /// `-i`
  public var interactive = false
  /// Not `--no-init`
  public var usesInit = true

  /// `--bundle`: the directory of an OCI bundle, which then says what is run and how.
  public var bundle: String?
  public var names = NameOptions()
  /// Of what is detached.
  public var log = LogOptions()
  public var userNamespace: UserNamespaceRequest?

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
    let draft = try draft()
    _ = try CgroupPlacement.find(CgroupPlan(draft.spec), id: options.request.id)
    return (draft.spec, try claims.plan(options.networks, publishing: options.ports))
  }

  /// The spec as a bundle's `config.json` has it: without what is of one run alone.
  public func template() throws -> Spec {
    var spec = try draft().spec
    let own = store.directory(options.request.id) + "/"
    spec.mounts.removeAll { $0.source?.hasPrefix(own) == true }
    spec.linux.maskedPaths.removeAll(where: options.request.hiddenPaths.contains)
    return spec
  }

  /// What is to be run, with what it shares with others.
  private struct Draft {
    var spec: Spec
    let sharing: NetworkSharing?
    let namespaces: NamespaceSharing
    let names: NamePlan
    let landlock: LandlockRecord
    let users: UserNamespacePlan
  }

  private func draft() throws -> Draft {
    var request = options.request
    var spec = try options.bundle.map { directory throws in try Spec(bundle: directory) }
    let sharing = try NetworkSharing(
      options.networks, bundle: spec?.networkNamespace, in: store)
    // Who shares a network is called as it is called there.
    if let owner = sharing?.owner?.names {
      request.hostname = owner.hostname
      request.domainname = owner.domainname
    } else if sharing?.network == .host, request.hostname == nil {
      request.hostname = try hostName()
    }
    let namespaces = try NamespaceSharing(options, in: store)
    if let hostname = namespaces.hostname {
      request.hostname = hostname
      request.domainname = nil
    }
    request.network = sharing?.network ?? .new
    let users = UserNamespacePlan(
      options.userNamespace, of: request.id, in: store, own: try Rootless.view())
    if let bundle = spec, options.userNamespace == nil {
      request.userNamespace = try users.namespace(ofBundle: bundle)
    } else {
      request.userNamespace = try users.namespace()
      request.user = try request.user ?? users.user()
    }
    if spec != nil {
      // A host name that is not asked for is the bundle's, also where a network is shared.
      request.hostname = options.request.hostname
      request.domainname = options.request.domainname
      try spec?.adapt(to: request)
    }
    var whole = try spec ?? Spec(hosting: request)
    let names = try NamePlan(options, whole, sharing)
    try whole.apply(request.limits, id: request.id)
    whole.mounts += names.files.map { $0.mount(from: store.directory(request.id)) }
    namespaces.apply(to: &whole)
    try whole.apply(request.attributes)
    let landlock = LandlockRecord(
      whole, isWanted: options.request.security.landlock,
      isHosting: options.bundle == nil && options.request.rootfs == nil)
    if let fault = whole.userNamespaceFaults().first { throw SupervisorError("\(fault)") }
    return Draft(
      spec: whole, sharing: sharing, namespaces: namespaces, names: names, landlock: landlock,
      users: users)
  }

  private var claims: NetworkClaims { NetworkClaims(store: store, id: options.request.id) }

  /// Runs the instance to its end; with `-d` returns once the workload runs, after the id was printed.
  ///
  /// - Returns: the workload's exit code, or 0 for one in the background.
  public func run() throws -> Int32 {
    try Rootless(store).obtain(options.networks, bundle: options.bundle)
    try store.prepare()
    guard options.detached else {
      return try supervise(announceStart: {})
    }
    if let keys = options.detachKeys { return try runAttached(keys) }
    return try Background.start { ready in
      try supervise(announceStart: ready)
    } whenReady: {
      print(options.request.id)
      return 0
    }
  }

  /// Runs the instance in the background, with this process attached from the start.
  private func runAttached(_ keys: DetachKeys) throws -> Int32 {
    let pair = try DescriptorPair.sockets()
    var near: HeldDescriptor? = HeldDescriptor(pair.first)
    var far: HeldDescriptor? = HeldDescriptor(pair.second)
    let signals = try Session.signalDescriptor(stops: true)
    return try Background.start { ready in
      near = nil
      return try supervise(attached: far, announceStart: ready)
    } whenReady: {
      far = nil
      guard let socket = near else { return 125 }
      return try Attachment(
        store, id: options.request.id, socket, isTerminal: true, takesInput: true, keys: keys
      ).run(signals)
    }
  }

  private func supervise(
    attached front: HeldDescriptor? = nil, announceStart: () throws -> Void
  ) throws -> Int32 {
    let id = options.request.id
    let draft = try draft()
    let spec = draft.spec
    let relaysInput =
      options.interactive && spec.process.terminal && (!options.detached || front != nil)
    if front != nil, !spec.process.terminal {
      throw SupervisorError("--detach-keys: the bundle has no terminal (process.terminal)")
    }
    if relaysInput, !isTerminal(.standardInput) {
      throw SupervisorError(
        "-i -t: the standard input is not a terminal. Leave -t out to pipe into the workload")
    }
    try spec.checkSecurityModules()
    let filters = SeccompCache(directory: store.seccompDirectory)
    var plan = try LaunchPlan(
      spec, usesInit: options.usesInit, seccomp: try filters.workloadProgram(spec),
      initFilter: options.usesInit ? try filters.defaultProgram(capabilities: []) : [],
      landlock: draft.landlock.inForce ? LandlockPlan(spec) : nil,
      hooks: try hookPlan(spec))
    plan.isEphemeral = options.request.isEphemeral
    try plan.checkScratch()
    let agent = try SeccompAgent(spec.linux.seccomp)
    let cgroupPlan = try CgroupPlan(spec)
    let placement = try CgroupPlacement.find(cgroupPlan, id: id)
    let signals = try Session.signalDescriptor(stops: relaysInput && front == nil)
    let attachments =
      options.detached
      ? try Attachments(isTerminal: spec.process.terminal, takesInput: options.interactive) : nil
    if let front { attachments?.add(front) }

    let joined = try draft.sharing?.open()
    let user = try openUserNamespace(spec)
    let namespaces = try draft.namespaces.open(plan)
    let claimed = try claim(draft)
    var host = claimed.host
    let record = claimed.record
    plan.userNamespace = claimed.userNamespace
    let lock = claimed.lock
    // Kept until the instance has ended.
    let ports = claimed.ports
    defer { withExtendedLifetime(ports) {} }
    let hooks = plan.hooks.map { InstanceHooks(plan: $0, record: record) }
    var isLaunched = false
    var cgroup: InstanceCgroup?
    do {
      let plans = try claims.probe(
        claimed.plans, options.networks, record, &host, interruption: signals.fd)
      let streams = try Streams(options, terminal: spec.process.terminal, record)
      cgroup = try placement.map { place throws in
        try InstanceCgroup(cgroupPlan, at: place, record)
      }
      try FaultPoint.reach("the cgroup")
      var launch = try Launch(
        plan, staging: store.stagingDirectory, standard: streams.standard, joining: joined,
        user: user, namespaces, in: cgroup?.fd)
      isLaunched = true
      var network: NetworkSetup
      do {
        let namespace =
          switch consume joined {
          case .some(let namespace): namespace
          case .none: try launch.networkNamespace()
          }
        let identity = try namespace.identity()
        try record.update { $0.namespace = .init(identity) }
        network = try NetworkSetup(
          in: namespace, id: id, isShared: draft.sharing != nil)
      } catch {
        launch.abandon()
        throw error
      }
      var interfaces = InterfaceLaunch(record, plans, interruption: signals.fd)
      do {
        try interfaces.make(&network, &host)
        let pid = launch.pid
        if let hooks {
          try hooks.create(pid: pid, interruption: signals.fd)
          launch.proceed()
        }
        try launch.start(interruption: hooks == nil ? nil : signals.fd) { listener, process in
          try agent.give(
            listener, pid: process, spec, id: id, instance: pid, status: "creating",
            bundle: store.directory(id))
        }
        try FaultPoint.reach("the start of the workload")
      } catch {
        interfaces.abandon()
        network.remove()
        launch.abandon()
        throw error
      }
      let process = ProcessIdentity(pid: launch.pid)
      try record.update {
        $0.process = process
        $0.status = .running
        $0.started = .now
      }
      hooks?.started(pid: launch.pid)
      try announceStart()
      let monitor = try InterfaceMonitor(
        record, claims: claims, network: network, plans: interfaces.plans,
        keepers: interfaces.keepers, host: host, cgroup: cgroup, attachments: attachments)
      let code = try attend(
        launch.finish(), signals, streams, monitor, spec.process, attachments)
      cgroup?.end()
      try end(code, record, lock)
      hooks?.stopped()
      attachments?.finish(code)
      return code
    } catch {
      try? cgroup?.remove()
      claims.releaseAll(record.state.networks)
      try? store.remove(id, name: record.state.name)
      if isLaunched { hooks?.stopped() }
      throw error
    }
  }

  /// Opens the user namespace that is joined.
  private func openUserNamespace(_ spec: Spec) throws -> Namespace? {
    guard case .joined(let path) = spec.userNamespace else { return nil }
    do {
      if let namespace = try Namespace.open(at: path, .user) { return .some(namespace) }
    } catch { throw SupervisorError("the user namespace \(path) cannot be opened: \(error.errno)") }
    throw SupervisorError("\(path) is not a user namespace; lsns -t user lists those of processes")
  }

  private func hookPlan(_ spec: Spec) throws -> HookPlan? {
    guard let bundle = options.bundle else { return nil }
    return HookPlan(spec, id: options.request.id, bundle: try realPath(bundle))
  }

  private struct Claim: ~Copyable {
    var userNamespace: Spec.UserNamespace
    var host: NetlinkSocket
    var plans: [InterfacePlan]
    var record: InstanceRecord
    var lock: FileLock
    var ports: PortReservation
  }

  /// Decides what is shared with other instances, name and addresses, while nobody else can.
  private func claim(_ draft: Draft) throws -> Claim {
    let id = options.request.id
    var spec = draft.spec
    let shared = try store.hold()
    try Sweeper(store).sweepHolding(shared)
    if draft.users.isShared { spec.userNamespace = try draft.users.namespace() }
    let needsNetworks = options.networks.contains { $0.kind.makesInterface }
    let networks = needsNetworks ? try claims.hold(options.networks) : nil
    var plans = try claims.plan(options.networks, publishing: options.ports)
    let ports = PortReservation()
    guard let hostNamespace = FileIdentity(path: "/proc/self/ns/net"),
      let monitor = ProcessIdentity(pid: getpid())
    else { throw SupervisorError("/proc is not mounted; swrun needs it") }
    let name = try store.claim(id, name: options.name)
    var host = try NetlinkSocket()
    do {
      let lock = try FileLock.hold(store.lockPath(id))
      plans = try claims.takeResources(plans, &host, ports: ports)
      let gateway =
        draft.names.asksForHost
        ? try HostGateway.addresses(
          plans, sharesHost: draft.sharing?.network == .host, &host) : []
      var state = InstanceState(
        id: id, name: name, command: spec.process.args, status: .creating, created: .now,
        monitor: monitor, bootId: try bootIdentity(), detached: options.detached,
        terminal: spec.process.terminal, removed: options.removed,
        networks: plans.map(InstanceState.NetworkRecord.init), hostNamespace: .init(hostNamespace))
      if options.detached { state.log = options.log }
      state.shared = draft.sharing?.summary
      state.landlock = draft.landlock
      if draft.users.claimsIDs {
        state.userMaps = InstanceState.UserMaps(spec.userNamespace)
      }
      state.names = draft.names.record(hostGateway: gateway)
      try draft.names.make(state, in: store)
      try store.write(spec, of: id)
      let record = InstanceRecord(store, state)
      try store.write(state)
      try claims.takeLeases(plans)
      _ = consume networks
      return Claim(
        userNamespace: spec.userNamespace, host: host, plans: plans, record: record, lock: lock,
        ports: ports)
    } catch {
      if networks != nil {
        claims.giveBack(plans.map(InstanceState.NetworkRecord.init), user: id, &host)
      }
      try? store.remove(id, name: name)
      throw error
    }
  }

  /// The monitor's working life.
  private func attend(
    _ running: consuming Running, _ signals: consuming Descriptor, _ streams: consuming Streams,
    _ interfaces: InterfaceMonitor, _ process: Spec.Process, _ attachments: Attachments?
  ) throws -> Int32 {
    defer { interfaces.end() }
    let ends = streams.intoMonitor()
    try attachments?.connect(
      running, input: ends.input, keepsSize: process.consoleSize != nil)
    var session = try Session(
      running, signals: signals, output: ends.output, errors: ends.errors, log: ends.log,
      relaysInput: options.interactive && process.terminal && !options.detached,
      keepsSize: process.consoleSize != nil, attachments: attachments)
    return try session.wait(beside: interfaces).code
  }

  /// Writes down how it ended. The exit code goes into the lock's file too, where `wait` finds it
  /// after `--rm` has removed everything else.
  private func end(_ code: Int32, _ record: InstanceRecord, _ lock: borrowing FileLock) throws {
    claims.releaseAll(record.state.networks)
    try lock.fd.writeEverything(Array("\(code)\n".utf8))
    try record.update {
      $0.status = .exited
      $0.exitCode = code
      $0.finished = .now
    }
    let state = record.state
    guard state.removed else { return }
    let shared = try store.hold()
    try store.remove(state.id, name: state.name)
    record.tell(removal: true)
    _ = consume shared
  }
}
