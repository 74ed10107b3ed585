import CLinux
import Glibc
public import SystemPackage

/// A mount that is not, or not yet, at its place; a ``MountWorkshop`` makes it. One that was made by
/// the new calls goes away with its descriptor unless ``attach(to:named:)`` has placed it.
public struct DetachedMount: ~Copyable, Sendable {
  private let descriptor: Descriptor
  /// Whether only mount(2) is there to work on it.
  private let isClassic: Bool

  init(_ descriptor: consuming Descriptor, isClassic: Bool) {
    self.descriptor = descriptor
    self.isClassic = isClassic
  }

  /// A copy of the mount that an open file lies on, from it downwards, by open_tree(2).
  public init(cloning fd: FileDescriptor, named name: String, recursive: Bool) throws(SystemError) {
    let cloneTree: UInt32 = 1
    let flags =
      cloneTree | UInt32(O_CLOEXEC) | Self.emptyPath | (recursive ? Self.recursiveFlag : 0)
    descriptor = Descriptor(
      owning: try check("open_tree", name, swrun_open_tree(fd.rawValue, "", flags)))
    isClassic = false
  }

  /// Its root directory or file, for looking up and making files.
  public var fd: FileDescriptor { descriptor.fd }

  private var path: String { procPath(fd) }

  /// Changes attributes of it, and where `recursive` of all mounts below it.
  ///
  /// - Parameter isolating: makes them private by the same call.
  public borrowing func change(
    _ change: MountChange, recursive: Bool = false, isolating: Bool = false
  ) throws(SystemError) {
    if isClassic, isolating { try propagate(MountPropagation(.private, isRecursive: recursive)) }
    if change.isEmpty { return }
    if isClassic { return try remount(change, recursive: recursive) }
    let flags = Self.emptyPath | (recursive ? Self.recursiveFlag : 0)
    try check(
      "mount_setattr", "",
      swrun_mount_setattr(
        fd.rawValue, "", flags, UInt64(change.set.rawValue), UInt64(change.clear.rawValue),
        isolating ? UInt64(MS_PRIVATE) : 0, 0))
  }

  /// Has what is mounted below it and its peers seen or not seen there.
  public borrowing func propagate(_ propagation: MountPropagation) throws(SystemError) {
    if isClassic {
      let flags = propagation.flag | (propagation.isRecursive ? UInt(MS_REC) : 0)
      try check("mount", "propagation", mount(nil, path, nil, flags, nil))
      return
    }
    let flags = Self.emptyPath | (propagation.isRecursive ? Self.recursiveFlag : 0)
    try check(
      "mount_setattr", "propagation",
      swrun_mount_setattr(fd.rawValue, "", flags, 0, 0, UInt64(propagation.flag), 0))
  }

  /// Shows files under other owners, by the mapping of a user namespace (Linux 5.12). It must not be
  /// attached yet.
  public borrowing func mapIDs(
    by namespace: borrowing Namespace, recursive: Bool
  ) throws(SystemError) {
    if isClassic { throw SystemError("mount_setattr", "idmap", errno: .noFunction) }
    let idMap: UInt64 = 0x10_0000
    try check(
      "mount_setattr", "idmap",
      swrun_mount_setattr(
        fd.rawValue, "", Self.emptyPath | (recursive ? Self.recursiveFlag : 0), idMap, 0, 0,
        UInt64(namespace.fd.rawValue)))
  }

  /// Puts it onto an open directory or file: what was opened is what is covered, however the path to
  /// it changes meanwhile.
  public borrowing func attach(to target: FileDescriptor, named name: String) throws(SystemError) {
    if isClassic {
      try check("mount", name, mount(path, procPath(target), nil, UInt(MS_MOVE), nil))
      return
    }
    let emptyPaths: UInt32 = 0x04 | 0x40
    try check(
      "move_mount", name, swrun_move_mount(fd.rawValue, "", target.rawValue, "", emptyPaths))
  }

  /// Changes options of its file system, with all mounts of it: fspick(2).
  public borrowing func reconfigure(_ change: FileSystem) throws(SystemError) {
    if isClassic {
      let data = change.options.map(\.text).joined(separator: ",")
      // The attributes of the mount are set anew by this call, so they are named again.
      let table = try MountTable()
      let attributes = table.entry(try MountTable.id(of: fd))?.attributes ?? []
      try check(
        "mount", "remount",
        mount(
          nil, path, nil, UInt(MS_REMOUNT) | change.flags.rawValue | attributes.mountFlags, data)
      )
      return
    }
    let emptyPath: UInt32 = 0x08
    let context = Descriptor(
      owning: try check("fspick", change.type, swrun_fspick(fd.rawValue, "", 1 | emptyPath)))
    try Self.configure(context.fd, change)
    let reconfigure: UInt32 = 7
    try check(
      "fsconfig", change.type, swrun_fsconfig(context.fd.rawValue, reconfigure, nil, nil, 0))
  }

