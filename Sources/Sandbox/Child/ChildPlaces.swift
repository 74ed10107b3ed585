import CLinux
import Glibc
import Linux
import SystemPackage

/// Places in the new root, looked up as if it were `/` already.
///
/// Every path is opened with `openat2(RESOLVE_IN_ROOT)`, and what is made or mounted goes onto what was
/// opened: a symbolic link that is changed meanwhile leads nowhere else (CVE-2021-30465).
struct ChildPlaces {
  let root: FileDescriptor

  /// Opens what is there; `nil` where there is nothing.
  func existing(_ path: String) throws(SystemError) -> Descriptor? {
    do { return try Descriptor.open(path, pathOnly, inRoot: root) } catch {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw error
    }
  }

  /// Opens a mount point; makes it where it is missing and the place can be written, as a fresh
  /// `/tmp` can. A symbolic link is followed also where it leads to what is yet to be made: the host's
  /// `/etc/resolv.conf` often leads into `/run`, which is fresh.
  func mountPoint(_ path: String, directory: Bool) throws(ChildFailure) -> Descriptor {
    do {
      if let found = try existing(path) { return found }
      return try make(path, directory: directory)
    } catch {
      if error.errno == .readOnlyFileSystem {
        throw ChildFailure(
          "\(path) does not exist, and cannot be made in a read-only root. Make it on the host, or mount under /tmp, /run or /var/tmp"
        )
      }
      throw ChildFailure("the mount point \(path): \(error)")
    }
  }

  /// Makes what is missing of a path: directories, and at the end an empty file where it is to be none.
  func make(_ path: String, directory: Bool) throws(SystemError) -> Descriptor {
    var names = Self.names(path)
    /// What has been gone through, without a link in it.
    var trail: [String] = []
    var links = 0
    while !names.isEmpty {
      let name = names.removeFirst()
      if name == ".." {
        _ = trail.popLast()
        continue
      }
      let parent = try Descriptor.open(
        "/" + trail.joined(separator: "/"), pathOnly | O_DIRECTORY, inRoot: root)
      if let target = try link(name, in: parent.fd) {
        links += 1
        // MAXSYMLINKS, linux/namei.h
        if links > 40 { throw SystemError("open", path, errno: .tooManySymbolicLinkLevels) }
        if target.hasPrefix("/") { trail = [] }
        names = Self.names(target) + names
        continue
      }
      trail.append(name)
      if try existing("/" + trail.joined(separator: "/")) != nil { continue }
      if !names.isEmpty || directory {
        try check("mkdir", name, mkdirat(parent.fd.rawValue, name, 0o755))
      } else {
        _ = try Descriptor.open(
          name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644, in: parent.fd)
      }
    }
    return try Descriptor.open("/" + trail.joined(separator: "/"), pathOnly, inRoot: root)
  }

  private static func names(_ path: String) -> [String] {
    path.split(separator: "/").filter { $0 != "." }.map(String.init)
  }

  /// Where a symbolic link leads; `nil` for what is none.
  private func link(
    _ name: String, in directory: FileDescriptor
  ) throws(SystemError) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlinkat(directory.rawValue, name, &buffer, buffer.count)
    if length < 0, errno == EINVAL || errno == ENOENT { return nil }
    try check("readlink", name, length)
    return String(decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  static func status(_ fd: FileDescriptor) -> stat? {
    var status = stat()
    return fstat(fd.rawValue, &status) == 0 ? status : nil
  }

  static func isDirectory(_ fd: FileDescriptor) -> Bool {
    status(fd).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
  }
}
