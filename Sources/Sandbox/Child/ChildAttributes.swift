import CLinux
import Glibc
import Linux
import SystemPackage

/// Gives a process what its plan says besides user and capabilities, as root, who alone may raise a
/// limit or a priority.
struct ChildAttributes {
  let plan: AttributePlan

  func apply() throws(ChildFailure) {
    if let policy = plan.memoryPolicy {
      do { try policy.apply() } catch {
        let reason =
          error.errno.rawValue == ENOSYS
          ? "this kernel has no NUMA"
          : error.errno == .invalidArgument ? "no such nodes here" : "\(error)"
        throw ChildFailure("linux.memoryPolicy: \(reason)")
      }
    }
    if let cpus = plan.finalCPUs {
      try step("process.execCPUAffinity.final") { () throws(SystemError) in
        try cpus.restrictCPUs()
      }
    }
    if let priority = plan.ioPriority {
      try step("process.ioPriority") { () throws(SystemError) in try priority.apply() }
    }
    if let scheduler = plan.scheduler {
      do { try scheduler.apply() } catch {
        let hint =
          error.errno == .notPermitted
          ? "; CAP_SYS_NICE is missing, or the cgroup has no realtime time"
          : error.errno == .resourceBusy ? "; the CPUs have no such time left" : ""
        throw ChildFailure("process.scheduler: \(error)\(hint)")
      }
    }
    if let personality = plan.personality {
      try step("linux.personality") { () throws(SystemError) in try personality.apply() }
    }
    // Last: they may be too small for more than the workload.
    for limit in plan.limits {
      do { try limit.apply() } catch {
        let hint =
          error.errno == .notPermitted
          ? "; CAP_SYS_RESOURCE is missing, or it is above fs.nr_open" : ""
        throw ChildFailure("setting \(limit.kind.specName): \(error.errno)\(hint)")
      }
    }
  }
}

/// Writes sysctls of the instance's namespaces through a procfs that is not in its tree: no mount or
/// link in that decides what is written.
struct ChildSysctls: ~Copyable {
  private let directory: Descriptor
  /// What that is in; `nil`: the host's `/proc`.
  private let own: DetachedMount?
  private let steps: [SysctlStep]

  /// `nil`: there are none.
  init?(_ steps: [SysctlStep]) throws(ChildFailure) {
    if steps.isEmpty { return nil }
    self.steps = steps
    // In the host's, the kernel goes past the same name of all instances' network namespaces to find one
    // below net. The host's is there where none can be made, in a user namespace without a whole /proc.
    if let workshop = try? MountWorkshop.forOthers(),
      let mount = try? workshop.make(FileSystem(type: "proc", source: "proc"), []),
      let found = try? Descriptor.open("sys", pathOnly | O_DIRECTORY, in: mount.fd)
    {
      directory = found
      own = consume mount
      return
    }
    own = nil
    directory = try step("opening /proc/sys") { () throws(SystemError) in
      try Descriptor.open("/proc/sys", pathOnly | O_DIRECTORY)
    }
  }

  /// Once the interfaces are there: the kernel shows each process its own namespaces'.
  consuming func write() throws(ChildFailure) {
    for entry in steps {
      do throws(SystemError) {
        let file = try Descriptor.open(entry.path, O_WRONLY, inRoot: directory.fd)
        // One write; an empty one would be none.
        try file.fd.writeEverything(Array((entry.value.isEmpty ? "\n" : entry.value).utf8))
      } catch {
        let reason =
          switch error.errno {
          case .noSuchFileOrDirectory: "there is none of this name in the instance's namespaces"
          case .readOnlyFileSystem: "/proc/sys is read-only here"
          case .invalidArgument: "the kernel does not take \(entry.value.debugDescription)"
          default: "\(error.errno)"
          }
        throw ChildFailure("the sysctl \(entry.name): \(reason)")
      }
    }
  }
}
