import Glibc
public import SystemPackage

/// A lock on a file, flock(2). It goes with the last descriptor of the open file, so that it is free
/// as soon as the process that holds it has ended, in whatever way.
public struct FileLock: ~Copyable, Sendable {
  private let descriptor: Descriptor

  private init(_ descriptor: consuming Descriptor) {
    self.descriptor = descriptor
  }

  public var fd: FileDescriptor { descriptor.fd }

  /// Opens, and makes where it is missing, the file at `path` and waits until it is ours alone.
  public static func hold(_ path: String) throws(SystemError) -> FileLock {
    let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
    try wait(file.fd, LOCK_EX, path)
    return FileLock(file)
  }

  /// Opens the file at `path`, which is there, and holds it where nobody else does.
  ///
  /// - Parameter flags: `O_*` of open(2).
  /// - Returns: `nil` where somebody does.
  public static func take(_ path: String, _ flags: CInt) throws(SystemError) -> FileLock? {
    let file = try Descriptor.open(path, flags)
    if flock(file.fd.rawValue, LOCK_EX | LOCK_NB) == 0 { return FileLock(file) }
    if errno == EWOULDBLOCK { return nil }
    throw SystemError("flock", path)
  }

  /// Waits until nobody holds the file at `path` alone.
  public static func share(_ path: String) throws(SystemError) -> FileLock {
    let file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW)
    try wait(file.fd, LOCK_SH, path)
    return FileLock(file)
  }

  /// Whether somebody holds the file at `path` alone; false where there is no such file. Where that cannot
  /// be found out, without a descriptor left for example, it is taken for held: what is thought to be
  /// nobody's is removed.
  ///
  /// - Parameter directory: where a relative path begins; `nil`: the working directory.
  public static func isHeld(
    _ path: UnsafePointer<CChar>, from directory: FileDescriptor? = nil
  ) -> Bool {
    let start = directory?.rawValue ?? AT_FDCWD
    let file: Descriptor
    do {
      file = Descriptor(
        owning: try check(
          "open", "lock", openat(start, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)))
    } catch {
      return error.errno != .noSuchFileOrDirectory && error.errno != .notDirectory
    }
    return flock(file.fd.rawValue, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  private static func wait(
    _ fd: FileDescriptor, _ operation: CInt, _ path: String
  ) throws(SystemError) {
    while flock(fd.rawValue, operation) != 0 {
      if errno != EINTR { throw SystemError("flock", path) }
    }
  }
}
