import CLinux
import Glibc
import Linux
import SystemPackage

/// What a process gives up on its way to the workload, in the order in which it still can.
///
/// Security modules and Landlock come first, as root. The user is changed with the capabilities kept,
/// then these become the plan's: effective, permitted and inheritable in one call, and the ambient
/// ones after it. The filter comes last, so that it need allow little more than execve(2).
///
/// Without `no_new_privs` the kernel takes a filter from `CAP_SYS_ADMIN` alone: that stays until the
/// filter is there, which then has to allow capset(2).
struct ChildConfinement {
  let workload: LaunchPlan.Workload

  /// As root, with all capabilities, in the instance's tree.
  func begin() throws(ChildFailure) {
    if let profile = workload.apparmorProfile {
      try Self.choose(profile)
    }
    if let label = workload.selinuxLabel {
      try step("the SELinux label") { () throws(SystemError) in
        try SecurityModule.selinux.setForExec(label)
      }
    }
    if let plan = workload.landlock {
      try step("Landlock") { () throws(SystemError) in try Self.restrict(plan) }
    }
  }

  /// The profile takes effect with execve(2), since nothing before it should need a place in it.
  private static func choose(_ profile: String) throws(ChildFailure) {
    do throws(SystemError) { try SecurityModule.appArmor.setForExec(profile) } catch {
      // From write(2) it is not the file that is missing: apparmor_setprocattr, security/apparmor/lsm.c.
      guard error.call == "write", error.errno == .noSuchFileOrDirectory else {
        throw ChildFailure("the AppArmor profile \(profile): \(error)")
      }
      throw ChildFailure(
        "no AppArmor profile called \(profile) is loaded. Load it with apparmor_parser -r FILE, or leave it out"
      )
    }
  }

  private static func restrict(_ plan: LandlockPlan) throws(SystemError) {
    let rules = try Landlock(scopesAbstractSockets: plan.scopesAbstractSockets)
    for path in plan.writable {
      let place = try Descriptor.open(path, pathOnly)
      try rules.allowWriting(place.fd)
    }
    // Where output goes to a file of the host, /dev/stdout opens it once more.
    for standard in CInt(0)...2 where isWritableFile(standard) {
      try rules.allowWriting(FileDescriptor(rawValue: standard))
    }
    try rules.restrict()
  }

  /// Not a pipe or socket: those lie in no tree, and Landlock takes no rule about them.
  private static func isWritableFile(_ fd: CInt) -> Bool {
    let flags = fcntl(fd, F_GETFL)
    var status = stat()
    guard flags >= 0, flags & O_ACCMODE != O_RDONLY, fstat(fd, &status) == 0 else { return false }
    return [S_IFREG, S_IFCHR].contains(status.st_mode & S_IFMT)
  }

  /// After the change of the user, with all capabilities permitted.
  func giveUpPrivileges() throws(ChildFailure) {
    var capabilities = workload.capabilities
    if keepsForFilter {
      capabilities.effective = capabilities.effective.union(Self.forFilter)
      capabilities.permitted = capabilities.permitted.union(Self.forFilter)
    }
    try step("limiting capabilities") { () throws(SystemError) in try capabilities.apply() }
    guard workload.noNewPrivileges else { return }
    try step("no_new_privs") { () throws(SystemError) in
      try check("prctl", "PR_SET_NO_NEW_PRIVS", swrun_prctl(38, 1, 0, 0, 0))
    }
  }

  private static let forFilter = CapabilitySet(names: ["CAP_SYS_ADMIN"]) ?? CapabilitySet()

  private var keepsForFilter: Bool {
    !workload.noNewPrivileges && !workload.seccomp.isEmpty
      && !Self.forFilter.isSubset(of: workload.capabilities.effective)
  }

  /// Loads the filter; a listener goes over the channel.
  func loadFilter(_ channel: borrowing Channel) throws(ChildFailure) {
    let listener = try Sandbox.loadFilter(workload.seccomp, flags: workload.seccompFlags)
    if workload.hasListener {
      do {
        try channel.send(listenerKind, descriptor: FileDescriptor(rawValue: listener))
      } catch { throw ChildFailure("handing out the seccomp listener: \(error)") }
    }
    try dropForFilter()
  }

  /// The same for a hook that is run before the workload; it has no listener.
  func confineHook() throws(ChildFailure) {
    _ = try Sandbox.loadFilter(workload.seccomp)
    try dropForFilter()
  }

  private func dropForFilter() throws(ChildFailure) {
    guard keepsForFilter else { return }
    do { try workload.capabilities.apply() } catch {
      throw ChildFailure(
        "limiting capabilities: \(error); without no_new_privs the seccomp profile has to allow capset and prctl"
      )
    }
  }
}

/// The byte on the channel beside a seccomp listener; beside a terminal it is 0.
let listenerKind: UInt8 = 1
