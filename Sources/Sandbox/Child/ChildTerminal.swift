import CLinux
import Glibc
import Linux
import SystemPackage

/// Opens a pseudoterminal of the instance's own devpts.
///
/// `/dev` belongs to the workload: what is called `ptmx` there is used only if it is one of a devpts.
///
/// - Parameter root: the instance's.
func openInstanceTerminal(in root: FileDescriptor) throws(ChildFailure) -> Pseudoterminal {
  try step("opening a terminal") { () throws(SystemError) in
    let directory = try Descriptor.open(
      "/dev/pts", pathOnly | O_DIRECTORY | O_NOFOLLOW, inRoot: root)
    var status = statfs()
    try check("fstatfs", "/dev/pts", fstatfs(directory.fd.rawValue, &status))
    // DEVPTS_SUPER_MAGIC, linux/magic.h
    guard status.f_type == 0x1cd1 else {
      throw SystemError("open", "/dev/pts/ptmx", errno: Errno(rawValue: ENODEV))
    }
    return try Pseudoterminal(ptmx: "ptmx", in: directory.fd)
  }
}

/// Puts the terminal at `/dev/console`, where programs that log to the console look for it.
///
/// - Parameters:
///   - root: the instance's, which is not `/` yet.
///   - isOwn: whether `/dev` is the instance's own; in the host's nothing is made.
func bindConsole(
  _ terminal: FileDescriptor, in root: FileDescriptor, isOwn: Bool
) throws(SystemError) {
  let directory = try Descriptor.open("/dev", pathOnly | O_DIRECTORY, inRoot: root)
  if isOwn {
    _ = try Descriptor.open(
      "console", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, mode: 0o600, in: directory.fd)
  }
  let target: Descriptor
  do { target = try Descriptor.open("console", pathOnly | O_NOFOLLOW, in: directory.fd) } catch {
    if !isOwn, error.errno == .noSuchFileOrDirectory { return }
    throw error
  }
  try MountNamespace.bind(terminal, onto: target.fd, named: "/dev/console")
}
