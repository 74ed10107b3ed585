import Glibc
public import Linux
public import OCI

/// Which namespaces a process is made with, and which it goes into.
public struct NamespacePlan: Hashable, Sendable {
  public struct Joined: Hashable, Sendable {
    public let kind: NamespaceKinds
    /// As the specification names it.
    public let type: String
    public let path: String
  }

  /// For clone3(2), all but that of time.
  public let new: NamespaceKinds
  /// Those that are there already, without that of the network.
  public let joined: [Joined]
  /// What is written to `timens_offsets` of a time namespace of its own; `nil`: it has none.
  public let timeOffsets: [String]?
  /// Whether the kernel ends all processes with PID 1.
  public let ownsPIDs: Bool

  private static let kinds: [String: NamespaceKinds] = [
    "mount": .mount, "pid": .pid, "ipc": .ipc, "uts": .uts, "cgroup": .cgroup, "time": .time,
    "network": .network,
  ]

  public init(_ spec: Spec) throws(SandboxError) {
    var new: NamespaceKinds = []
    var joined: [Joined] = []
    var offsets: [String]?
    // That of the user is its own matter, ``OCI/Spec/userNamespace``.
    for namespace in spec.linux.namespaces where namespace.type != "user" {
      guard let kind = Self.kinds[namespace.type] else {
        throw SandboxError("unknown kind of namespace \(namespace.type.debugDescription)")
      }
      if let path = namespace.path {
        guard path.hasPrefix("/"), !path.utf8.contains(0), kind != .mount else {
          throw SandboxError(
            "the \(namespace.type) namespace \(path.debugDescription) cannot be joined")
        }
        if kind != .network { joined.append(Joined(kind: kind, type: namespace.type, path: path)) }
      } else if kind == .time {
        offsets = Self.lines(spec.linux.timeOffsets)
      } else {
        new.insert(kind)
      }
    }
    guard new.contains(.mount) else {
      throw SandboxError("a process needs a mount namespace of its own for its root file system")
    }
    self.new = new
    self.joined = joined
    timeOffsets = offsets
    ownsPIDs = new.contains(.pid)
  }

  /// time_namespaces(7): `CLOCK SECONDS NANOSECONDS`.
  private static func lines(_ offsets: Spec.TimeOffsets?) -> [String] {
    [("monotonic", offsets?.monotonic), ("boottime", offsets?.boottime)].compactMap {
      clock, offset in
      offset.map { "\(clock) \($0.secs ?? 0) \($0.nanosecs ?? 0)" }
    }
  }
}

/// The namespaces that a process joins, held open, so that what was looked at is what is joined.
public final class JoinedNamespaces: Sendable {
  struct Held: Sendable {
    let kind: NamespaceKinds
    let type: String
    let handle: Handle
  }

  /// An array takes no noncopyable elements.
  final class Handle: Sendable {
    let namespace: Namespace
    init(_ namespace: consuming Namespace) { self.namespace = namespace }
  }

  let list: [Held]

  /// Opens each, and looks whether it is of its kind.
  public init(_ plan: NamespacePlan) throws(SandboxError) {
    var list: [Held] = []
    for joined in plan.joined {
      let handle: Handle
      do {
        guard let namespace = try Namespace.open(at: joined.path, joined.kind) else {
          throw SandboxError(
            "linux.namespaces: \(joined.path) is not a \(joined.type) namespace")
        }
        handle = Handle(namespace)
      } catch let error as SystemError {
        throw SandboxError(
          "linux.namespaces: the \(joined.type) namespace \(joined.path) cannot be opened: \(error.errno)"
        )
      } catch let error as SandboxError { throw error } catch { throw SandboxError("\(error)") }
      list.append(Held(kind: joined.kind, type: joined.type, handle: handle))
    }
    self.list = list
  }

  /// Clones from within these namespaces, and comes back. The new process could not enter them itself:
  /// its own user namespace has no right to them, and a PID namespace is for children alone.
  func cloning(_ body: () throws -> pid_t) -> Result<pid_t, any Error> {
    let homes: [Held]
    do { homes = try enter() } catch { return .failure(error) }
    let result = Result(catching: body)
    // The new process stays.
    if case .success(0) = result { return result }
    do {
      for home in homes { try home.handle.namespace.enter(home.kind) }
    } catch { return .failure(error) }
    return result
  }

  /// - Returns: where this process was.
  private func enter() throws(SandboxError) -> [Held] {
    var homes: [Held] = []
    do {
      for held in list {
        let home = Handle(try Namespace(path: "/proc/self/ns/\(held.type)"))
        // Who may not come back does not go.
        try home.namespace.enter(held.kind)
        homes.append(Held(kind: held.kind, type: held.type, handle: home))
      }
      for held in list { try held.handle.namespace.enter(held.kind) }
    } catch {
      throw SandboxError("linux.namespaces: entering what is joined: \(error)")
    }
    return homes
  }
}
