import CLinux
import Glibc
import Linux
import SystemPackage

/// Opens a pseudoterminal of the instance's own devpts.
///
/// `/dev` belongs to the workload: what is called `ptmx` there is used only if it is one of a devpts.
func openInstanceTerminal() throws(ChildFailure) -> Pseudoterminal {
  try step("opening a terminal") { () throws(SystemError) in
    let directory = try Descriptor.open("/dev/pts", pathOnly | O_DIRECTORY | O_NOFOLLOW)
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
func bindConsole(_ terminal: FileDescriptor) throws(SystemError) {
  // The host's /dev has one.
  let isThere = FileIdentity(path: "/dev/console") != nil
  if !isThere {
    _ = try Descriptor.open(
      "/dev/console", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, mode: 0o600)
  }
  let target = try Descriptor.open("/dev/console", pathOnly | O_NOFOLLOW)
  let view = try DetachedMount(cloning: terminal, named: "terminal", recursive: false)
  try view.attach(to: target.fd, named: "/dev/console")
}
