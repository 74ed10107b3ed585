import CLinux
import Glibc
import Linux
import Netlink
import Network

/// Instances' network namespaces as ip-netns(8) sees them: by name, to be listed, entered and named.
public struct NamespaceView {
  private let store: InstanceStore

  public init(_ store: InstanceStore) { self.store = store }

  /// A living instance's network namespace.
  public struct Entry: Sendable, Encodable {
    public let name: String
    public let id: String
    /// As `/proc/PID/ns/net` has it, `net:[4026532177]`.
    public let namespace: String
    public let pid: Int32
    /// Where in `/run/netns` it has a name.
    public let attached: [String]
  }

  public func all() -> [Entry] {
    var names: [FileIdentity: [String]] = [:]
    for name in directoryEntries(NamespaceName.directory) {
      let path = "\(NamespaceName.directory)/\(name)"
      if let identity = FileIdentity(path: path) { names[identity, default: []].append(path) }
    }
    return store.living().compactMap { state in
      guard let process = state.process,
        let identity = FileIdentity(path: "/proc/\(process.pid)/ns/net"),
        ProcessIdentity(pid: process.pid) == process
      else { return nil }
      return Entry(
        name: state.name, id: state.id, namespace: "net:[\(identity.inode)]", pid: process.pid,
        attached: names[identity] ?? [])
    }
  }

  private func running(_ state: InstanceState) throws -> ProcessIdentity {
    guard store.isAlive(state.id), let process = state.process else {
      throw SupervisorError("\(state.name) is not running; swrun ps lists those that are")
    }
    return process
  }

  /// Becomes a command of the host in an instance's network namespace, as `ip netns exec` does it: with
  /// a mount namespace of its own, in which `/sys` shows the instance's interfaces and the files of
  /// `/etc/netns/NAME` lie on those of `/etc`.
  ///
  /// - Throws: why it could not; else it does not return.
  public func execute(_ command: [String], in state: InstanceState) throws -> Never {
    try Privilege.check()
    let identity = try running(state)
    try store.noteVisitor(of: state.id)
    guard let process = identity.open() else {
      throw SupervisorError("\(state.name) has ended")
    }
    try process.enterNamespaces(.network)
    try check("unshare", "", unshare(CInt(NamespaceKinds.mount.rawValue)))
    try MountNamespace.makePrivate()
    let flags = UInt(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    try check("mount", "/sys", mount("sysfs", "/sys", "sysfs", flags, nil))
    try Self.bindFiles(of: state.name)
    Signal.reset()
    let arguments = command.map { strdup($0) } + [nil]
    execvp(command[0], arguments)
    let reason = errno
    let missing = reason == ENOENT
    throw CommandFailure(
      description: missing
        ? "\(command[0]): command not found"
        : "\(command[0]) cannot be executed: \(SystemError("execve", command[0], errno: .init(rawValue: reason)).errno)",
      exitCode: missing ? 127 : 126)
  }

  private static func bindFiles(of name: String) throws {
    let directory = "/etc/netns/\(name)"
    for file in directoryEntries(directory) {
      let source = try Descriptor.open("\(directory)/\(file)", pathOnly)
      let place: Descriptor
      do { place = try Descriptor.open("/etc/\(file)", pathOnly) } catch {
        throw SupervisorError(
          "\(directory)/\(file) has no place: /etc/\(file): \(error.errno). Make that, or remove the file"
        )
      }
      try MountNamespace.bind(source.fd, onto: place.fd, named: "/etc/\(file)")
    }
  }

  /// Gives an instance's network namespace a name in `/run/netns`, which goes with the instance.
  ///
  /// - Returns: the path.
  public func attach(_ state: InstanceState, as name: String) throws -> String {
    try Privilege.check()
    let path = try NamespaceName.path(name)
    let process = try running(state)
    let lock = try store.networks.hold()
    guard let namespace = FileIdentity(path: "/proc/\(process.pid)/ns/net") else {
      throw SupervisorError("\(state.name) has ended")
    }
    guard FileIdentity(path: path) == nil else {
      throw SupervisorError(
        "\(path) is there already; choose another name: swrun netns attach \(state.name) NAME")
    }
    try store.noteVisitor(of: state.id)
    var host = try NetlinkSocket()
    try store.hostResources().acquire(
      .namespaceName(name: name, process: process, inode: namespace.inode),
      for: "\(state.id)/netns", &host)
    _ = consume lock
    // It may have ended before it was named, and then nobody takes the name away.
    if !store.isAlive(state.id) {
      NetworkClaims(store: store, id: state.id).releaseAll([])
      throw SupervisorError("\(state.name) has ended")
    }
    return path
  }

  /// Takes the names away that ``attach(_:as:)`` has given.
  public func detach(_ state: InstanceState) throws {
    try Privilege.check()
    let lock = try store.networks.hold()
    var host = try NetlinkSocket()
    let resources = try store.hostResources()
    guard resources.records().contains(where: { $0.users.contains("\(state.id)/netns") }) else {
      throw SupervisorError("\(state.name) has no name that swrun netns attach has given it")
    }
    resources.release("\(state.id)/netns", &host)
    _ = consume lock
  }
}

/// A command that could not be started.
public struct CommandFailure: Error, CustomStringConvertible {
  public let description: String
  /// 126 or 127.
  public let exitCode: Int32
}
