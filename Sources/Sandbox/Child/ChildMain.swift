import CLinux
import Glibc
import Linux
import SystemPackage

/// The child side of a launch, from clone3 to the workload. It allocates and reads like any process
/// with one thread, but touches nothing outside the plan, and speaks over the channel alone.
struct ChildMain {
  let plan: LaunchPlan
  let staging: String
  /// What the workload gets as 0, 1 and 2 where it has no terminal.
  let standard: StandardStreams
  /// The network namespace to go into; it is closed with all else of the monitor's.
  let joined: FileDescriptor?

  /// - Parameter channel: the child's end. The monitor's byte on it says that the network is there;
  ///   its end says that the monitor has gone.
  func run(_ channel: consuming Channel) -> Never {
    do {
      try step("PR_SET_PDEATHSIG") { () throws(SystemError) in try dieWithParent() }
      setsid()
      // Not by clone3: that would make the monitor's cgroup the root of what is seen inside.
      if plan.hidesCgroups {
        try step("the cgroup namespace") { () throws(SystemError) in
          try check("unshare", "", unshare(CInt(NamespaceKinds.cgroup.rawValue)))
        }
      }
      if let score = plan.workload.memoryScore { try setMemoryScore(score) }
      if let joined {
        try step("entering the network namespace") { () throws(SystemError) in
          try check("setns", "", setns(joined.rawValue, CInt(NamespaceKinds.network.rawValue)))
        }
      }
      try enterTime()
      try takeOver(channel.fd)
    } catch {
      channel.send(error.report)
      _exit(CInt(error.exitCode))
    }
    // Its number is closed, and belongs to others from now on.
    _ = channel.release()
    _exit(launchOrReport())
  }

  /// A time namespace takes its clocks before the first process is in it, and unshare(2) leaves us
  /// outside.
  private func enterTime() throws(ChildFailure) {
    guard let offsets = plan.namespaces.timeOffsets else { return }
    guard Namespace.isKnown("time") else {
      throw ChildFailure("linux.namespaces: this kernel has no time namespaces (CONFIG_TIME_NS)")
    }
    try step("making the time namespace") { () throws(SystemError) in
      try check("unshare", "", unshare(CInt(NamespaceKinds.time.rawValue)))
      let path = "/proc/self/timens_offsets"
      for line in offsets {
        let file = try Descriptor.open(path, O_WRONLY)
        do throws(SystemError) { try file.fd.writeEverything(Array(line.utf8)) } catch {
          throw SystemError("write", "\(path) (\(line))", errno: error.errno)
        }
      }
      try Namespace(path: "/proc/self/ns/time_for_children").enter(.time)
    }
  }

  /// Returns only by a failure, with its exit code.
  private func launchOrReport() -> CInt {
    let channel = Channel(Descriptor(owning: channelNumber))
    do {
      try launch(channel)
      return 0
    } catch {
      channel.send(error.report)
      return CInt(error.exitCode)
    }
  }

  /// Behind the sockets, which have their places in the monitor already.
  private var channelNumber: CInt {
    PassedSockets.first + CInt(plan.workload.sockets?.count ?? 0)
  }

  /// Puts the streams at 0, 1 and 2 and the channel at 3, or behind the sockets that the workload gets, and
  /// closes everything else, among it the monitor's lock and sockets.
  private func takeOver(_ channel: FileDescriptor) throws(ChildFailure) {
    try step("arranging descriptors") { () throws(SystemError) in
      var copies: [CInt] = []
      for fd in [standard.input, standard.output, standard.error, channel] {
        copies.append(try check("dup", "", fcntl(fd.rawValue, F_DUPFD_CLOEXEC, channelNumber + 7)))
      }
      for (place, copy) in zip([0, 1, 2, channelNumber], copies) {
        try check("dup2", "", dup2(copy, place))
      }
      try check("close_range", "", swrun_close_range(UInt32(channelNumber) + 1, .max, 0))
      try check("fcntl", "F_SETFD", fcntl(channelNumber, F_SETFD, FD_CLOEXEC))
    }
  }

  private func launch(_ channel: borrowing Channel) throws(ChildFailure) {
    var trees: [HostTrees.Part: CInt] = [:]
    if plan.userNamespace != .shared {
      guard let received = try ChildIdentity.receive(plan, channel) else { _exit(125) }
      trees = received
      let ids = try step("reading the ids") { () throws(SystemError) in try UserNamespaceView() }
      try ChildIdentity.adopt(plan.workload, ids)
    }
    if let hostname = plan.hostname {
      try step("setting the host name") { () throws(SystemError) in
        try check("sethostname", hostname, sethostname(hostname, hostname.utf8.count))
      }
    }
    if let domainname = plan.domainname {
      try step("setting the domain name") { () throws(SystemError) in
        try check(
          "setdomainname", domainname, setdomainname(domainname, domainname.utf8.count))
      }
    }
    let sysctls = try ChildSysctls(plan.sysctls)
    if let hooks = plan.hooks { try runCreateHooks(hooks, channel) }
    let mounts = try ChildMounts(plan: plan, staging: staging, trees: trees)
    let root = try mounts.build()
    var terminal: FileDescriptor?
    if plan.workload.terminal {
      terminal = try handOutTerminal(channel, in: root.fd)
    }
    try mounts.enter(root)
    try awaitMonitor(channel)
    switch consume sysctls {
    case .some(let sysctls): try sysctls.write()
    case .none: break
    }
    try step("limiting capabilities") { () throws(SystemError) in
      try plan.workload.bounding.limitBounding()
    }
    let workload = ChildWorkload(workload: plan.workload, hooks: plan.hooks)
    if plan.usesInit {
      try ChildInit(
        workload: workload, filter: plan.initFilter, adopts: !plan.namespaces.ownsPIDs
      ).run(terminal: terminal, channel)
    }
    try workload.execute(terminal: terminal, channel)
  }

  private func awaitMonitor(_ channel: borrowing Channel) throws(ChildFailure) {
    let go: UInt8?
    do { go = try channel.receive() } catch {
      throw ChildFailure("waiting for the network: \(error)")
    }
    if go == nil { _exit(125) }
  }

  /// Once the monitor has run its own: they may have changed what is mounted, and what they mount in
  /// this namespace below the root file system goes into the instance.
  private func runCreateHooks(
    _ plan: HookPlan, _ channel: borrowing Channel
  ) throws(ChildFailure) {
    try step("cutting the tie to the host's mounts") { () throws(SystemError) in
      try MountNamespace.makePrivate()
    }
    try awaitMonitor(channel)
    let state = plan.state.json(status: "creating", pid: getpid())
    for (index, hook) in plan.hooks.createContainer.enumerated() {
      try HookProcess(
        hook, place: "hooks.createContainer[\(index)]", directory: plan.state.bundle
      ).run(state: state)
    }
  }

  /// The monitor gets the master; the other end stays here.
  private func handOutTerminal(
    _ channel: borrowing Channel, in root: FileDescriptor
  ) throws(ChildFailure) -> FileDescriptor {
    let pair = try openInstanceTerminal(in: root)
    plan.workload.attributes.terminalSize?.apply(to: pair.master.fd)
    do {
      try bindConsole(
        pair.terminal.fd, in: root, isOwn: plan.mounts.contains { $0.takesDevices })
      try channel.send(0, descriptor: pair.master.fd)
    } catch {
      throw ChildFailure("handing out the terminal: \(error)")
    }
    return pair.terminal.release()
  }
}
