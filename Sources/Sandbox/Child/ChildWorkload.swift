import CLinux
import Glibc
import Linux
import SystemPackage

/// The last steps of a process that becomes the workload; `run` and `exec` share them.
struct ChildWorkload {
  let workload: LaunchPlan.Workload
  /// Of which those of `startContainer` are run.
  var hooks: HookPlan?

  /// Becomes the workload. Returns only by a failure.
  ///
  /// - Parameters:
  ///   - terminal: becomes the controlling terminal and standard input, output and error.
  ///   - channel: gets the filter's listener, where it has one.
  func execute(
    terminal: FileDescriptor?, _ channel: borrowing Channel
  ) throws(ChildFailure) -> Never {
    if let terminal {
      try step("taking the terminal") { () throws(SystemError) in
        try takeControllingTerminal(terminal)
        for standard in CInt(0)...2 { try check("dup2", "", dup2(terminal.rawValue, standard)) }
      }
    }
    try ChildAttributes(plan: workload.attributes).apply()
    let confinement = ChildConfinement(workload: workload)
    try confinement.begin()
    try becomeUser()
    try confinement.giveUpPrivileges()
    // As the user, so that no directory is entered that the user could not.
    if chdir(workload.workingDirectory) != 0 {
      throw ChildFailure(
        "the working directory \(workload.workingDirectory) cannot be entered: \(Errno(rawValue: errno))"
      )
    }
    try checkWorkingDirectory()
    umask(workload.attributes.umask)
    try closeOthers(from: UInt32(workload.sockets?.numbers.upperBound ?? PassedSockets.first))
    Signal.reset()
    let argv = CStrings(workload.arguments)
    let envp = CStrings(
      workload.sockets?.environment(workload.environment, pid: getpid()) ?? workload.environment)
    let candidates = CStrings(candidatePaths())
    if let hooks { try runStartHooks(hooks, confinement) }
    if let sockets = workload.sockets {
      try step("handing on the sockets") { () throws(SystemError) in try sockets.release() }
    }
    // Else its end would look the same, were this process killed.
    do { try channel.send(ChildFailure.noneYet) } catch {
      throw ChildFailure("telling the monitor: \(error)")
    }
    try confinement.loadFilter(channel)

    // From here on the filter counts: execve(2), and what a failure needs to be reported.
    var reason = ENOENT
    var failed = 0
    for index in 0..<candidates.count {
      guard let path = candidates.pointer[index] else { break }
      execve(path, argv.pointer, envp.pointer)
      // As execvp(3): a file that may not be executed is remembered, the search goes on.
      if errno != ENOENT && errno != ENOTDIR {
        if reason == ENOENT {
          reason = errno
          failed = index
        }
        if errno != EACCES { break }
      }
    }
    throw failure(reason, candidatePaths()[failed])
  }

  /// Their files are the instance's, so they have no more than the workload: its user, capabilities and
  /// filter.
  private func runStartHooks(
    _ plan: HookPlan, _ confinement: ChildConfinement
  ) throws(ChildFailure) {
    let state = plan.state.json(status: "created", pid: getpid())
    for (index, hook) in plan.hooks.startContainer.enumerated() {
      try HookProcess(hook, place: "hooks.startContainer[\(index)]", directory: "/")
        .run(state: state) { () throws(ChildFailure) in try confinement.confineHook() }
    }
  }

  /// A directory that was entered through `/proc/self/fd` may lie outside of the root (CVE-2024-21626);
  /// the kernel then gives a path that begins with `(unreachable)`, which getcwd(3) refuses.
  private func checkWorkingDirectory() throws(ChildFailure) {
    guard let path = getcwd(nil, 0) else {
      throw ChildFailure(
        "the working directory \(workload.workingDirectory) is outside of the instance's file system"
      )
    }
    free(path)
  }

  private func candidatePaths() -> [String] {
    let name = workload.arguments[0]
    return name.contains("/") ? [name] : workload.searchPath.map { "\($0)/\(name)" }
  }

