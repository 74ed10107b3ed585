import CLinux
import Glibc
import Linux
import OCI
import SystemPackage

/// A hook while it runs: a process in a session of its own, with the state on its standard input and
/// no descriptor of ours.
///
/// It is started by the monitor, and inside by the process that becomes the workload.
struct HookProcess {
  let hook: Spec.Hook
  /// `hooks.prestart[0]`
  let place: String
  /// Its working directory.
  let directory: String

  init(_ hook: Spec.Hook, place: String, directory: String) {
    self.hook = hook
    self.place = place
    self.directory = directory
  }

  /// Waits for its end.
  ///
  /// - Parameter confine: what it gives up before it executes.
  /// - Throws: what it has said on its standard error, with its exit code.
  func run(
    state: String, interruption: FileDescriptor? = nil,
    confine: () throws(ChildFailure) -> Void = { () throws(ChildFailure) in }
  ) throws(ChildFailure) {
    do {
      // A file, not a pipe: nobody waits for a hook that does not read.
      let input = Descriptor(
        owning: try check("memfd_create", "", memfd_create("state", 1)))
      try input.fd.writeEverything(Array(state.utf8))
      lseek(input.fd.rawValue, 0, SEEK_SET)
      let null = try Descriptor.null()
      let pipe = try DescriptorPair.pipe()
      let pid = try check("fork", "", swrun_fork())
      if pid == 0 { become(input.fd, null.fd, pipe.second.fd, confine) }
      close(pipe.second.release().rawValue)
      let running = RunningHook(
        pid: pid, pidfd: try Pidfd(pid: pid), errors: pipe.first, timeout: hook.timeout)
      let (code, why, text) = try running.wait(interruption)
      if let why { throw failure("was killed: it \(why)", text) }
      if code != 0 { throw failure("has failed with exit code \(code)", text) }
    } catch let error as SystemError {
      throw ChildFailure("\(place) \(hook.path) cannot be run: \(error)")
    } catch let error as ChildFailure { throw error } catch { throw ChildFailure("\(error)") }
  }

  private func failure(_ what: String, _ text: String) -> ChildFailure {
    ChildFailure("\(place) \(hook.path) \(what)\(text.isEmpty ? "" : ": \(text)")")
  }

  /// The process itself; does not return.
  private func become(
    _ input: FileDescriptor, _ output: FileDescriptor, _ errors: FileDescriptor,
    _ confine: () throws(ChildFailure) -> Void
  ) {
    do throws(ChildFailure) {
      try step("a hook") { () throws(SystemError) in
        try dieWithParent()
        setsid()
        var copies: [CInt] = []
        for fd in [input, output, errors] {
          copies.append(try check("dup", "", fcntl(fd.rawValue, F_DUPFD_CLOEXEC, 10)))
        }
        for (place, copy) in copies.enumerated() {
          try check("dup2", "", dup2(copy, CInt(place)))
        }
        try check("close_range", "", swrun_close_range(3, .max, 0))
        try check("chdir", directory, chdir(directory))
      }
      Signal.reset()
      let argv = CStrings(hook.args.isEmpty ? [hook.path] : hook.args)
      let envp = CStrings(hook.env)
      try confine()
      execve(hook.path, argv.pointer, envp.pointer)
      throw ChildFailure("cannot be executed: \(Errno(rawValue: errno))")
    } catch {
      _ = error.message.utf8.withContiguousStorageIfAvailable { write(2, $0.baseAddress, $0.count) }
      _exit(CInt(error.exitCode))
    }
  }
}

/// Waiting for a hook: its end, what it says, its time, and a signal that breaks it off.
private struct RunningHook: ~Copyable {
  let pid: pid_t
  let pidfd: Pidfd
  let errors: Descriptor
  /// Seconds
  let timeout: Int32?
  /// The most that is kept of what it says, in bytes.
  private static let longest = 1000

  init(pid: pid_t, pidfd: consuming Pidfd, errors: consuming Descriptor, timeout: Int32?) {
    self.pid = pid
    self.pidfd = pidfd
    self.errors = errors
    self.timeout = timeout
  }

  /// - Returns: the exit code; why it was killed, where it was; what it has said, in one line.
  consuming func wait(
    _ interruption: FileDescriptor?
  ) throws(SystemError) -> (code: Int32, why: String?, text: String) {
    try errors.setNonblocking()
    let end = timeout.map { Clock.monotonic() + Int64($0) * 1_000_000_000 }
    var said: [UInt8] = []
    var why: String?
    var entries = [
      pollfd(fd: pidfd.fd.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: errors.fd.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: interruption?.rawValue ?? -1, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      let left = end.map { max(0, ($0 - Clock.monotonic() + 999_999) / 1_000_000) }
      let ready = Glibc.poll(&entries, nfds_t(entries.count), left.map { CInt(clamping: $0) } ?? -1)
      if ready < 0, errno != EINTR { throw SystemError("poll") }
      if ready < 0 { continue }
      if entries[1].revents != 0, !take(&said) { entries[1].fd = -1 }
      if entries[0].revents != 0 { break }
      if why == nil, entries[2].revents != 0, let interruption,
        Signal.takeInterruption(from: interruption)
      {
        why = "was interrupted"
      }
      if why == nil, let end, Clock.monotonic() >= end {
        why = "took more than \(timeout ?? 0) s"
      }
      if why != nil {
        // With all that it has started and that has stayed in its session.
        kill(-pid, SIGKILL)
        try pidfd.send(SIGKILL)
        _ = pidfd.waitForEnd()
        break
      }
    }
    while take(&said) {}
    return (try pidfd.wait().code, why, Self.line(said))
  }

  /// - Returns: false when there is nothing more now.
  private borrowing func take(_ said: inout [UInt8]) -> Bool {
    guard let part = try? errors.fd.readSome(4096), !part.isEmpty else { return false }
    said += part.prefix(Self.longest - said.count)
    return true
  }

  private static func line(_ said: [UInt8]) -> String {
    String(decoding: said, as: UTF8.self).split(whereSeparator: \.isNewline)
      .map {
        $0.filter { $0 == "\t" || !($0.unicodeScalars.first.map { $0.value < 0x20 } ?? true) }
      }
      .joined(separator: " ")
  }
}
