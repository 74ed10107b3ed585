import Glibc
public import SystemPackage

/// The device and inode that name a file, a directory or a namespace for as long as it lives.
public struct FileIdentity: Hashable, Sendable {
  public let device: UInt64
  public let inode: UInt64

  public init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }

  /// stat(2) of what `path` leads to; `nil` where there is nothing.
  public init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// fstat(2); `nil` for a descriptor that is not open.
  public init?(_ fd: FileDescriptor) {
    var status = stat()
    guard fstat(fd.rawValue, &status) == 0 else { return nil }
    self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}

/// The whole of a file.
///
/// - Parameter limit: bytes; a longer file is refused with `EFBIG`, so that a hostile one cannot
///   fill the memory.
public func readFile(_ path: String, limit: Int = 16 << 20) throws(SystemError) -> [UInt8] {
  // Nobody waits for the writer of a FIFO that lies where a file should.
  let file = try Descriptor.open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK)
  return try readFile(file.fd, named: path, limit: limit)
}

/// The rest of an open file; see ``readFile(_:limit:)``.
///
/// - Parameter size: of a regular file, in bytes, where it is known: then nobody asks whether there is more. 0 says
///   nothing, since procfs(5) has such files.
public func readFile(
  _ fd: FileDescriptor, named path: String, limit: Int = 16 << 20, size: Int = 0
) throws(SystemError) -> [UInt8] {
  var bytes: [UInt8] = []
  while true {
    let part: [UInt8]
    do { part = try fd.readSome(1 << 14) } catch {
      throw SystemError("read", path, errno: error.errno)
    }
    bytes += part
    if bytes.count > limit { throw SystemError("read", path, errno: .fileTooLarge) }
    if part.isEmpty || (size > 0 && bytes.count >= size) { return bytes }
  }
}

/// A text file's contents; bytes that are not UTF-8 become U+FFFD.
public func readText(_ path: String) throws(SystemError) -> String {
  String(decoding: try readFile(path), as: UTF8.self)
}

/// Publishes `bytes` under `path` by rename(2): a reader sees the old file or the new, never a part.
public func writeAtomically(
  _ bytes: [UInt8], to path: String, mode: mode_t = 0o600
) throws(SystemError) {
  let temporary = "\(path).\(getpid())~"
  do {
    let file = try Descriptor.open(
      temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
    try file.fd.writeEverything(bytes, named: path)
    FaultPoint.mark("the draft of \(path)")
    try check("rename", path, rename(temporary, path))
    FaultPoint.mark(path)
  } catch {
    unlink(temporary)
    throw error
  }
}

/// Where a symbolic link leads, readlink(2).
public func readLink(_ path: String) throws(SystemError) -> String {
  var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
  let length = readlink(path, &buffer, buffer.count)
  try check("readlink", path, length)
  return String(decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// The absolute path of what is there, without links, realpath(3).
public func realPath(_ path: String) throws(SystemError) -> String {
  guard let found = realpath(path, nil) else { throw SystemError("realpath", path) }
  defer { free(found) }
  return String(cString: found)
}

/// The absolute path of a directory, without a symbolic link in it.
public func resolvedDirectory(_ path: String) throws(SystemError) -> String {
  let directory = try Descriptor.open(path, pathOnly | O_DIRECTORY)
  return try readLink(procPath(directory.fd))
}

/// The names in a directory, without `.` and `..`, sorted; empty where there is no directory, or none
/// that can be read.
public func directoryEntries(_ path: String) -> [String] { (try? directoryNames(path)) ?? [] }

/// The same, and an error where there is a directory that cannot be read.
public func directoryNames(_ path: String) throws(SystemError) -> [String] {
  var names: [String] = []
  try walkDirectory(path) { name, _ in names.append(String(cString: name)) }
  return names.sorted()
}

/// Shows the names in a directory one by one, without `.` and `..`, in the file system's order; none
/// where there is no directory.
///
/// - Parameter body: gets the name, which is valid during the call, and its kind, `DT_LNK` and the like
///   of readdir(3), which a file system may leave unknown.
public func walkDirectory(
  _ path: String, _ body: (_ name: UnsafePointer<CChar>, _ kind: Int) -> Void
) throws(SystemError) {
  guard let stream = opendir(path) else {
    if errno == ENOENT { return }
    throw SystemError("opendir", path)
  }
  defer { closedir(stream) }
  while let entry = readdir(stream) {
    let kind = Int(entry.pointee.d_type)
    withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { name in
        let isDot = name[0] == 0x2e && (name[1] == 0 || (name[1] == 0x2e && name[2] == 0))
        if !isDot { body(name, kind) }
      }
    }
  }
}

/// Makes a directory and those above it; one that is there already is fine.
public func makeDirectories(_ path: String, mode: mode_t = 0o700) throws(SystemError) {
  if mkdir(path, mode) == 0 { return }
  switch errno {
  case EEXIST: return
  case ENOENT:
    let parent = FilePath(path).removingLastComponent().string
    guard !parent.isEmpty, parent != path else { throw SystemError("mkdir", path) }
    try makeDirectories(parent, mode: mode)
    if mkdir(path, mode) != 0, errno != EEXIST { throw SystemError("mkdir", path) }
  default: throw SystemError("mkdir", path)
  }
}

/// Removes a file, or a directory with all that is in it; symbolic links are not followed.
/// What is gone already is fine.
public func removeTree(_ path: String) throws(SystemError) {
  if unlink(path) == 0 || errno == ENOENT { return }
  guard errno == EISDIR || errno == EPERM else { throw SystemError("unlink", path) }
  for name in directoryEntries(path) {
    try removeTree("\(path)/\(name)")
    FaultPoint.mark("the end of \(path)/\(name)")
  }
  if rmdir(path) != 0, errno != ENOENT { throw SystemError("rmdir", path) }
}