  private func failure(_ reason: CInt, _ path: String) -> ChildFailure {
    let name = workload.arguments[0]
    switch reason {
    case ENOENT, ENOTDIR:
      if name.contains("/"), access(name, F_OK) == 0 {
        return ChildFailure(
          "\(name) cannot be executed: the interpreter that it names does not exist", exitCode: 127)
      }
      let extent = name.contains("/") ? "" : " in the instance's PATH"
      return ChildFailure("\(name): command not found\(extent)", exitCode: 127)
    case EACCES:
      var status = stat()
      let isDirectory = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
      return ChildFailure(
        "\(path) cannot be executed: \(isDirectory ? "it is a directory" : "permission denied; chmod +x it, or look for noexec on its mount")",
        exitCode: 126)
    case ENOEXEC:
      return ChildFailure(
        "\(path) cannot be executed: not a program for this machine, nor a script with #!",
        exitCode: 126)
    default:
      return ChildFailure("\(path) cannot be executed: \(Errno(rawValue: reason))", exitCode: 126)
    }
  }

  /// Groups, then user: each step needs what the next takes away.
  private func becomeUser() throws(ChildFailure) {
    let user = workload.user
    try step("becoming user \(user.uid)") { () throws(SystemError) in
      let groups = user.additionalGids.map { gid_t($0) }
      if groups.isEmpty {
        try ChildIdentity.dropGroups()
      } else {
        try check("setgroups", "", setgroups(groups.count, groups))
      }
      try check("setresgid", "\(user.gid)", setresgid(user.gid, user.gid, user.gid))
      // PR_SET_KEEPCAPS: the set is decided by the plan, not by the change of the user.
      try check("prctl", "PR_SET_KEEPCAPS", swrun_prctl(8, 1, 0, 0, 0))
      try check("setresuid", "\(user.uid)", setresuid(user.uid, user.uid, user.uid))
      // The change of the user has cleared it; see prctl(2), PR_SET_PDEATHSIG.
      try dieWithParent()
    }
  }
}

/// PR_SET_PDEATHSIG: the kernel kills this process when its parent ends.
func dieWithParent() throws(SystemError) {
  try check("prctl", "PR_SET_PDEATHSIG", swrun_prctl(1, UInt(SIGKILL), 0, 0, 0))
}

/// `/proc/self/oom_score_adj`: whom the kernel kills first for want of memory. Children inherit it.
func setMemoryScore(_ score: Int32) throws(ChildFailure) {
  try step("oom_score_adj \(score)") { () throws(SystemError) in
    let file = try Descriptor.open("/proc/self/oom_score_adj", O_WRONLY)
    try file.fd.writeEverything(Array("\(score)".utf8))
  }
}

/// Marks all descriptors from `first` on close-on-exec: none reaches the workload (CVE-2024-21626).
func closeOthers(from first: UInt32) throws(ChildFailure) {
  let closeOnExec: UInt32 = 4
  try step("closing descriptors") { () throws(SystemError) in
    try check("close_range", "", swrun_close_range(first, .max, closeOnExec))
  }
}

/// - Returns: the listener, where the flags ask for one.
func loadFilter(
  _ program: [UInt8], flags: UInt32 = 0
) throws(ChildFailure) -> CInt {
  if program.isEmpty { return 0 }
  let result = program.withUnsafeBytes { installSeccomp($0, flags: flags) }
  if result < 0 { throw ChildFailure("loading the seccomp filter: \(Errno(rawValue: -result))") }
  return result
}

/// A NULL-terminated array of C strings, as execve(2) takes it. It is never freed: the process
/// becomes another or ends.
struct CStrings {
  let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  let count: Int

  init(_ strings: [String]) {
    count = strings.count
    pointer = .allocate(capacity: count + 1)
    for (index, text) in strings.enumerated() { pointer[index] = strdup(text) }
    pointer[count] = nil
  }
}
