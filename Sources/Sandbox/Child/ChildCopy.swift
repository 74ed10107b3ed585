import CLinux
import Glibc
import Linux
import SystemPackage

/// Fills a fresh tmpfs with what it is going to cover: `tmpcopyup`.
///
/// Each name is opened from the directory that holds it and never through a link, so that a tree which
/// is changed meanwhile leads nowhere else. Sockets and devices are left out: they would be of no use.
struct ChildCopy {
  let root: FileDescriptor

  func copy(
    from source: FileDescriptor, to target: FileDescriptor, named path: String
  ) throws(ChildFailure) {
    try step("copying \(path)") { () throws(SystemError) in
      let from = try Descriptor.open(
        ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: source)
      let to = try Descriptor.open(".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, in: target)
      try copyDirectory(from, to)
    }
  }

  private func copyDirectory(
    _ from: borrowing Descriptor, _ to: borrowing Descriptor
  ) throws(SystemError) {
    for name in try directoryNames("/proc/self/fd/\(from.fd.rawValue)") {
      let entry = try Descriptor.open(name, pathOnly | O_NOFOLLOW, in: from.fd)
      guard let status = ChildPlaces.status(entry.fd) else { continue }
      switch status.st_mode & S_IFMT {
      case S_IFDIR:
        try check("mkdir", name, mkdirat(to.fd.rawValue, name, 0o700))
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
        try copyDirectory(
          try Descriptor.open(name, flags, in: from.fd), try Descriptor.open(name, flags, in: to.fd)
        )
      case S_IFREG:
        try copyFile(name, from, to)
      case S_IFLNK:
        let text = try linkText(entry.fd)
        try check("symlink", name, symlinkat(text, to.fd.rawValue, name))
      case S_IFIFO:
        try check("mkfifo", name, mkfifoat(to.fd.rawValue, name, 0o600))
      default: continue
      }
      try copyOwner(status, name, to)
    }
    if let status = ChildPlaces.status(from.fd) {
      try check("chown", "", fchown(to.fd.rawValue, status.st_uid, status.st_gid))
      try check("chmod", "", fchmod(to.fd.rawValue, status.st_mode & 0o7777))
    }
  }

  private func copyFile(
    _ name: String, _ from: borrowing Descriptor, _ to: borrowing Descriptor
  ) throws(SystemError) {
    // Nobody waits for the writer of a FIFO that was put there meanwhile.
    let source = try Descriptor.open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, in: from.fd)
    let target = try Descriptor.open(
      name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600, in: to.fd)
    while true {
      let part = try source.fd.readSome(1 << 16)
      if part.isEmpty { return }
      try target.fd.writeEverything(part)
    }
  }

  /// The owner first: changing it takes set-id bits away.
  private func copyOwner(
    _ status: stat, _ name: String, _ to: borrowing Descriptor
  ) throws(SystemError) {
    try check(
      "chown", name,
      fchownat(to.fd.rawValue, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW))
    if status.st_mode & S_IFMT != S_IFLNK {
      try check("chmod", name, fchmodat(to.fd.rawValue, name, status.st_mode & 0o7777, 0))
    }
  }

  private func linkText(_ fd: FileDescriptor) throws(SystemError) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlinkat(fd.rawValue, "", &buffer, buffer.count)
    try check("readlink", "", length)
    return String(decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
