import CLinux
import Glibc
public import Linux
public import SystemPackage

/// What a process gets as its descriptors 0, 1 and 2; borrowed.
public struct StandardStreams: Sendable {
  public let input: FileDescriptor
  public let output: FileDescriptor
  public let error: FileDescriptor

  public init(input: FileDescriptor, output: FileDescriptor, error: FileDescriptor) {
    self.input = input
    self.output = output
    self.error = error
  }

  /// Those of this process.
  public static let own = StandardStreams(
    input: .standardInput, output: .standardOutput, error: .standardError)
}

/// Who is given a seccomp listener, with the pid of the process whose filter it is of.
public typealias SeccompAgentHandler = (borrowing Descriptor, pid_t) throws -> Void

/// The monitor's side of a process that has been started and is not yet the workload.
public struct Launch: ~Copyable {
  /// PID 1 of the instance, in the monitor's PID namespace.
  public let pid: pid_t
  private let pidfd: Pidfd
  private let channel: Channel
  private var terminal: Descriptor?

  /// Clones a process into new namespaces and lets it build its file system. It then waits for
  /// ``start()``.
  ///
  /// - Parameters:
  ///   - staging: an empty directory of swrun's own.
  ///   - standard: what the workload gets where it has no terminal of its own.
  ///   - network, user: the namespaces that the plan has it join.
  ///   - cgroup: the directory of the cgroup in which it starts; without, it starts in the monitor's.
  ///   - namespaces: the others that it has it join.
  /// - Throws: `SystemError`, with the capability that is missing in its reason.
  public init(
    _ plan: LaunchPlan, staging: String, standard: StandardStreams,
    joining network: borrowing Namespace? = nil, user: borrowing Namespace? = nil,
    _ namespaces: JoinedNamespaces, in cgroup: FileDescriptor? = nil
  ) throws {
    guard plan.userNamespace == .shared || plan.namespaces.ownsPIDs else {
      throw SandboxError(
        "a user namespace of its own and the processes of others exclude each other: the kernel shows no /proc of them there"
      )
    }
    // That of cgroups is made from within the cgroup.
    var kinds = plan.namespaces.new.subtracting(.cgroup)
    var joined: FileDescriptor?
    switch plan.network {
    case .new, .host: break
    case .joined(let path):
      switch network {
      case .some(let held): joined = held.fd
      case .none: preconditionFailure("the network namespace \(path) was not opened")
      }
    }
    let ends = try DescriptorPair.sockets()
    let near = Channel(ends.first)
    try near.askForSenders()
    let far = Channel(ends.second)
    var raw: CInt = -1
    // From a user namespace of its own, a network that belongs to others cannot be entered any more.
    let home: Namespace?
    if let place = joined, plan.userNamespace != .shared {
      home = try Namespace(path: "/proc/self/ns/net")
      try check("setns", "", setns(place.rawValue, CInt(NamespaceKinds.network.rawValue)))
      joined = nil
    } else {
      home = nil
    }
    let result = namespaces.cloning { () throws -> pid_t in
      switch plan.userNamespace {
      case .new: kinds.insert(.user)
      case .shared: break
      case .joined(let path):
        switch user {
        case .some(let held): return try UserNamespaceEntry.clone(kinds, in: held, &raw, cgroup)
        case .none: preconditionFailure("the user namespace \(path) was not opened")
        }
      }
      return try check("clone3", "", swrun_clone3(kinds.rawValue, &raw, cgroup?.rawValue ?? -1))
    }
    if case .success(0) = result {
      _ = near.release()
      ChildMain(plan: plan, staging: staging, standard: standard, joined: joined).run(far)
    }
    switch home {
    case .some(let home): try home.enter(.network)
    case .none: break
    }
    let pid = try result.get()
    FaultPoint.mark("the clone")
    let pidfd = Pidfd(Descriptor(owning: raw))
    if let failure = Self.prepare(plan, near, pid, network) {
      Self.end(pidfd)
      throw failure
    }
    self.pid = pid
    self.pidfd = pidfd
    channel = near
    terminal = nil
  }

  /// What a child in a user namespace waits for.
  private static func prepare(
    _ plan: LaunchPlan, _ channel: borrowing Channel, _ pid: pid_t, _ network: borrowing Namespace?
  ) -> (any Error)? {
    do {
      switch plan.userNamespace {
      case .shared: return nil
      case .joined: break
      case .new(let uids, let gids):
        try UserNamespaceEntry.write(uids: uids, gids: gids, of: pid)
      }
      try HostTrees.hand(plan, over: channel, to: pid, network: network)
      return nil
    } catch { return error }
  }

  private static func end(_ pidfd: borrowing Pidfd) {
    _ = try? pidfd.send(SIGKILL)
    _ = try? pidfd.wait()
  }

  /// The network namespace of the new process, where that is its own or the host's; one that it joins
  /// it may not have entered yet.
  ///
  /// - Throws: `SandboxError` with the child's own line where it has failed already.
  public mutating func networkNamespace() throws -> Namespace {
    // The pid cannot have been used again: its process is a child that has not been waited for.
    do { return try Namespace(path: "/proc/\(pid)/ns/net") } catch {
      // A process that has ended is in no namespace, and has said why.
      if error.errno == .noSuchFileOrDirectory { _ = try channel.awaitCommand { _, _ in } }
      throw error
    }
  }

  /// Tells the process, of a plan with hooks, that the host's have been run; it goes on with its own.
  public borrowing func proceed() {
    // It may have ended already; ``start()`` hears why.
    try? channel.send(1)
  }

  /// Lets the process become the workload, and waits until it has.
  ///
  /// - Parameters:
  ///   - interruption: a signalfd(2): a hook inside may take its time, and a signal breaks it off.
  ///   - agent: gets the listener of the workload's seccomp filter, where it has one, and the workload's
  ///     pid.
  /// - Throws: `SandboxError` with the child's own line and exit code.
  public mutating func start(
    interruption: FileDescriptor? = nil, agent: SeccompAgentHandler
  ) throws {
    do { try channel.send(1) } catch {
      // It has ended already; what it has said is still there to be read.
    }
    terminal = try channel.awaitCommand(or: interruption, agent: agent)
  }

  /// Ends a launch that cannot go on, and waits for its end.
  public consuming func abandon() { Self.end(pidfd) }

  /// The running process and the master of its terminal.
  public consuming func finish() -> (Running) {
    Running(pidfd: pidfd, terminal: terminal)
  }
}

/// A process that runs the workload.
@frozen public struct Running: ~Copyable {
  public var pidfd: Pidfd
  /// The master of its pseudoterminal, where it has one.
  public var terminal: Descriptor?
}
