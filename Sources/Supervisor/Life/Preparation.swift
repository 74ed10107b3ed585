import Linux
import OCI
import Sandbox

/// An instance with everything decided that can be, before anything of it is made.
struct Preparation {
  let store: InstanceStore
  let options: RunOptions
  private(set) var draft: Draft
  /// `nil`: there is none, or it is not to be told of anything.
  let serviceManager: ServiceManager?
  /// `nil` for a spec without any.
  let hooks: HookPlan?
  /// That of the spec, until the claim decides.
  var userNamespace: Spec.UserNamespace
  let cgroup: CgroupPlan
  let placement: CgroupPlacement?

  var id: String { options.request.id }
  var spec: Spec { draft.spec }

  init(_ options: RunOptions, in store: InstanceStore) throws {
    self.store = store
    self.options = options
    draft = try Draft(options, in: store)
    serviceManager = options.life.notify == .ignore ? nil : try ServiceManager.find()
    if serviceManager != nil, options.life.notify == .container {
      NotifySocket.mount(&draft.spec, from: store.directory(options.request.id))
    }
    options.sockets?.protect()
    let spec = draft.spec
    try spec.checkSecurityModules()
    hooks = try options.bundle.flatMap { bundle throws in
      HookPlan(spec, id: options.request.id, bundle: try realPath(bundle))
    }
    userNamespace = spec.userNamespace
    cgroup = try CgroupPlan(spec)
    placement = try CgroupPlacement.find(cgroup, id: options.request.id)
  }

  /// What a launch is to do. Each makes it anew: with its filters it would be a third of what a monitor that
  /// waits has to remember.
  func plan() throws -> LaunchPlan {
    let filters = SeccompCache(directory: store.seccompDirectory)
    var plan = try LaunchPlan(
      spec, usesInit: options.usesInit, seccomp: try filters.workloadProgram(spec),
      initFilter: options.usesInit ? try filters.initProgram() : [],
      landlock: draft.landlock.inForce ? LandlockPlan(spec) : nil, hooks: hooks,
      sockets: options.sockets)
    plan.userNamespace = userNamespace
    plan.isEphemeral = options.request.isEphemeral
    try plan.checkScratch()
    return plan
  }

  /// Whether this process hands its terminal's input on to that of the workload.
  var relaysInput: Bool { options.interactive && spec.process.terminal && !options.detached }

  /// Refuses to read keys from what has none.
  ///
  /// - Parameter isAttached: this command reads them, for an instance in the background.
  func checkTerminal(isAttached: Bool) throws {
    if isAttached, !spec.process.terminal {
      throw SupervisorError("--detach-keys: the bundle has no terminal (process.terminal)")
    }
    if relaysInput || isAttached, !isTerminal(.standardInput) {
      throw SupervisorError(
        "-i -t: the standard input is not a terminal. Leave -t out to pipe into the workload")
    }
  }

  /// Whether it runs in namespaces of other instances, which may be others by the next launch.
  var dependsOnOthers: Bool { draft.sharing?.owner != nil || draft.namespaces.hasOwners }

  /// The same instance after one of those has been launched again. What was claimed stays.
  func renewed() throws -> Preparation {
    var renewed = try Preparation(options, in: store)
    renewed.userNamespace = userNamespace
    return renewed
  }

  /// Opens the user namespace that is joined.
  func openUserNamespace() throws -> Namespace? {
    guard case .joined(let path) = spec.userNamespace else { return nil }
    do {
      if let namespace = try Namespace.open(at: path, .user) { return .some(namespace) }
    } catch { throw SupervisorError("the user namespace \(path) cannot be opened: \(error.errno)") }
    throw SupervisorError("\(path) is not a user namespace; lsns -t user lists those of processes")
  }
}
