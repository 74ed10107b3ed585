import CLinux
import Glibc
public import SystemPackage

/// A set of rules by which a process gives up writing to all of the file system but some places,
/// landlock(7). Reading and executing are left as they are.
///
/// It counts beside mounts and permissions, not in place of them. Whoever is under it can no longer
/// change mounts (mount(2) and the like are refused), and traces only what is under the same rules.
public struct Landlock: ~Copyable {
  private let ruleset: Descriptor

  /// The kernel's version of the interface; 0 where it has none or it is switched off (`lsm=`).
  public static var abi: Int { max(0, Int(swrun_landlock_abi())) }

  /// The first ABI that can be used, of Linux 6.2: before 2 no file could be renamed into another
  /// directory, and before 3 files could still be cut to nothing.
  public static let neededABI = 3

  /// The first ABI that has ``init(scopesAbstractSockets:)``, of Linux 6.12.
  public static let scopeABI = 6

  /// - Parameter scopesAbstractSockets: connecting to abstract sockets of processes that are not under
  ///   the same rules is given up too; ignored below ``scopeABI``.
  public init(scopesAbstractSockets: Bool) throws(SystemError) {
    let scope: UInt64 = scopesAbstractSockets && Self.abi >= Self.scopeABI ? 1 : 0
    ruleset = Descriptor(
      owning: try check(
        "landlock_create_ruleset", "", swrun_landlock_create(Self.writing, scope)))
  }

  /// Lets everything be written that is at or below an open file or directory.
  public borrowing func allowWriting(_ fd: FileDescriptor) throws(SystemError) {
    var status = stat()
    try check("fstat", "", fstat(fd.rawValue, &status))
    let isDirectory = status.st_mode & S_IFMT == S_IFDIR
    try check(
      "landlock_add_rule", "",
      swrun_landlock_add_path(
        ruleset.fd.rawValue, fd.rawValue, isDirectory ? Self.writing : Self.writingFiles))
  }

  /// Puts this process and all that it will start under the rules, for good. Needs `no_new_privs` or
  /// `CAP_SYS_ADMIN`.
  public borrowing func restrict() throws(SystemError) {
    try check("landlock_restrict_self", "", swrun_landlock_restrict(ruleset.fd.rawValue))
  }

  /// `LANDLOCK_ACCESS_FS_WRITE_FILE` and `TRUNCATE`: what a rule about a file can say.
  private static let writingFiles: UInt64 = 1 << 1 | 1 << 14
  /// Besides `REMOVE_DIR` (4), `REMOVE_FILE`, `MAKE_*` and `REFER` (13).
  private static let writing: UInt64 = writingFiles | 0x3ff0
}
