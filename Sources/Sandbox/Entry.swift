import CLinux
import Glibc
public import Linux
import SystemPackage

/// A further process inside a running instance, as `swrun exec` starts it.
public enum Entry {
  /// Goes into all namespaces of an instance and starts a process there. This process stays inside
  /// with all but its PID: it has to have opened before what it needs of the host.
  ///
  /// - Parameters:
  ///   - instance: PID 1 of the instance.
  ///   - cgroup: the directory of the instance's cgroup, in which the process starts.
  ///   - hidesCgroups: whether the instance has a cgroup namespace.
  ///   - agent: gets the listener of the filter, where it has one, and the process's pid.
  /// - Throws: `SandboxError` with the child's own line and exit code.
  public static func start(
    _ workload: LaunchPlan.Workload, in instance: borrowing Pidfd, cgroup: FileDescriptor?,
    hidesCgroups: Bool, standard: StandardStreams, agent: SeccompAgentHandler
  ) throws -> Running {
    // Held open before: from a user namespace it could not be opened any more.
    let cgroups =
      hidesCgroups
      ? try Descriptor.open("/proc/\(try Pidfd.number(instance.fd))/ns/cgroup", O_RDONLY).release()
      : nil
    defer { if let cgroups { close(cgroups.rawValue) } }
    try workload.attributes.initialCPUs?.restrictCPUs()
    let ids = try enter(instance)
    let ends = try DescriptorPair.sockets()
    let near = Channel(ends.first)
    try near.askForSenders()
    let far = Channel(ends.second)
    var raw: CInt = -1
    let pid = swrun_clone3(0, &raw, cgroup?.rawValue ?? -1)
    if pid == 0 {
      _ = near.release()
      // From the cgroup: seen from inside the namespace, our own does not exist, and cannot be left.
      if let cgroups, setns(cgroups.rawValue, CInt(NamespaceKinds.cgroup.rawValue)) != 0 {
        far.send(ChildFailure("the cgroup namespace: \(Errno(rawValue: errno))").report)
        _exit(125)
      }
      run(workload, ids: ids, standard: standard, far)
    }
    try check("clone3", "", pid)
    let pidfd = Pidfd(Descriptor(owning: raw))
    close(far.release().rawValue)
    return Running(pidfd: pidfd, terminal: try near.awaitCommand(agent: agent))
  }

  /// Goes into the namespaces of an instance that are not this process's own already, but for that of
  /// cgroups.
  ///
  /// - Returns: the ids of the user namespace, where that is one of them. They are read before: inside,
  ///   `/proc` is the workload's.
  private static func enter(_ instance: borrowing Pidfd) throws -> UserNamespaceView? {
    let pid = try Pidfd.number(instance.fd)
    var kinds: NamespaceKinds = [.mount]
    // The host's are not to be entered by who has no privilege over them, and are there already.
    for (name, kind) in [
      ("net", NamespaceKinds.network), ("user", .user), ("pid", .pid), ("ipc", .ipc), ("uts", .uts),
      ("time", .time),
    ]
    where FileIdentity(path: "/proc/self/ns/\(name)")
      != FileIdentity(path: "/proc/\(pid)/ns/\(name)")
    {
      kinds.insert(kind)
    }
    let ids = kinds.contains(.user) ? try UserNamespaceView(pid: pid) : nil
    if ids != nil { try ChildIdentity.dropGroups() }
    try instance.enterNamespaces(kinds)
    return ids
  }

  private static func run(
    _ workload: LaunchPlan.Workload, ids: UserNamespaceView?, standard: StandardStreams,
    _ channel: consuming Channel
  ) -> Never {
    var code: CInt = 0
    do { try become(workload, ids, standard: standard, channel) } catch {
      channel.send(error.report)
      code = CInt(error.exitCode)
    }
    _exit(code)
  }

  /// Returns only by a failure.
  private static func become(
    _ workload: LaunchPlan.Workload, _ ids: UserNamespaceView?, standard: StandardStreams,
    _ channel: borrowing Channel
  ) throws(ChildFailure) {
    try step("PR_SET_PDEATHSIG") { () throws(SystemError) in try dieWithParent() }
    setsid()
    if let ids { try ChildIdentity.adopt(workload, ids) }
    if let score = workload.memoryScore { try setMemoryScore(score) }
    try step("limiting capabilities") { () throws(SystemError) in
      try workload.bounding.limitBounding()
    }
    var terminal: FileDescriptor?
    if workload.terminal {
      let root = try step("opening the root") { () throws(SystemError) in
        try Descriptor.open("/", pathOnly | O_DIRECTORY)
      }
      let pair = try openInstanceTerminal(in: root.fd)
      try handOut(pair.master.fd, channel)
      terminal = pair.terminal.release()
    } else {
      try arrange(standard)
    }
    try ChildWorkload(workload: workload).execute(terminal: terminal, channel)
  }

  private static func handOut(
    _ master: FileDescriptor, _ channel: borrowing Channel
  ) throws(ChildFailure) {
    do { try channel.send(0, descriptor: master) } catch {
      throw ChildFailure("handing out the terminal: \(error)")
    }
  }

  /// Puts the streams at 0, 1 and 2, whatever numbers they have now.
  private static func arrange(_ standard: StandardStreams) throws(ChildFailure) {
    try step("arranging descriptors") { () throws(SystemError) in
      var copies: [CInt] = []
      for fd in [standard.input, standard.output, standard.error] {
        copies.append(try check("dup", "", fcntl(fd.rawValue, F_DUPFD_CLOEXEC, 10)))
      }
      for (place, copy) in copies.enumerated() {
        try check("dup2", "", dup2(copy, CInt(place)))
      }
    }
  }
}
