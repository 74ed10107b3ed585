import CLinux
import Glibc
import Linux

/// A network namespace's name in `/run/netns`, where ip-netns(8) looks: a file on which the namespace
/// is mounted.
public enum NamespaceName {
  public static let directory = "/run/netns"

  /// - Throws: for what is no name of a file.
  public static func path(_ name: String) throws(NetworkError) -> String {
    guard !name.isEmpty, name.utf8.count <= 255, name != ".", name != "..",
      name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f && $0 != 0x2f })
    else { throw NetworkError("\(quoted(name)) is not a name for a network namespace") }
    return "\(directory)/\(name)"
  }

  /// Mounts a process's network namespace on a file that is new.
  static func make(_ name: String, _ process: ProcessIdentity, inode: UInt64) throws {
    let path = try path(name)
    // Held first: what is opened after that by its pid is this process's, or nothing is done.
    guard let pidfd = process.open() else { throw NetworkError("the instance has ended") }
    let namespace = try Namespace(path: "/proc/\(process.pid)/ns/net")
    guard !pidfd.waitForEnd(milliseconds: 0), try namespace.identity().inode == inode else {
      throw NetworkError("the instance has ended")
    }
    try prepare()
    let file = try Descriptor.open(path, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0)
    do {
      try MountNamespace.bind(namespace.fd, onto: file.fd, named: path)
    } catch {
      unlink(path)
      throw error
    }
  }

  /// Takes the name away, if it is still that of the process's namespace or of none.
  static func undo(_ name: String, inode: UInt64) throws {
    let path = try path(name)
    var status = statfs()
    // NSFS_MAGIC: whoever has given the name to another namespace meanwhile keeps it.
    if statfs(path, &status) == 0, status.f_type == 0x6e73_6673,
      FileIdentity(path: path)?.inode != inode
    {
      return
    }
    if umount2(path, CInt(MNT_DETACH)) != 0, errno != EINVAL, errno != ENOENT {
      throw SystemError("umount", path)
    }
    if unlink(path) != 0, errno != ENOENT { throw SystemError("unlink", path) }
  }

  /// As ip-netns(8) has it, mounts in the directory are seen in all mount namespaces that come from
  /// this one, so that a name that is removed holds the namespace nowhere.
  private static func prepare() throws {
    try makeDirectories(directory, mode: 0o755)
    if mount("", directory, nil, UInt(MS_SHARED) | UInt(MS_REC), nil) == 0 { return }
    guard errno == EINVAL else { throw SystemError("mount", directory) }
    // It is no mount yet.
    try check(
      "mount", directory, mount(directory, directory, nil, UInt(MS_BIND) | UInt(MS_REC), nil))
    try check("mount", directory, mount("", directory, nil, UInt(MS_SHARED) | UInt(MS_REC), nil))
  }
}
