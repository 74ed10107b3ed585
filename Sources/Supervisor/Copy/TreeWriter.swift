import Glibc
import Linux
import SystemPackage

/// Puts a copy below a directory that somebody hostile may change meanwhile: no symbolic link is
/// followed, so that nothing is written anywhere else, and no file that is there is written to: it is
/// replaced.
struct TreeWriter: CopySink {
  /// The directory, by descriptor.
  let base: FileDescriptor
  /// Goes before each path.
  var prefix: [FileName] = []
  /// Who gets what is made, by who has it at its source.
  let owner: (uid_t, gid_t) -> (uid: uid_t, gid: gid_t)
  /// Which bits of the mode are kept.
  let modes: mode_t

  mutating func put(_ entry: CopyEntry, from body: FileDescriptor?) throws -> Int64 {
    let path = prefix + entry.path
    guard let name = path.last else { return 0 }
    let parent = try openParent(path.dropLast())
    do {
      switch entry.kind {
      case .directory: try makeDirectory(name, in: parent.fd, entry)
      case .file(let size):
        return try makeFile(name, in: parent.fd, entry, size, body)
      case .link(let target):
        try remove(name, in: parent.fd)
        try check(
          "symlink", name.text,
          target.withCString { target in
            name.withCString { symlinkat(target, parent.fd.rawValue, $0) }
          })
        let (uid, gid) = owner(entry.uid, entry.gid)
        try check(
          "chown", name.text,
          name.withCString { fchownat(parent.fd.rawValue, $0, uid, gid, AT_SYMLINK_NOFOLLOW) })
      case .hardLink(let target): try link(prefix + target, name, in: parent.fd)
      }
    } catch let error as SystemError {
      throw SupervisorError("\(FileName(joining: path).text) cannot be written: \(error.errno)")
    }
    return 0
  }

  /// What an archive does not say of is made.
  private func openParent(_ names: ArraySlice<FileName>) throws -> Descriptor {
    let flags = pathOnly | O_DIRECTORY | O_NOFOLLOW
    var directory = try Descriptor.open(".", flags, in: base)
    for name in names {
      do {
        if name.withCString({ mkdirat(directory.fd.rawValue, $0, 0o755) }) == 0 {
          let made = try Descriptor.open(
            name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: directory.fd)
          let (uid, gid) = owner(0, 0)
          try check("chown", name.text, fchown(made.fd.rawValue, uid, gid))
        }
        directory = try Descriptor.open(name, flags, in: directory.fd)
      } catch {
        throw SupervisorError(
          "\(FileName(joining: names).text): \(name.text) is no directory that can be gone through (\(error.errno)); links are not followed there"
        )
      }
    }
    return directory
  }

  private func makeDirectory(
    _ name: FileName, in parent: FileDescriptor, _ entry: CopyEntry
  ) throws(SystemError) {
    let isNew = name.withCString { mkdirat(parent.rawValue, $0, 0o700) } == 0
    if !isNew, errno != EEXIST { throw SystemError("mkdir", name.text) }
    let made = try Descriptor.open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: parent)
    // One that is there stays as it is.
    if isNew { try settle(made.fd, entry) }
  }

  private func makeFile(
    _ name: FileName, in parent: FileDescriptor, _ entry: CopyEntry, _ size: Int64,
    _ body: FileDescriptor?
  ) throws -> Int64 {
    try remove(name, in: parent)
    let file = try Descriptor.open(
      name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600, in: parent)
    var count: Int64 = 0
    if let body { count = try copyBytes(size, from: body) { try file.fd.writeEverything($0) } }
    try settle(file.fd, entry)
    var times = [timespec(), timespec(tv_sec: Int(entry.modified), tv_nsec: 0)]
    // UTIME_OMIT
    times[0].tv_nsec = (1 << 30) - 2
    try check("futimens", name.text, futimens(file.fd.rawValue, times))
    return count
  }

  private func settle(_ fd: FileDescriptor, _ entry: CopyEntry) throws(SystemError) {
    let (uid, gid) = owner(entry.uid, entry.gid)
    try check("chown", "", fchown(fd.rawValue, uid, gid))
    try check("chmod", "", fchmod(fd.rawValue, entry.mode & modes))
  }

  private func remove(_ name: FileName, in parent: FileDescriptor) throws(SystemError) {
    if name.withCString({ unlinkat(parent.rawValue, $0, 0) }) != 0, errno != ENOENT {
      throw SystemError("unlink", name.text)
    }
  }

  private func link(_ target: [FileName], _ name: FileName, in parent: FileDescriptor) throws {
    guard let last = target.last else {
      throw SystemError("link", name.text, errno: .invalidArgument)
    }
    let directory = try openParent(target.dropLast())
    let file = try Descriptor.open(last, pathOnly | O_NOFOLLOW, in: directory.fd)
    try remove(name, in: parent)
    try check(
      "link", name.text,
      name.withCString {
        linkat(AT_FDCWD, procPath(file.fd), parent.rawValue, $0, AT_SYMLINK_FOLLOW)
      })
  }
}
