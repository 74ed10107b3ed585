import CLinux
import Glibc
import Linux
import SystemPackage

/// swrun's own executable, which what runs inside must never be able to write (CVE-2019-5736).
public enum Executable {
  /// PR_SET_DUMPABLE: `/proc/PID/exe` and `/proc/PID/fd` of swrun's processes, PID 1 of the instance
  /// among them, are closed to a workload without CAP_SYS_PTRACE.
  public static func protect() {
    swrun_prctl(4, 0, 0, 0, 0)
  }

  /// Executes swrun again from a read-only mount of its file, from whichever namespace this is.
  ///
  /// - Parameter path: the file, as it is called in this mount namespace.
  public static func seal(_ path: String) throws -> Never {
    let file = try DetachedMount(cloning: path, recursive: false)
    try file.set([.readOnly, .noSetuid, .noDevices], recursive: false)
    swrun_execveat(file.fd.rawValue, CommandLine.unsafeArgv, environ)
    throw SystemError("execveat", path)
  }

  /// Executes swrun again from a read-only mount of its file. A workload that has its script's first
  /// line say `#!/proc/self/exe` makes the kernel execute swrun in its place; what it can open then is
  /// this mount, which nobody can write.
  ///
  /// Returns where that has been done already.
  ///
  /// - Throws: `SystemError`, without the privilege for it among other reasons.
  public static func seal() throws {
    var status = statfs()
    try check("statfs", "/proc/self/exe", statfs("/proc/self/exe", &status))
    // ST_RDONLY: of the mount, or of the file system.
    if status.f_flags & 1 != 0 { return }
    // Who may not mount cannot launch either, and is told so by name later.
    guard CapabilitySet.current().contains("CAP_SYS_ADMIN") else { return }
    try seal("/proc/self/exe")
  }
}
