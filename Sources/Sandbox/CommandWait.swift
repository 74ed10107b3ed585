import Glibc
import Linux
import SystemPackage

extension Channel {
  /// Reads what a child sends that becomes the command of a `run` or an `exec`, until its end of the
  /// channel is closed: by execve(2), or by its own end.
  ///
  /// - Parameters:
  ///   - interruption: a signalfd(2): a hook inside may take its time, and a signal breaks it off.
  ///   - agent: gets the listener of the command's seccomp filter, where it has one, and its pid.
  /// - Returns: the master of the command's terminal, where it has one.
  /// - Throws: `SandboxError` with the child's own line and exit code.
  borrowing func awaitCommand(
    or interruption: FileDescriptor? = nil, agent: SeccompAgentHandler
  ) throws -> Descriptor? {
    var terminal: Descriptor?
    var isReady = false
    while true {
      if let interruption, !waitForWord(or: interruption) {
        throw SandboxError("interrupted while a hook was running")
      }
      switch try receiveAny() {
      case .descriptor(let descriptor, let kind, let sender):
        if kind == listenerKind {
          try agent(descriptor, sender)
        } else {
          terminal = consume descriptor
        }
      case .end:
        guard isReady else { throw SandboxError.killedBeforeCommand }
        return terminal
      case .bytes(let report):
        guard let failure = ChildFailure(report: report) else {
          isReady = true
          continue
        }
        throw SandboxError(failure.message, exitCode: Int32(failure.exitCode))
      }
    }
  }

  /// - Returns: false for the interruption.
  private borrowing func waitForWord(or interruption: FileDescriptor) -> Bool {
    var entries = [fd, interruption].map {
      pollfd(fd: $0.rawValue, events: Int16(POLLIN), revents: 0)
    }
    while true {
      if Glibc.poll(&entries, nfds_t(entries.count), -1) < 0 { continue }
      if entries[0].revents != 0 { return true }
      if Signal.takeInterruption(from: interruption) { return false }
    }
  }
}
