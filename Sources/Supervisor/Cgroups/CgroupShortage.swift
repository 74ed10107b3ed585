import Glibc
import Linux
import Sandbox
import SystemPackage

/// Why the kernel has refused an instance something for want of room in its cgroup or in one above it,
/// and the way out. cgroup-v2.rst: `cgroup.max.descendants`, `cgroup.max.depth`, `pids.max`, `memory.max`.
struct CgroupShortage {
  let hierarchy: CgroupHierarchy

  /// Why a cgroup could not be made.
  ///
  /// - Parameter path: from the root of the hierarchy.
  /// - Returns: `nil` where no limit is the reason.
  func ofCgroups(making path: String, _ reason: Errno) -> String? {
    switch reason {
    case .resourceTemporarilyUnavailable:
      for (index, above) in lineage(of: path).dropFirst().enumerated() {
        if let limit = number("cgroup.max.descendants", of: above),
          let text = read("cgroup.stat", above),
          let count = CgroupText.flatKeys(text)["nr_descendants"], count >= limit
        {
          return
            "\(above) has \(count) cgroups below it, and its cgroup.max.descendants allows no more. Remove instances (swrun ps -a), raise it (echo max > \(file("cgroup.max.descendants", above))), or choose another place with --cgroup-parent"
        }
        if let limit = number("cgroup.max.depth", of: above), index + 1 > limit {
          return
            "that is \(index + 1) below \(above), whose cgroup.max.depth is \(limit). Raise it (echo max > \(file("cgroup.max.depth", above))), or choose another place with --cgroup-parent"
        }
      }
      return nil
    // mem_cgroup_alloc_id, mm/memcontrol.c
    case .noSpace:
      return
        "the kernel numbers 65535 cgroups with memory, and all numbers are taken; one that was removed has its number until its memory is given back. Remove cgroups, or have that done (echo 3 > /proc/sys/vm/drop_caches)"
    default: return nil
    }
  }

  /// Whether a process more has no room in a cgroup, or in one above it.
  ///
  /// - Parameters:
  ///   - needed: how many have to have.
  ///   - own: what to say of this cgroup itself, by its limit.
  func ofProcesses(_ needed: UInt64, in path: String, own: (UInt64) -> String) -> String? {
    for (index, place) in lineage(of: path).enumerated() {
      guard let limit = number("pids.max", of: place),
        let count = number("pids.current", of: place), count + needed > limit
      else { continue }
      if index == 0 { return own(limit) }
      return
        "the cgroup \(place) has \(count) processes and threads, and its pids.max is \(limit). End some, raise it (echo max > \(file("pids.max", place))), or choose another place with --cgroup-parent"
    }
    return nil
  }

  /// Whether the kernel has killed in a cgroup for want of memory, and where that is limited.
  ///
  /// - Parameter origin: what has asked for the limit of this cgroup itself.
  func ofMemory(in path: String, origin: String) -> String? {
    guard let text = read("memory.events", path),
      CgroupText.flatKeys(text)["oom_kill"] ?? 0 > 0
    else { return nil }
    for (index, place) in lineage(of: path).enumerated() {
      guard let text = read("memory.events.local", place),
        CgroupText.flatKeys(text)["oom"] ?? 0 > 0, let limit = number("memory.max", of: place)
      else { continue }
      let size = ByteSize.text(limit)
      return index == 0
        ? "\(origin): \(size) is too little to start the command, and the kernel has killed it. Give it more"
        : "the cgroup \(place) has no more memory (memory.max is \(size)), and the kernel has killed the command as it started. Raise it (echo max > \(file("memory.max", place))), or choose another place with --cgroup-parent"
    }
    return
      "this machine has no more memory, and the kernel has killed the command as it started. End something, or add swap"
  }

  /// A cgroup and those above it, up to the root.
  private func lineage(of path: String) -> [String] {
    let names = path.split(separator: "/")
    return names.indices.reversed().map { "/" + names[...$0].joined(separator: "/") } + ["/"]
  }

  private func file(_ name: String, _ path: String) -> String {
    "\(hierarchy.mountPoint)\(path == "/" ? "" : path)/\(name)"
  }

  private func read(_ file: String, _ path: String) -> String? {
    guard let cgroup = try? Cgroup(opening: path, in: hierarchy) else { return nil }
    return try? cgroup.read(file)
  }

  /// - Returns: `nil` without a limit, too.
  private func number(_ file: String, of path: String) -> UInt64? {
    read(file, path).flatMap(CgroupText.limit)
  }
}

extension CgroupShortage {
  /// What fork(2) and clone(2) say where no process can be made, for this process's own cgroup.
  static func explainingFork(_ error: SystemError) -> any Error {
    guard error.errno == .resourceTemporarilyUnavailable else { return error }
    let general =
      "the kernel makes no more processes: ulimit -u, kernel.pid_max or kernel.threads-max, or the limit of a cgroup that swrun runs in (TasksMax= of a unit) is reached"
    guard let hierarchy = CgroupHierarchy.current, let path = CgroupHierarchy.path() else {
      return SupervisorError(general)
    }
    let text = CgroupShortage(hierarchy: hierarchy).ofProcesses(1, in: path) { limit in
      "the cgroup \(path), in which swrun runs, has as many processes as its pids.max allows, \(limit). End some, or raise it (TasksMax= of a unit)"
    }
    return SupervisorError(text ?? general)
  }
}
