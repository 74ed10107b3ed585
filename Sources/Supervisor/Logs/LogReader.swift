import Glibc
import Linux
import SystemPackage

/// Reads the log of an instance, and follows it.
public struct LogReader {
  private let store: InstanceStore
  private let state: InstanceState
  private let driver: LogOptions.Driver
  private let file: RotatedReader
  /// Lines before it, and after it, are left out.
  public var since: Timestamp?
  public var until: Timestamp?
  /// Gets lines of the files that are no entries.
  private let report: (String) -> Void
  private let path: String

  /// - Throws: one line that says why the instance has no log that can be read here.
  public init(
    _ store: InstanceStore, _ state: InstanceState, report: @escaping (String) -> Void
  ) throws {
    guard let options = state.log else {
      throw SupervisorError(
        "\(state.name) was not detached: its output went to the terminal it was started from")
    }
    guard let path = store.logPath(state) else {
      throw SupervisorError(
        options.driver == .journald
          ? "\(state.name) logs to the journal: journalctl CONTAINER_NAME=\(state.name)"
          : "\(state.name) was started with --log-driver none, and its output is not kept")
    }
    self.store = store
    self.state = state
    self.report = report
    driver = options.driver
    self.path = path
    file = try RotatedReader(path)
  }

  /// Hands over what has been written.
  ///
  /// - Parameter count: how many lines from the end; `nil` for all.
  public func read(last count: Int?, _ body: (LogLine) throws -> Void) throws {
    if let count { try file.skip(toLast: count) }
    try hand(to: body)
  }

  /// Hands over what is written from now on, until the instance has ended or ``until`` has come.
  ///
  /// - Parameter caughtUp: called when all that there is has been handed over.
  public func follow(_ body: (LogLine) throws -> Void, caughtUp: () throws -> Void) throws {
    let changes = try Inotify()
    try changes.add(store.logDirectory(state.id))
    while true {
      // Asked for before the read: what was written until its end is read in any case.
      guard let own = store.state(state.id)?.monitor, let monitor = own.open() else {
        try hand(to: body)
        return try caughtUp()
      }
      let hasEnded = monitor.waitForEnd(milliseconds: 0)
      try hand(to: body)
      try caughtUp()
      let left = until.map { ($0.nanoseconds - Timestamp.now.nanoseconds) / 1_000_000 + 1 }
      if hasEnded || left.map({ $0 <= 0 }) == true { return }
      try waitForAny([changes.fd, monitor.fd], milliseconds: left.map { Int($0) } ?? -1)
      changes.acknowledge()
    }
  }

  private func hand(to body: (LogLine) throws -> Void) throws {
    var broken = 0
    try file.read { bytes in
      if bytes.isEmpty { return }
      guard let line = LogLine(bytes, driver) else {
        broken += 1
        return
      }
      if let since, line.time < since { return }
      if let until, line.time > until { return }
      try body(line)
    }
    if broken > 0 {
      report("\(path): \(broken) lines are no entries of a log and are left out")
    }
  }
}
