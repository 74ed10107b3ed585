import CLinux
import Glibc
import Linux
import SystemPackage

/// PID 1 of an instance: starts the workload, hands signals on to it, reaps what is left to it, and
/// ends with the workload's exit code, upon which the kernel ends everything else inside.
struct ChildInit {
  let workload: ChildWorkload
  /// The compiled filter for init itself; empty: none.
  let filter: [UInt8]
  /// Whether the PID namespace is that of others too: then nobody but this process ends what the
  /// workload leaves behind.
  let adopts: Bool

  func run(terminal: FileDescriptor?, _ channel: borrowing Channel) throws(ChildFailure) -> Never {
    let children = adopts ? try adoptOrphans() : nil
    // Before the fork, so that no signal is lost between it and the loop.
    Signal.blockAll()
    let child = swrun_fork()
    if child < 0 { throw ChildFailure("fork: \(Errno(rawValue: errno))") }
    if child == 0 {
      setsid()
      try workload.execute(terminal: terminal, channel)
    }
    try becomeSmall()
    loop(child, children)
  }

  /// Makes this process the parent of all that the workload leaves behind.
  ///
  /// - Returns: the file of its children, in a procfs of its own: the instance may have none.
  private func adoptOrphans() throws(ChildFailure) -> FileDescriptor {
    try step("adopting orphans") { () throws(SystemError) in
      // PR_SET_CHILD_SUBREAPER
      try check("prctl", "PR_SET_CHILD_SUBREAPER", swrun_prctl(36, 1, 0, 0, 0))
      let processes = try MountWorkshop.forOthers().make(
        FileSystem(type: "proc", source: "proc"), [.noSetuid, .noDevices, .noExecute])
      // CONFIG_PROC_CHILDREN
      return try Descriptor.open("thread-self/children", O_RDONLY, in: processes.fd).release()
    }
  }

  /// Keeps no privilege but to signal the workload, whatever its user is, and says nothing of the
  /// command line that swrun was started with.
  private func becomeSmall() throws(ChildFailure) {
    hideCommandLine()
    guard let kill = CapabilitySet(names: ["CAP_KILL"]) else { return }
    try step("init's capabilities") { () throws(SystemError) in
      try kill.apply()
      try check("prctl", "PR_SET_NO_NEW_PRIVS", swrun_prctl(38, 1, 0, 0, 0))
    }
    releaseIdleMemory()
    _ = try loadFilter(filter)
  }

  private func loop(_ child: pid_t, _ children: FileDescriptor?) -> Never {
    if let children { dup2(children.rawValue, Self.childrenNumber) }
    // With the channel: the monitor takes its end as the workload's start.
    swrun_close_range(children == nil ? 0 : UInt32(Self.childrenNumber) + 1, .max, 0)
    var all = sigset_t()
    sigfillset(&all)
    while true {
      var info = siginfo_t()
      let signal = sigwaitinfo(&all, &info)
      if signal < 0 { continue }
      if signal == SIGCHLD { reap(child) } else { kill(child, signal) }
    }
  }

  private static let childrenNumber: CInt = 0

  /// Kills what the workload has left, and what that leaves, until nothing is left.
  private func endOthers() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var status: CInt = 0
    while true {
      let length = pread(Self.childrenNumber, &buffer, buffer.count, 0)
      if length > 0 {
        // The last number may have been cut off.
        let text = String(decoding: buffer.prefix(length), as: UTF8.self)
        let whole =
          length < buffer.count ? text[...] : text[..<(text.lastIndex(of: " ") ?? text.startIndex)]
        for pid in whole.split(separator: " ").compactMap({ pid_t($0) }) { kill(pid, SIGKILL) }
      }
      if waitpid(-1, &status, 0) < 0, errno == ECHILD { return }
    }
  }

  /// One SIGCHLD may stand for many.
  private func reap(_ child: pid_t) {
    while true {
      var status: CInt = 0
      let pid = waitpid(-1, &status, WNOHANG)
      if pid <= 0 { return }
      if pid == child {
        if adopts { endOthers() }
        _exit(ExitStatus(waitStatus: status).code)
      }
    }
  }

  /// `/proc/1/cmdline` can be read by everyone inside.
  private func hideCommandLine() {
    let arguments = CommandLine.unsafeArgv
    for index in 0..<Int(CommandLine.argc) {
      guard let text = arguments[index] else { continue }
      let length = strlen(text)
      memset(text, 0, length)
      if index == 0 { strncpy(text, "init", length) }
    }
    swrun_prctl(15, UInt(bitPattern: strdup("swrun-init")), 0, 0, 0)  // PR_SET_NAME
  }
}
