import CLinux
import Glibc
public import SystemPackage

/// Kinds of namespaces, `CLONE_NEW*` of clone(2).
public struct NamespaceKinds: OptionSet, Sendable, Hashable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let mount = NamespaceKinds(rawValue: 0x0002_0000)
  public static let cgroup = NamespaceKinds(rawValue: 0x0200_0000)
  public static let uts = NamespaceKinds(rawValue: 0x0400_0000)
  public static let ipc = NamespaceKinds(rawValue: 0x0800_0000)
  public static let user = NamespaceKinds(rawValue: 0x1000_0000)
  public static let pid = NamespaceKinds(rawValue: 0x2000_0000)
  public static let network = NamespaceKinds(rawValue: 0x4000_0000)
  public static let time = NamespaceKinds(rawValue: 0x80)
}

/// A namespace held open, namespaces(7).
public struct Namespace: ~Copyable, Sendable {
  private let descriptor: Descriptor

  /// Opens a namespace file such as `/proc/PID/ns/net`, relative to `directory` where that is given.
  public init(path: String, in directory: FileDescriptor? = nil) throws(SystemError) {
    descriptor = try Descriptor.open(path, O_RDONLY, in: directory)
  }

  /// Opens the file of a network namespace that somebody else names; `nil` for one that is none.
  public static func network(at path: String) throws(SystemError) -> Namespace? {
    try open(at: path, .network)
  }

  /// Opens the file of a namespace that somebody else names; `nil` for one that is not of the kind.
  ///
  /// It is looked at before it is opened for reading: a pipe or a device would make that wait, or do
  /// something.
  public static func open(
    at path: String, _ kind: NamespaceKinds
  ) throws(SystemError) -> Namespace? {
    let place = try Descriptor.open(path, pathOnly)
    var status = statfs()
    try check("fstatfs", path, fstatfs(place.fd.rawValue, &status))
    // NSFS_MAGIC, linux/magic.h
    guard status.f_type == 0x6e73_6673 else { return nil }
    let namespace = try Namespace(path: "/proc/self/fd/\(place.fd.rawValue)")
    // NS_GET_NSTYPE, ioctl_ns(2)
    let found = try check("ioctl", path, swrun_ioctl_int(namespace.fd.rawValue, 0xb703, 0))
    return UInt64(found) == kind.rawValue ? .some(namespace) : nil
  }

  /// Whether this kernel has a kind of namespace, by the name of its file in `/proc/PID/ns`.
  public static func isKnown(_ file: String) -> Bool {
    FileIdentity(path: "/proc/self/ns/\(file)") != nil
  }

  public var fd: FileDescriptor { descriptor.fd }

  /// Its device and inode: two handles with the same lead to the same namespace.
  public borrowing func identity() throws(SystemError) -> FileIdentity {
    guard let identity = FileIdentity(fd) else { throw SystemError("fstat", "namespace") }
    return identity
  }

  /// setns(2): this thread goes into the namespace.
  public borrowing func enter(_ kind: NamespaceKinds) throws(SystemError) {
    try check("setns", "", setns(fd.rawValue, CInt(truncatingIfNeeded: kind.rawValue)))
  }

  /// Runs `body` inside this network namespace and comes back, also when `body` throws. swrun has
  /// one thread, so that nothing else notices.
  public borrowing func visit<Result: ~Copyable>(
    _ body: () throws -> Result
  ) throws -> Result {
    try visit(.network, "net", body)
  }

  /// The same for another kind.
  ///
  /// - Parameter file: its name in `/proc/PID/ns`.
  public borrowing func visit<Result: ~Copyable>(
    _ kind: NamespaceKinds, _ file: String, _ body: () throws -> Result
  ) throws -> Result {
    let home = try Namespace(path: "/proc/self/ns/\(file)")
    // Who may not enter namespaces may still stay in its own.
    if try identity() == home.identity() { return try body() }
    try enter(kind)
    let result: Result
    do { result = try body() } catch {
      try home.enter(kind)
      throw error
    }
    try home.enter(kind)
    return result
  }
}

extension Pidfd {
  /// setns(2) into several namespaces of a process at once, all or none (Linux 5.8). A PID
  /// namespace takes effect for children.
  public borrowing func enterNamespaces(_ kinds: NamespaceKinds) throws(SystemError) {
    try check("setns", "pidfd", setns(fd.rawValue, CInt(truncatingIfNeeded: kinds.rawValue)))
  }
}
