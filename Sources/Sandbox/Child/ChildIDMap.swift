import CLinux
import Glibc
import Linux
import SystemPackage

/// Makes a user namespace that nobody is in, for its mappings alone, as mount_setattr(2) takes it.
///
/// It is the namespace of a process which tells its number in the host's `/proc` (it has another in
/// the instance's PID namespace) and is killed once the namespace is held.
func makeUserNamespace(_ map: LaunchPlan.IDMap) throws(SystemError) -> Namespace {
  let pipe = try DescriptorPair.pipe()
  let near = HeldDescriptor(pipe.first)
  let far = HeldDescriptor(pipe.second)
  var raw: CInt = -1
  let pid = swrun_clone3(NamespaceKinds.user.rawValue, &raw, -1)
  if pid == 0 { tellNumberAndWait(far.descriptor.fd) }
  try check("clone3", "user namespace", pid)
  let process = Pidfd(Descriptor(owning: raw))
  do {
    let number = String(decoding: try near.descriptor.fd.readSome(16), as: UTF8.self)
    for (file, text) in [("uid_map", map.users), ("gid_map", map.groups)] {
      let target = try Descriptor.open("/proc/\(number)/\(file)", O_WRONLY)
      // The kernel takes a map in one write only.
      try target.fd.writeEverything(Array(text.utf8))
    }
    let namespace = try Namespace(path: "/proc/\(number)/ns/user")
    try process.send(SIGKILL)
    _ = try process.wait()
    return namespace
  } catch {
    _ = try? process.send(SIGKILL)
    _ = try? process.wait()
    throw error
  }
}

private func tellNumberAndWait(_ pipe: FileDescriptor) -> Never {
  do {
    try dieWithParent()
    try pipe.writeEverything(Array(try readLink("/proc/self").utf8))
  } catch { _exit(125) }
  while true { pause() }
}
