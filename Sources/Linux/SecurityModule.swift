import CLinux
import Glibc
import SystemPackage

/// What a process of a Linux security module is called: its AppArmor profile or SELinux context.
public enum SecurityModule: Hashable, Sendable {
  case appArmor
  case selinux

  /// Whether this kernel has it, and it is switched on.
  public var isEnabled: Bool {
    switch self {
    case .appArmor: (try? readText("/sys/module/apparmor/parameters/enabled").first) == "Y"
    case .selinux: FileIdentity(path: "/sys/fs/selinux/enforce") != nil
    }
  }

  /// Asks for a profile or context from the next execve(2) of this thread on.
  ///
  /// Something else may have been mounted over `/proc` (CVE-2019-16884): what is not procfs is refused.
  ///
  /// - Parameter name: the profile, or the context.
  public func setForExec(_ name: String) throws(SystemError) {
    // Before Linux 5.8 AppArmor has no directory of its own.
    let paths =
      self == .appArmor
      ? ["/proc/thread-self/attr/apparmor/exec", "/proc/thread-self/attr/exec"]
      : ["/proc/thread-self/attr/exec"]
    let path = paths.first { FileIdentity(path: $0) != nil } ?? paths[0]
    let file = try Descriptor.open(path, O_WRONLY)
    var status = statfs()
    try check("fstatfs", path, fstatfs(file.fd.rawValue, &status))
    // PROC_SUPER_MAGIC, linux/magic.h
    guard status.f_type == 0x9fa0 else {
      throw SystemError("open", path, errno: Errno(rawValue: ENODEV))
    }
    let text = self == .appArmor ? "exec \(name)" : name
    let written = write(file.fd.rawValue, text, text.utf8.count)
    try check("write", "\(path) (\(name))", written)
  }
}
