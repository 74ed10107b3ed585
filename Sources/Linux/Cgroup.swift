import CLinux
import Glibc
public import SystemPackage

/// A cgroup of version 2, held by its directory's descriptor: what is done, is done to this one, also
/// where another has got its name meanwhile. cgroups(7), Documentation/admin-guide/cgroup-v2.rst.
public struct Cgroup: ~Copyable, Sendable {
  private let descriptor: Descriptor
  /// From the root of the hierarchy, `/swrun/ID`.
  public let path: String
  private let hierarchy: CgroupHierarchy

  /// For clone3(2) with `CLONE_INTO_CGROUP`.
  public var fd: FileDescriptor { descriptor.fd }

  /// Opens one that is there.
  ///
  /// - Throws: `ENOENT` where there is none.
  public init(opening path: String, in hierarchy: CgroupHierarchy) throws(SystemError) {
    let root = try hierarchy.openRoot()
    descriptor = try Descriptor.open(
      Self.relative(path), O_RDONLY | O_DIRECTORY, inRoot: root.fd)
    self.path = path
    self.hierarchy = hierarchy
  }

  /// Makes one, with those above it that are missing.
  ///
  /// - Throws: `EEXIST` where it is there already: it belongs to somebody else.
  public init(making path: String, in hierarchy: CgroupHierarchy) throws(SystemError) {
    let root = try hierarchy.openRoot()
    let names = path.split(separator: "/").map(String.init)
    // Its parent may be removed by the end of another instance while we are on our way.
    var attempt = 0
    while true {
      do {
        descriptor = try Self.make(names, root)
        break
      } catch {
        attempt += 1
        guard error.errno == .noSuchFileOrDirectory, attempt < 100 else { throw error }
      }
    }
    self.path = path
    self.hierarchy = hierarchy
  }

  private static func make(
    _ names: [String], _ root: borrowing Descriptor
  ) throws(SystemError) -> Descriptor {
    for depth in names.indices {
      let parent = try Descriptor.open(
        relative(names[..<depth]), pathOnly | O_DIRECTORY, inRoot: root.fd)
      if mkdirat(parent.fd.rawValue, names[depth], 0o755) != 0,
        errno != EEXIST || depth == names.count - 1
      {
        throw SystemError("mkdir", relative(names[...depth]))
      }
    }
    return try Descriptor.open(relative(names), O_RDONLY | O_DIRECTORY, inRoot: root.fd)
  }

  private static func relative(_ path: String) -> String { relative(path.split(separator: "/")) }

  /// The path from the hierarchy's root. By hand: `joined` is put together by the runtime, for each kind of
  /// sequence.
  private static func relative(_ names: some Sequence<some StringProtocol>) -> String {
    var path = ""
    for name in names { path += path.isEmpty ? String(name) : "/\(name)" }
    return path.isEmpty ? "." : path
  }

  /// What names this one for as long as the machine runs: the kernel uses no inode of the hierarchy
  /// twice.
  public borrowing func identity() throws(SystemError) -> FileIdentity {
    guard let identity = FileIdentity(fd) else { throw SystemError("fstat", path) }
    return identity
  }

  /// Lets the children of those above it use controllers, from the root downwards.
  ///
  /// - Throws: `EBUSY` where a cgroup on the way holds processes itself (the kernel's rule of "no
  ///   internal processes"), with that cgroup's path.
  public borrowing func enable(_ controllers: some Sequence<String>) throws(SystemError) {
    let root = try hierarchy.openRoot()
    let names = path.split(separator: "/")
    for depth in names.indices {
      let above = Self.relative(names[..<depth])
      let file = "\(above)/cgroup.subtree_control"
      let control = try Descriptor.open(file, O_RDWR, inRoot: root.fd)
      let has = Set(
        try readWords(control.fd, named: file))
      // One by one, so that the error belongs to one.
      for controller in controllers where !has.contains(controller) {
        do { try control.fd.writeEverything(Array("+\(controller)".utf8)) } catch {
          throw SystemError(
            "enable \(controller)", depth == 0 ? "/" : "/\(above)", errno: error.errno)
        }
      }
    }
  }

  private borrowing func readWords(
    _ fd: FileDescriptor, named path: String
  ) throws(SystemError) -> [String] {
    String(decoding: try readFile(fd, named: path), as: UTF8.self)
      .split(whereSeparator: \.isWhitespace).map(String.init)
  }

  /// Opens one of its files, such as `memory.max`.
  public borrowing func open(_ file: String, _ flags: CInt) throws(SystemError) -> Descriptor {
    do { return try Descriptor.open(file, flags | O_NOFOLLOW, in: fd) } catch {
      throw SystemError("open", "\(path)/\(file)", errno: error.errno)
    }
  }

  /// Whether it has a file: a controller that is not enabled, or that the kernel was built without,
  /// has none.
  public borrowing func has(_ file: String) -> Bool {
    faccessat(fd.rawValue, file, F_OK, 0) == 0
  }

  public borrowing func read(_ file: String) throws(SystemError) -> String {
    let opened = try open(file, O_RDONLY)
    return String(decoding: try readFile(opened.fd, named: "\(path)/\(file)"), as: UTF8.self)
  }

