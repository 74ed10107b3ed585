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

  func run(terminal: FileDescriptor?, _ channel: borrowing Channel) throws(ChildFailure) -> Never {
    // Before the fork, so that no signal is lost between it and the loop.
    Signal.blockAll()
    let child = swrun_fork()
    if child < 0 { throw ChildFailure("fork: \(Errno(rawValue: errno))") }
    if child == 0 {
      setsid()
      try workload.execute(terminal: terminal, channel)
    }
    try becomeSmall()
    loop(child)
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
    _ = try loadFilter(filter)
  }

  private func loop(_ child: pid_t) -> Never {
    // With the channel: the monitor takes its end as the workload's start.
    swrun_close_range(0, .max, 0)
    var all = sigset_t()
    sigfillset(&all)
    while true {
      var info = siginfo_t()
      let signal = sigwaitinfo(&all, &info)
      if signal < 0 { continue }
      if signal == SIGCHLD { reap(child) } else { kill(child, signal) }
    }
  }

  /// One SIGCHLD may stand for many.
  private func reap(_ child: pid_t) {
    while true {
      var status: CInt = 0
      let pid = waitpid(-1, &status, WNOHANG)
      if pid <= 0 { return }
      if pid == child { _exit(ExitStatus(waitStatus: status).code) }
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
