import Glibc
public import SystemPackage

/// Tells that something in directories has changed, inotify(7).
public struct Inotify: ~Copyable {
  private let descriptor: Descriptor

  public init() throws(SystemError) {
    let flags = CInt(IN_NONBLOCK) | CInt(IN_CLOEXEC)
    descriptor = Descriptor(owning: try check("inotify_init1", "", inotify_init1(flags)))
  }

  /// Readable while there is something that ``acknowledge()`` was not called for.
  public var fd: FileDescriptor { descriptor.fd }

  /// Watches a directory: files in it that are written to, made, renamed or removed.
  ///
  /// - Returns: false where there is no such directory.
  @discardableResult
  public borrowing func add(_ directory: String) throws(SystemError) -> Bool {
    let mask = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR
    if inotify_add_watch(fd.rawValue, directory, UInt32(mask)) >= 0 { return true }
    if errno == ENOENT { return false }
    throw SystemError("inotify_add_watch", directory)
  }

  /// Takes note of all that has been told until now.
  public borrowing func acknowledge() {
    var buffer = [UInt8](repeating: 0, count: 1 << 12)
    while read(fd.rawValue, &buffer, buffer.count) > 0 {}
  }
}