  /// Writes a value in one write(2), as the kernel takes it.
  public borrowing func write(_ value: String, to file: String) throws(SystemError) {
    let opened = try open(file, O_WRONLY)
    do { try opened.fd.writeEverything(Array(value.utf8)) } catch {
      throw SystemError("write", "\(path)/\(file)", errno: error.errno)
    }
  }

  /// Ends all that is in it and below it at once, also what is frozen, `cgroup.kill`.
  public borrowing func kill() throws(SystemError) { try write("1", to: "cgroup.kill") }

  /// Stops all that is in it, or lets it go on; returns when it is so.
  ///
  /// - Throws: `ETIMEDOUT` when a process does not come to a halt: it waits in the kernel for a
  ///   device. It is thawed again then.
  public borrowing func freeze(_ frozen: Bool) throws(SystemError) {
    // Opened first: poll(2) tells of changes since the last read.
    let events = try open("cgroup.events", O_RDONLY)
    try write(frozen ? "1" : "0", to: "cgroup.freeze")
    guard try wait(events.fd, until: { $0["frozen"] == (frozen ? 1 : 0) }) else {
      try write("0", to: "cgroup.freeze")
      throw SystemError("freeze", path, errno: .timedOut)
    }
  }

  /// Whether it was frozen by ``freeze(_:)``.
  public borrowing func isFrozen() -> Bool {
    (try? read("cgroup.freeze"))?.hasPrefix("1") ?? false
  }

  /// The processes in it, not in those below it, as this PID namespace numbers them.
  public borrowing func processes() throws(SystemError) -> [Int32] {
    try read("cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
  }

  /// Follows a file of flat keys, which wakes with `POLLPRI` when it changes.
  private borrowing func wait(
    _ fd: FileDescriptor, until holds: ([String: UInt64]) -> Bool
  ) throws(SystemError) -> Bool {
    let deadline = Clock.monotonic() + 10_000_000_000
    while true {
      lseek(fd.rawValue, 0, SEEK_SET)
      let text = String(decoding: try readFile(fd, named: path), as: UTF8.self)
      if holds(CgroupText.flatKeys(text)) { return true }
      let left = (deadline - Clock.monotonic()) / 1_000_000
      if left <= 0 { return false }
      poll(fd, for: Int16(POLLPRI), milliseconds: Int(left))
    }
  }

  /// Ends what is in it, waits until it is empty, and removes it and all below it. The parent is
  /// removed too where it is called `emptyParent` and nobody else has anything in it.
  ///
  /// One that is gone already is fine.
  public borrowing func remove(emptyParent: String? = nil) throws(SystemError) {
    do throws(SystemError) {
      if has("cgroup.procs") {
        try kill()
        let events = try open("cgroup.events", O_RDONLY)
        guard try wait(events.fd, until: { $0["populated"] == 0 }) else {
          throw SystemError("rmdir", path, errno: .resourceBusy)
        }
        try removeChildren()
      }
    } catch {
      // Removed by somebody else meanwhile.
      if error.errno != .noSuchFileOrDirectory, error.errno.rawValue != ENODEV { throw error }
    }
    let root = try hierarchy.openRoot()
    let names = path.split(separator: "/").map(String.init)
    guard let name = names.last else { return }
    let own = try identity()
    let parent: Descriptor
    do {
      parent = try Descriptor.open(
        Self.relative(names.dropLast()), pathOnly | O_DIRECTORY, inRoot: root.fd)
    } catch {
      if error.errno == .noSuchFileOrDirectory { return }
      throw error
    }
    // Only this one, not another that has its name.
    var status = stat()
    let isOwn =
      fstatat(parent.fd.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) == 0
      && FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)) == own
    if isOwn { try Self.removeDirectory(name, in: parent.fd) }
    FaultPoint.mark("the end of the cgroup")
    if let emptyParent, names.count > 1, names[names.count - 2] == emptyParent {
      let above = try Descriptor.open(
        Self.relative(names.dropLast(2)), pathOnly | O_DIRECTORY, inRoot: root.fd)
      // Refused by the kernel while there are others.
      _ = unlinkat(above.fd.rawValue, emptyParent, AT_REMOVEDIR)
    }
  }

  /// What the workload has made below, deepest first.
  private borrowing func removeChildren() throws(SystemError) {
    var names: [String] = []
    try walkDirectory("/proc/self/fd/\(fd.rawValue)") { name, kind in
      if kind == DT_DIR { names.append(String(cString: name)) }
    }
    for name in names {
      let child = try Cgroup(
        Descriptor.open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: fd), "\(path)/\(name)",
        hierarchy)
      try child.removeChildren()
      try Self.removeDirectory(name, in: fd)
    }
  }

  private init(_ descriptor: consuming Descriptor, _ path: String, _ hierarchy: CgroupHierarchy) {
    self.descriptor = descriptor
    self.path = path
    self.hierarchy = hierarchy
  }

  /// A process that has just ended keeps its cgroup busy for a moment after that says it is empty.
  private static func removeDirectory(
    _ name: String, in parent: FileDescriptor
  ) throws(SystemError) {
    for attempt in 0... {
      if unlinkat(parent.rawValue, name, AT_REMOVEDIR) == 0 || errno == ENOENT { return }
      guard errno == EBUSY, attempt < 200 else { throw SystemError("rmdir", name) }
      usleep(attempt < 20 ? 1_000 : 20_000)
    }
  }
}
