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
      try takeOver(channel.fd)
    } catch {
      channel.send(error.report)
      _exit(CInt(error.exitCode))
    }
    // Its number is closed, and belongs to others from now on.
    _ = channel.release()
    _exit(launchOrReport())
  }

  /// Returns only by a failure, with its exit code.
  private func launchOrReport() -> CInt {
    let channel = Channel(Descriptor(owning: Self.channelNumber))
    do {
      try launch(channel)
      return 0
    } catch {
      channel.send(error.report)
      return CInt(error.exitCode)
    }
  }

  private static let channelNumber: CInt = 3

  /// Puts the streams at 0, 1 and 2 and the channel at 3 and closes everything else, among it the
  /// monitor's lock and sockets.
  private func takeOver(_ channel: FileDescriptor) throws(ChildFailure) {
    try step("arranging descriptors") { () throws(SystemError) in
      var copies: [CInt] = []
      for fd in [standard.input, standard.output, standard.error, channel] {
        copies.append(try check("dup", "", fcntl(fd.rawValue, F_DUPFD_CLOEXEC, 10)))
      }
      for (place, copy) in copies.enumerated() {
        try check("dup2", "", dup2(copy, CInt(place)))
      }
      try check("close_range", "", swrun_close_range(UInt32(Self.channelNumber) + 1, .max, 0))
      try check("fcntl", "F_SETFD", fcntl(Self.channelNumber, F_SETFD, FD_CLOEXEC))
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
    try ChildMounts(plan: plan, staging: staging, trees: trees).perform()
    var terminal: FileDescriptor?
    if plan.workload.terminal {
      terminal = try handOutTerminal(channel)
    }
    let go: UInt8?
    do { go = try channel.receive() } catch {
      throw ChildFailure("waiting for the network: \(error)")
    }
    if go == nil { _exit(125) }
    try step("limiting capabilities") { () throws(SystemError) in
      try plan.workload.bounding.limitBounding()
    }
    let workload = ChildWorkload(workload: plan.workload)
    if plan.usesInit {
      try ChildInit(workload: workload, filter: plan.initFilter).run(terminal: terminal, channel)
    }
    try workload.execute(terminal: terminal, channel)
  }

  /// The monitor gets the master; the other end stays here.
  private func handOutTerminal(
    _ channel: borrowing Channel
  ) throws(ChildFailure) -> FileDescriptor {
    let pair = try openInstanceTerminal()
    do {
      try bindConsole(pair.terminal.fd)
      try channel.send(0, descriptor: pair.master.fd)
    } catch {
      throw ChildFailure("handing out the terminal: \(error)")
    }
    return pair.terminal.release()
  }
}