  /// Hands options to a file system that is being made or changed.
  static func configure(_ context: FileDescriptor, _ system: FileSystem) throws(SystemError) {
    let setFlag: UInt32 = 0
    let setString: UInt32 = 1
    for word in system.flags.words {
      try check(
        "fsconfig", "\(system.type) \(word)",
        swrun_fsconfig(context.rawValue, setFlag, word, nil, 0))
    }
    for option in system.options {
      try check(
        "fsconfig", "\(system.type) \(option.key)",
        swrun_fsconfig(
          context.rawValue, option.value == nil ? setFlag : setString, option.key, option.value, 0))
    }
  }

  /// mount(2) sets all attributes at once and those of one mount alone, so that the former ones are
  /// looked up and the mounts below visited one by one.
  private func remount(_ change: MountChange, recursive: Bool) throws(SystemError) {
    let table = try MountTable()
    let id = try MountTable.id(of: fd)
    guard let own = table.entry(id) else {
      throw SystemError("mount", "remount", errno: .invalidArgument)
    }
    try Self.remount(path, change.applied(to: own.attributes))
    guard recursive else { return }
    for entry in table.tree(id).dropFirst() {
      // Nobody can see through another that lies on it.
      if table.children(of: entry.id).contains(where: { $0.place == entry.place }) { continue }
      let below = try Descriptor.open(entry.place, pathOnly | O_NOFOLLOW)
      guard try MountTable.id(of: below.fd) == entry.id else {
        throw SystemError("mount", entry.place, errno: Errno(rawValue: ESTALE))
      }
      try Self.remount(procPath(below.fd), change.applied(to: entry.attributes))
    }
  }

  private static func remount(
    _ path: String, _ attributes: MountAttributes
  ) throws(SystemError) {
    let flags = UInt(MS_REMOUNT) | UInt(MS_BIND) | attributes.mountFlags
    try check("mount", "remount", mount(nil, path, nil, flags, nil))
  }

  static let recursiveFlag: UInt32 = 0x8000
  static let emptyPath: UInt32 = 0x1000
}

/// What an open file is called where a call takes only paths: it leads to just that file.
public func procPath(_ fd: FileDescriptor) -> String { "/proc/self/fd/\(fd.rawValue)" }

/// Operations on the mount namespace of this process.
public enum MountNamespace {
  /// Cuts the tie to the namespace it was copied from: nothing mounted here is seen there.
  public static func makePrivate() throws(SystemError) {
    try check("mount", "/", mount(nil, "/", nil, UInt(MS_PRIVATE | MS_REC), nil))
  }

  /// Binds an open file onto another.
  public static func bind(
    _ source: FileDescriptor, onto target: FileDescriptor, named name: String
  ) throws(SystemError) {
    try check(
      "mount", name, mount(procPath(source), procPath(target), nil, UInt(MS_BIND), nil))
  }

  /// Makes the mount that `path` lies on private: nothing that is mounted on it from now on is seen in
  /// another namespace.
  public static func makePlacePrivate(_ path: String) throws(SystemError) {
    let place = try Descriptor.open(path, pathOnly | O_DIRECTORY)
    // Without a link in it, so that what stands before the last `/` is the parent.
    var candidate = try readLink(procPath(place.fd))
    while true {
      if mount(nil, candidate, nil, UInt(MS_PRIVATE), nil) == 0 { return }
      // EINVAL: not a mount, but a directory on one.
      guard errno == EINVAL, candidate != "/" else { throw SystemError("mount", candidate) }
      let end = candidate.utf8.lastIndex(of: UInt8(ascii: "/")) ?? candidate.startIndex
      candidate = end == candidate.startIndex ? "/" : String(candidate[..<end])
    }
  }

  /// Makes the mount point `root` the root directory and lets go of the old one, pivot_root(2) with
  /// `.` for both so that no directory for the old root is needed.
  public static func pivot(to root: FileDescriptor) throws(SystemError) {
    let old = try Descriptor.open("/", pathOnly | O_DIRECTORY)
    try check("fchdir", "new root", fchdir(root.rawValue))
    try check("pivot_root", "", swrun_pivot_root(".", "."))
    try check("fchdir", "old root", fchdir(old.fd.rawValue))
    // Else the peers on the host would be unmounted too.
    try check("mount", "old root", mount(nil, ".", nil, UInt(MS_PRIVATE | MS_REC), nil))
    try check("umount", "old root", umount2(".", CInt(MNT_DETACH)))
    try check("chdir", "/", chdir("/"))
  }

  /// Sets how the root and, where asked for, all below it propagates mounts.
  public static func propagateRoot(_ propagation: MountPropagation) throws(SystemError) {
    let flags = propagation.flag | (propagation.isRecursive ? UInt(MS_REC) : 0)
    try check("mount", "/", mount(nil, "/", nil, flags, nil))
  }
}
