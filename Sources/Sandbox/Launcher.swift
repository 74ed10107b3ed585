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
  ///   - network: the namespace that the plan has it join.
  /// - Throws: `SystemError`, with the capability that is missing in its reason.
  public init(
    _ plan: LaunchPlan, staging: String, standard: StandardStreams,
    joining network: borrowing Namespace? = nil
  ) throws(SystemError) {
    var kinds: NamespaceKinds = [.mount, .pid, .ipc, .uts, .cgroup]
    var joined: FileDescriptor?
    switch plan.network {
    case .new: kinds.insert(.network)
    case .host: break
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
    let pid = swrun_clone3(kinds.rawValue, &raw)
    if pid == 0 {
      _ = near.release()
      ChildMain(plan: plan, staging: staging, standard: standard, joined: joined).run(far)
    }
    try check("clone3", "", pid)
    self.pid = pid
    pidfd = Pidfd(Descriptor(owning: raw))
    channel = near
    terminal = nil
  }

  /// The network namespace of the new process, where that is its own or the host's; one that it joins
  /// it may not have entered yet.
  public borrowing func networkNamespace() throws(SystemError) -> Namespace {
    // The pid cannot have been used again: its process is a child that has not been waited for.
    try Namespace(path: "/proc/\(pid)/ns/net")
  }

  /// Lets the process become the workload, and waits until it has.
  ///
  /// - Parameter agent: gets the listener of the workload's seccomp filter, where it has one, and the
  ///   workload's pid.
  /// - Throws: `SandboxError` with the child's own line and exit code.
  public mutating func start(agent: SeccompAgentHandler) throws {
    do { try channel.send(1) } catch {
      // It has ended already; what it has said is still there to be read.
    }
    while true {
      switch try channel.receiveAny() {
      case .descriptor(let descriptor, let kind, let sender):
        if kind == listenerKind {
          try agent(descriptor, sender)
        } else {
          terminal = consume descriptor
        }
      case .end: return
      case .bytes(let report):
        guard let failure = ChildFailure(report: report) else { continue }
        throw SandboxError(failure.message, exitCode: Int32(failure.exitCode))
      }
    }
  }

  /// Ends a launch that cannot go on, and waits for its end.
  public consuming func abandon() {
    _ = try? pidfd.send(SIGKILL)
    _ = try? pidfd.wait()
  }

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
