import Linux
import Netlink
import Network
import OCI
import Sandbox

/// A workload that runs, and what the monitor has to attend to.
struct Launched: ~Copyable {
  var running: Running
  var streams: Streams
}

extension Monitor {
  /// Makes all that a run of the workload needs, and starts it. Nothing of that is left when this throws.
  func launch(
    _ plan: LaunchPlan, _ plans: [InterfacePlan], _ given: consuming NetlinkSocket
  ) throws -> Launched {
    var host = given
    let spec = preparation.spec
    let id = state.id
    let hooks = instanceHooks
    let agent = try SeccompAgent(spec.linux.seccomp)
    let joined = try preparation.draft.sharing?.open()
    let user = try preparation.openUserNamespace()
    let namespaces = try preparation.draft.namespaces.open(plan)
    let streams = try Streams(options, terminal: spec.process.terminal, record)
    try makeCgroup()
    var isLaunched = false
    do {
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
        // Who has no interface has nobody who looks for its namespace.
        try record.update(publishing: !plans.isEmpty) { $0.namespace = .init(identity) }
        network = try NetworkSetup(
          in: namespace, id: id, isShared: preparation.draft.sharing != nil)
      } catch {
        launch.abandon()
        throw error
      }
      var making = InterfaceLaunch(record, plans, interruption: signals.fd)
      do {
        try making.make(&network, &host)
        let pid = launch.pid
        if let file = options.life.pidFile { try PidFile.write(file, pid) }
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
        if let file = options.life.pidFile { PidFile.remove(file, of: launch.pid) }
        making.abandon()
        network.remove()
        launch.abandon()
        throw error
      }
      let process = ProcessIdentity(pid: launch.pid)
      try record.update {
        $0.process = process
        $0.status = .running
        $0.former = nil
        $0.started = .now
        $0.exitCode = nil
        $0.signal = nil
        $0.error = nil
        $0.health = options.life.health == nil ? nil : HealthRecord()
      }
      pid = launch.pid
      isOverdue = false
      if let limit = options.life.timeout { try set(.timeout, after: Int64(limit) * 1_000_000_000) }
      try beginHealthChecks()
      hooks?.started(pid: launch.pid)
      try watch(
        InterfaceMonitor(
          record, claims: claims, network: network, plans: making.plans, keepers: making.keepers,
          host: host, cgroup: cgroup))
      return Launched(running: launch.finish(), streams: streams)
    } catch {
      let cause = cgroup?.explain(error, needed: plan.usesInit ? 2 : 1) ?? error
      try? cgroup?.remove()
      cgroup = nil
      if isLaunched { hooks?.stopped() }
      throw cause
    }
  }

  /// The same once more, with the same addresses, which nobody else has got meanwhile.
  ///
  /// - Parameter former: the interfaces that there were.
  func relaunch(_ former: [InterfacePlan]) throws -> Launched {
    if wish != .stop { wish = .none }
    if preparation.dependsOnOthers { preparation = try preparation.renewed() }
    let plan = try preparation.plan()
    var host = try NetlinkSocket()
    var plans: [InterfacePlan] = []
    if !former.isEmpty {
      let lock = try claims.hold([])
      for plan in former {
        let ready = try claims.takeResources(
          [try claims.replan(plan.withoutLease(), beside: plans)], &host)
        plans += ready
      }
      _ = consume lock
    }
    try record.update(publishing: false) {
      $0.oomKilled = nil
      for index in $0.networks.indices { $0.networks[index].recover() }
    }
    return try launch(plan, plans, host)
  }

  private func makeCgroup() throws {
    guard let place = placement else { return }
    let made = try InstanceCgroup(cgroup?.plan ?? preparation.cgroup, at: place, record)
    cgroup = made
    // A scope of systemd's is there from now on, with the monitor in it.
    placement = CgroupPlacement(hierarchy: place.hierarchy, place: .directory(made.path))
  }

  var instanceHooks: InstanceHooks? {
    preparation.hooks.map { InstanceHooks(plan: $0, record: record) }
  }
}
