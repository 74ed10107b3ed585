import CLinux
import Glibc
public import JSON
public import SystemPackage

/// How a process ended.
public struct ExitStatus: Hashable, Sendable {
  /// 0 to 255; 128 + n where signal n killed the process, as shells and Docker say it.
  public let code: Int32

  public init(code: Int32) { self.code = code }

  /// From the encoding of wait(2).
  public init(waitStatus: CInt) {
    code =
      swrun_wait_exited(waitStatus) != 0
      ? swrun_wait_exit_status(waitStatus) : 128 + swrun_wait_signal(waitStatus)
  }
}

/// A process that a pid names only together with the time at which it started: pids are used again.
public struct ProcessIdentity: Hashable, Sendable, Decodable {
  public let pid: Int32
  /// Clock ticks since boot, field 22 of proc(5)'s `/proc/PID/stat`.
  public let startTime: UInt64

  public init(pid: Int32, startTime: UInt64) {
    self.pid = pid
    self.startTime = startTime
  }

  /// Reads the start time of a process that is running now; `nil` if there is none.
  public init?(pid: Int32) {
    guard pid > 0, let line = try? readFile("/proc/\(pid.description)/stat"),
      // The command may itself hold blanks and parentheses: what follows the last one counts.
      let end = line.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = line[(end + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 20)
    guard fields.count > 19, let time = UInt64(String(decoding: fields[19], as: UTF8.self)) else {
      return nil
    }
    self.init(pid: pid, startTime: time)
  }

  /// The process itself, if it is still the one that was meant; never another with its pid.
  public func open() -> Pidfd? {
    do {
      let pidfd = try Pidfd(pid: pid)
      // The pidfd pins the process, so a start time read now belongs to it or the pidfd is dead.
      return ProcessIdentity(pid: pid) == self ? .some(pidfd) : nil
    } catch { return nil }
  }
}

extension ProcessIdentity: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("pid", pid)
    json.add("startTime", startTime)
  }
}

/// A process, held by descriptor: signals cannot reach another that got its pid, pidfd_open(2).
public struct Pidfd: ~Copyable, Sendable {
  private let descriptor: Descriptor

  public init(_ descriptor: consuming Descriptor) {
    self.descriptor = descriptor
  }

  public init(pid: pid_t) throws(SystemError) {
    descriptor = Descriptor(owning: try check("pidfd_open", "\(pid)", swrun_pidfd_open(pid)))
  }

  public var fd: FileDescriptor { descriptor.fd }

  /// pidfd_send_signal(2). Returns false where the process has ended.
  @discardableResult
  public borrowing func send(_ signal: CInt) throws(SystemError) -> Bool {
    if swrun_pidfd_send_signal(fd.rawValue, signal) == 0 { return true }
    if errno == ESRCH { return false }
    throw SystemError("pidfd_send_signal", "\(signal)")
  }

  /// Waits until a child has ended and collects it.
  public borrowing func wait() throws(SystemError) -> ExitStatus {
    var status: CInt = 0
    try check("waitid", "", swrun_wait_pidfd(fd.rawValue, &status, 0))
    return ExitStatus(waitStatus: status)
  }

  /// Waits until any process, child or not, has ended.
  ///
  /// - Parameter milliseconds: the longest wait; negative waits for ever.
  /// - Returns: whether it has ended.
  public borrowing func waitForEnd(milliseconds: Int = -1) -> Bool {
    poll(fd, for: Int16(POLLIN), milliseconds: milliseconds)
  }
}

/// poll(2) of one descriptor, taken up again after a signal.
///
/// - Returns: whether the state was reached in time.
@discardableResult
public func poll(_ fd: FileDescriptor, for events: Int16, milliseconds: Int = -1) -> Bool {
  let deadline = Clock.monotonic() + Int64(milliseconds) * 1_000_000
  var entry = pollfd(fd: fd.rawValue, events: events, revents: 0)
  while true {
    let left = milliseconds < 0 ? -1 : max(0, (deadline - Clock.monotonic()) / 1_000_000)
    let result = Glibc.poll(&entry, 1, CInt(clamping: left))
    if result >= 0 { return result > 0 }
    if errno != EINTR { return false }
  }
}

/// poll(2) of several descriptors for input, which also ends with a signal.
///
/// - Parameter milliseconds: the longest wait; negative for ever.
/// - Returns: whether there is something.
@discardableResult
public func waitForAny(
  _ fds: [FileDescriptor], milliseconds: Int = -1
) throws(SystemError) -> Bool {
  var entries = fds.map { pollfd(fd: $0.rawValue, events: Int16(POLLIN), revents: 0) }
  let result = Glibc.poll(&entries, nfds_t(entries.count), CInt(clamping: milliseconds))
  if result < 0, errno != EINTR { throw SystemError("poll") }
  return result > 0
}
