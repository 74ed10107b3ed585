import CLinux
import Glibc
public import SystemPackage

/// Makes mounts away from the place where they will be seen, so that they are complete when they get
/// there: with open_tree(2), fsmount(2), mount_setattr(2) and move_mount(2), and on a kernel that
/// lacks one of these (mount_setattr is of Linux 5.12; a container's filter may answer `ENOSYS`) with
/// mount(2) on a tmpfs that nobody else sees.
public final class MountWorkshop {
  /// Whether mount(2) has to do everything.
  private let isClassic: Bool
  /// The directory on which the new root is to be put.
  public let place: String
  /// The root of a tmpfs of this mount namespace alone.
  private let scratch: HeldDescriptor?
  private var count = 0

  /// - Parameters:
  ///   - staging: an empty directory of swrun's own.
  ///   - withScratch: whether ``makeScratchDirectory(_:)`` is going to be called, or something made
  ///     that only mount(2) can.
  public init(staging: String, withScratch: Bool) throws(SystemError) {
    try MountNamespace.makePlacePrivate(staging)
    isClassic = Self.lacksNewCalls()
    guard isClassic || withScratch else {
      place = staging
      scratch = nil
      return
    }
    try check(
      "mount", staging,
      mount("tmpfs", staging, "tmpfs", UInt(MS_NOSUID | MS_NODEV), "mode=0700"))
    try check("mount", staging, mount(nil, staging, nil, UInt(MS_PRIVATE), nil))
    scratch = HeldDescriptor(
      try Descriptor.open(staging, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
    place = "\(staging)/root"
    try check("mkdir", place, mkdir(place, 0o700))
  }

  /// Makes mounts for another process, to which they go by their descriptors.
  ///
  /// - Throws: `SystemError` with `ENOSYS` on a kernel that lacks one of the new calls.
  public static func forOthers() throws(SystemError) -> MountWorkshop {
    if lacksNewCalls() { throw SystemError("mount_setattr", errno: .noFunction) }
    return MountWorkshop(place: "/")
  }

  /// Has mounts of others put onto `/`, for a process that can enter no directory of swrun's own.
  public static func atRoot() throws(SystemError) -> MountWorkshop {
    try MountNamespace.makePlacePrivate("/")
    return try forOthers()
  }

  private init(place: String) {
    isClassic = false
    scratch = nil
    self.place = place
  }

  /// Calls that cannot succeed: `ENOSYS` is the answer where the kernel does not know them.
  private static func lacksNewCalls() -> Bool {
    let answers = [
      { swrun_mount_setattr(-1, "", 0, 0, 0, 0, 0) }, { swrun_open_tree(-1, "", 0) },
      { swrun_move_mount(-1, "", -1, "", 0) }, { swrun_fsopen("", 0xff) },
    ]
    return answers.contains { $0() < 0 && errno == ENOSYS }
  }

  /// A copy of the mount that `path` lies on, from `path` downwards (a bind mount). A symbolic link is
  /// followed.
  public func clone(_ path: String, recursive: Bool) throws(SystemError) -> DetachedMount {
    let source = try Descriptor.open(path, pathOnly)
    return try clone(source.fd, named: path, recursive: recursive)
  }

  /// The same from an open file or directory.
  public func clone(
    _ fd: FileDescriptor, named name: String, recursive: Bool
  ) throws(SystemError) -> DetachedMount {
    if !isClassic { return try DetachedMount(cloning: fd, named: name, recursive: recursive) }
    var status = stat()
    try check("fstat", name, fstat(fd.rawValue, &status))
    let bench = try bench(forDirectory: status.st_mode & S_IFMT == S_IFDIR)
    let flags = UInt(MS_BIND) | (recursive ? UInt(MS_REC) : 0)
    try check("mount", name, mount(procPath(fd), bench, nil, flags, nil))
    return try take(bench)
  }

  /// A new mount of a file system.
  public func make(
    _ system: FileSystem, _ attributes: MountAttributes
  ) throws(SystemError) -> DetachedMount {
    if isClassic || !system.flags.isDisjoint(with: .onlyOfMount) {
      return try makeByMount(system, attributes)
    }
    let context = Descriptor(
      owning: try check("fsopen", system.type, swrun_fsopen(system.type, 1)))
    let raw = context.fd.rawValue
    try check(
      "fsconfig", "\(system.type) source", swrun_fsconfig(raw, 1, "source", system.source, 0))
    try DetachedMount.configure(context.fd, system)
    let create: UInt32 = 6
    try check("fsconfig", system.type, swrun_fsconfig(raw, create, nil, nil, 0))
    let made = try check("fsmount", system.type, swrun_fsmount(raw, 1, attributes.rawValue))
    return DetachedMount(Descriptor(owning: made), isClassic: false)
  }

  private func makeByMount(
    _ system: FileSystem, _ attributes: MountAttributes
  ) throws(SystemError) -> DetachedMount {
    for option in system.options where option.text.contains(",") {
      throw SystemError("mount", "\(system.type) \(option.key)", errno: .invalidArgument)
    }
    let bench = try bench(forDirectory: true)
    let data = system.options.map(\.text).joined(separator: ",")
    // What is read-only for this mount alone becomes so afterwards: here it is one flag for both.
    try check(
      "mount", system.type,
      mount(
        system.source, bench, system.type,
        system.flags.rawValue | attributes.subtracting(.readOnly).mountFlags, data))
    let mount = try take(bench)
    if attributes.contains(.readOnly) { try mount.change(MountChange(set: .readOnly)) }
    return mount
  }

  /// What is mounted already, by its root, to be changed.
  public func take(_ place: consuming Descriptor) -> DetachedMount {
    DetachedMount(place, isClassic: isClassic)
  }

  /// A directory that lasts as long as what is mounted from it, for example as an overlay's layer.
  ///
  /// - Returns: its path.
  public func makeScratchDirectory(_ name: String) throws(SystemError) -> String {
    guard let scratch else { preconditionFailure("a workshop without scratch") }
    let path = "\(procPath(scratch.descriptor.fd))/\(name)"
    try check("mkdir", name, mkdir(path, 0o755))
    return path
  }

  /// A new place on the tmpfs to mount on.
  private func bench(forDirectory: Bool) throws(SystemError) -> String {
    guard let scratch else { preconditionFailure("a workshop without scratch") }
    count += 1
    let name = "\(count)"
    if forDirectory {
      try check("mkdir", name, mkdirat(scratch.descriptor.fd.rawValue, name, 0o700))
    } else {
      _ = try Descriptor.open(
        name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600, in: scratch.descriptor.fd)
    }
    return "\(procPath(scratch.descriptor.fd))/\(name)"
  }

  /// What was mounted there.
  private func take(_ bench: String) throws(SystemError) -> DetachedMount {
    DetachedMount(try Descriptor.open(bench, pathOnly | O_NOFOLLOW), isClassic: isClassic)
  }
}
