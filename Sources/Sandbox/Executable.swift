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
    let executable = try Descriptor.open(path, O_RDONLY)
    let file = try unwritable(executable.fd, path)
    throw executeAgain(file.fd, path)
  }

  /// - Returns: why it cannot.
  private static func executeAgain(_ file: FileDescriptor, _ path: String) -> SystemError {
    swrun_execveat(file.rawValue, CommandLine.unsafeArgv, environ)
    return SystemError("execveat", path)
  }

  /// Makes a read-only mount of swrun's file what this process runs from. A workload that has its script's
  /// first line say `#!/proc/self/exe` makes the kernel execute swrun in its place; what it can open then is
  /// this mount, which nobody can write.
  ///
  /// It takes the file's place in memory. With a kernel that cannot change a process's executable (Linux
  /// before 5.9, or without CONFIG_CHECKPOINT_RESTORE) swrun is executed again from it instead, and begins
  /// anew: that takes a third of a start.
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
    let executable = try Descriptor.open("/proc/self/exe", O_RDONLY)
    if isSealed(executable.fd) { return }
    let file = try unwritable(executable.fd, "/proc/self/exe")
    if swrun_become(file.fd.rawValue) == 0 { return }
    throw executeAgain(file.fd, "/proc/self/exe")
  }

  /// An executable, opened by a read-only mount of it; from a kernel without the calls for it, a copy in memory.
  private static func unwritable(
    _ executable: FileDescriptor, _ path: String
  ) throws(SystemError) -> Descriptor {
    do {
      let file = try DetachedMount(cloning: executable, named: path, recursive: false)
      try file.change(MountChange(set: [.readOnly, .noSetuid, .noDevices]))
      return try Descriptor.open(procPath(file.fd), O_RDONLY)
    } catch {
      guard error.errno == .noFunction else { throw error }
      return try sealedCopy(of: executable)
    }
  }

  /// `F_SEAL_*` of fcntl(2): seal, shrink, grow, write.
  private static let seals: CInt = 0x0f
  private static let firstSealCommand: CInt = 1033

  private static func isSealed(_ fd: FileDescriptor) -> Bool {
    fcntl(fd.rawValue, firstSealCommand + 1) == seals
  }

  private static func sealedCopy(of fd: FileDescriptor) throws(SystemError) -> Descriptor {
    let closeOnExec: UInt32 = 1
    let allowSealing: UInt32 = 2
    let copy = Descriptor(
      owning: try check("memfd_create", "", memfd_create("swrun", closeOnExec | allowSealing)))
    while true {
      let part = try fd.readSome(1 << 20)
      if part.isEmpty { break }
      try copy.fd.writeEverything(part)
    }
    try check("fcntl", "F_ADD_SEALS", fcntl(copy.fd.rawValue, firstSealCommand, seals))
    return copy
  }
}
