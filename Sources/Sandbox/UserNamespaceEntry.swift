import CLinux
import Glibc
import Linux
import OCI
import SystemPackage

/// The monitor's part in a launch into a user namespace.
enum UserNamespaceEntry {
  /// Gives a new user namespace its ids.
  ///
  /// - Parameter pid: the process in it, a child that has not been waited for.
  static func write(uids: IDMap, gids: IDMap, of pid: pid_t) throws(SandboxError) {
    for (file, map) in [("uid_map", uids), ("gid_map", gids)] {
      do {
        let target = try Descriptor.open("/proc/\(pid)/\(file)", O_WRONLY)
        // The kernel takes the whole table with one write, or none of it.
        try target.fd.writeEverything(Array(map.text.utf8))
      } catch {
        let lines = map.ranges.map { "\($0.inside):\($0.outside):\($0.size)" }
        throw SandboxError(
          "the \(file.prefix(3))s \(lines.joined(separator: ",")) cannot be mapped: \(error.errno)")
      }
    }
  }

  /// Starts a process as ``swrun_clone3`` does, but in a user namespace that is there: only from within
  /// can namespaces be made that belong to it. A process in between goes there, starts it as this one's
  /// child, and ends.
  ///
  /// - Returns: 0 in the new process.
  static func clone(
    _ kinds: NamespaceKinds, in namespace: borrowing Namespace, _ pidfd: inout CInt,
    _ cgroup: FileDescriptor?
  ) throws -> pid_t {
    let ends = try DescriptorPair.sockets()
    let near = Channel(ends.first)
    let far = Channel(ends.second)
    let between = try check("fork", "", swrun_fork())
    if between == 0 {
      do throws(SystemError) {
        try ChildIdentity.dropGroups()
        try namespace.enter(.user)
        var raw: CInt = -1
        if try check(
          "clone3", "",
          swrun_clone3_sibling(
            kinds.rawValue, &raw, cgroup?.rawValue ?? -1)) == 0
        {
          return 0
        }
        try far.send(0, descriptor: FileDescriptor(rawValue: raw))
        _exit(0)
      } catch {
        far.send([125] + Array("entering the user namespace: \(error)".utf8))
        _exit(125)
      }
    }
    close(far.release().rawValue)
    defer {
      var status: CInt = 0
      while waitpid(between, &status, 0) < 0, errno == EINTR {}
    }
    switch try near.receiveAny() {
    case .descriptor(let held, _, _):
      let pid = try Pidfd.number(held.fd)
      pidfd = held.release().rawValue
      return pid
    case .bytes(let report):
      throw SandboxError(ChildFailure(report: report)?.message ?? "entering the user namespace")
    case .end: throw SandboxError("the process that entered the user namespace was killed")
    }
  }
}

extension Pidfd {
  /// The pid of a pidfd's process, as `/proc/self/fdinfo` has it.
  static func number(_ fd: FileDescriptor) throws(SystemError) -> pid_t {
    let path = "/proc/self/fdinfo/\(fd.rawValue)"
    for line in try readText(path).split(separator: "\n") where line.hasPrefix("Pid:") {
      if let pid = pid_t(line.dropFirst(4).filter { $0 != "\t" && $0 != " " }), pid > 0 {
        return pid
      }
    }
    throw SystemError("read", path, errno: .noSuchProcess)
  }
}
