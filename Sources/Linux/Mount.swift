import CLinux
import Glibc
public import SystemPackage

/// Attributes of a mount, `MOUNT_ATTR_*` of mount_setattr(2).
public struct MountAttributes: OptionSet, Hashable, Sendable, Codable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let readOnly = MountAttributes(rawValue: 0x01)
  public static let noSetuid = MountAttributes(rawValue: 0x02)
  public static let noDevices = MountAttributes(rawValue: 0x04)
  public static let noExecute = MountAttributes(rawValue: 0x08)
  public static let noAccessTime = MountAttributes(rawValue: 0x10)
  public static let strictAccessTime = MountAttributes(rawValue: 0x20)
  public static let noSymbolicLinks = MountAttributes(rawValue: 0x20_0000)
}

/// A mount that is not, or not yet, attached to the tree of a mount namespace: open_tree(2),
/// fsmount(2). It goes away with its descriptor unless ``attach(to:)`` has placed it.
public struct DetachedMount: ~Copyable, Sendable {
  private let descriptor: Descriptor

  /// Takes over what ``take()`` has given.
  public init(_ descriptor: consuming Descriptor) {
    self.descriptor = descriptor
  }

  /// Gives up the mount's descriptor, to be held as one.
  public consuming func take() -> Descriptor { descriptor }

  /// A copy of the mount that `path` lies on, from `path` downwards (a bind mount).
  public init(cloning path: String, recursive: Bool) throws(SystemError) {
    let cloneTree: UInt32 = 1
    let flags = cloneTree | UInt32(O_CLOEXEC) | (recursive ? Self.recursiveFlag : 0)
    descriptor = Descriptor(
      owning: try check("open_tree", path, swrun_open_tree(AT_FDCWD, path, flags)))
  }

  /// The same from an open file or directory.
  public init(cloning fd: FileDescriptor, named name: String, recursive: Bool) throws(SystemError) {
    let cloneTree: UInt32 = 1
    let flags =
      cloneTree | UInt32(O_CLOEXEC) | Self.emptyPath | (recursive ? Self.recursiveFlag : 0)
    descriptor = Descriptor(
      owning: try check("open_tree", name, swrun_open_tree(fd.rawValue, "", flags)))
  }

  /// A new mount of a file system type, such as `tmpfs`.
  ///
  /// - Parameters:
  ///   - options: the file system's own, `size=64m` and the like; a flag has no value.
  ///   - readOnlySuperblock: no mount of this instance of the file system can be written.
  public init(
    type: String, source: String, options: [(key: String, value: String?)],
    attributes: MountAttributes
  ) throws(SystemError) {
    let context = Descriptor(owning: try check("fsopen", type, swrun_fsopen(type, 1)))
    let raw = context.fd.rawValue
    try check("fsconfig", "\(type) source", swrun_fsconfig(raw, 1, "source", source, 0))
    for (key, value) in options {
      let setFlag: UInt32 = 0
      let setString: UInt32 = 1
      try check(
        "fsconfig", "\(type) \(key)",
        swrun_fsconfig(raw, value == nil ? setFlag : setString, key, value, 0))
    }
    let create: UInt32 = 6
    try check("fsconfig", "\(type)", swrun_fsconfig(raw, create, nil, nil, 0))
    descriptor = Descriptor(
      owning: try check("fsmount", type, swrun_fsmount(raw, 1, attributes.rawValue)))
  }

  /// Its root directory, for looking up and making files before it is attached.
  public var fd: FileDescriptor { descriptor.fd }

  /// Adds attributes, and makes it private: what is mounted on the host later does not appear in it.
  public borrowing func set(
    _ attributes: MountAttributes, clear: MountAttributes = [], recursive: Bool
  ) throws(SystemError) {
    let flags = Self.emptyPath | (recursive ? Self.recursiveFlag : 0)
    try check(
      "mount_setattr", "",
      swrun_mount_setattr(
        fd.rawValue, "", flags, UInt64(attributes.rawValue), UInt64(clear.rawValue),
        UInt64(MS_PRIVATE), 0))
  }

  /// Shows files under other owners, by the mapping of a user namespace (Linux 5.12). It must not be
  /// attached yet.
  public borrowing func mapIDs(
    by namespace: borrowing Namespace, recursive: Bool
  ) throws(SystemError) {
    let idMap: UInt64 = 0x10_0000
    try check(
      "mount_setattr", "idmap",
      swrun_mount_setattr(
        fd.rawValue, "", Self.emptyPath | (recursive ? Self.recursiveFlag : 0), idMap, 0, 0,
        UInt64(namespace.fd.rawValue)))
  }

  /// move_mount(2) onto an open directory or file: what was opened is what is covered, however the
  /// path to it changes meanwhile.
  public borrowing func attach(to target: FileDescriptor, named name: String) throws(SystemError) {
    let emptyPaths: UInt32 = 0x04 | 0x40
    try check(
      "move_mount", name, swrun_move_mount(fd.rawValue, "", target.rawValue, "", emptyPaths))
  }

  static let recursiveFlag: UInt32 = 0x8000
  static let emptyPath: UInt32 = 0x1000
}

/// Operations on the mount namespace of this process.
public enum MountNamespace {
  /// Cuts the tie to the namespace it was copied from: nothing mounted here is seen there.
  public static func makePrivate() throws(SystemError) {
    try check(
      "mount_setattr", "/",
      swrun_mount_setattr(
        AT_FDCWD, "/", DetachedMount.recursiveFlag, 0, 0, UInt64(MS_PRIVATE), 0))
  }

  /// Makes the mount point `root` the root directory and lets go of the old one, pivot_root(2) with
  /// `.` for both so that no directory for the old root is needed.
  public static func pivot(to root: FileDescriptor) throws(SystemError) {
    try check("fchdir", "new root", fchdir(root.rawValue))
    try check("pivot_root", "", swrun_pivot_root(".", "."))
    try check("umount", "old root", umount2(".", CInt(MNT_DETACH)))
    try check("chdir", "/", chdir("/"))
  }
}
