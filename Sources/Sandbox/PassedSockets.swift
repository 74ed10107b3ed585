import Glibc
import Linux

/// Sockets that a service manager has opened for the workload, sd_listen_fds(3): descriptors from 3 on,
/// in swrun as in the workload.
public struct PassedSockets: Hashable, Sendable {
  /// SD_LISTEN_FDS_START
  static let first: CInt = 3
  private static let most = 1024

  public let count: Int
  /// `LISTEN_FDNAMES`
  public let names: String?

  /// Those of this process; `nil` where there are none, or they are another's.
  ///
  /// - Throws: where what is said of them does not hold.
  public static func find() throws(SandboxError) -> PassedSockets? {
    func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    guard let pid = variable("LISTEN_PID"), Int32(pid) == getpid(),
      let text = variable("LISTEN_FDS")
    else { return nil }
    guard let count = Int(text), (1...most).contains(count) else {
      throw SandboxError(
        "LISTEN_FDS is \(text.debugDescription), which is no number of sockets; it is the service manager's to set, sd_listen_fds(3)"
      )
    }
    for fd in first..<first + CInt(count) where fcntl(fd, F_GETFD) < 0 {
      throw SandboxError("LISTEN_FDS is \(count), and descriptor \(fd) is not open")
    }
    return PassedSockets(count: count, names: variable("LISTEN_FDNAMES"))
  }

  var numbers: Range<CInt> { Self.first..<Self.first + CInt(count) }

  /// No program gets them but the workload.
  public func protect() {
    for fd in numbers { _ = fcntl(fd, F_SETFD, FD_CLOEXEC) }
  }

  /// The workload's, in this process, which is to become it.
  func release() throws(SystemError) {
    for fd in numbers { try check("fcntl", "F_SETFD", fcntl(fd, F_SETFD, 0)) }
  }

  /// The workload's variables.
  ///
  /// - Parameter pid: as it is called inside.
  func environment(_ former: [String], pid: pid_t) -> [String] {
    former.filter { !$0.hasPrefix("LISTEN_") } + ["LISTEN_PID=\(pid)", "LISTEN_FDS=\(count)"]
      + (names.map { ["LISTEN_FDNAMES=\($0)"] } ?? [])
  }
}
