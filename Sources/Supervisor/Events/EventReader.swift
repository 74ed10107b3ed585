import JSON
import Linux

/// Reads the events of a store, and follows them.
public final class EventReader {
  private let root: String
  private let path: String
  private let file: RotatedReader
  private let changes: Inotify
  /// Gets a line when lines of the file are no events.
  private let report: (String) -> Void

  /// - Parameter past: whether those that have been are read as well.
  public init(
    _ store: InstanceStore, past: Bool, report: @escaping (String) -> Void
  ) throws {
    root = store.root
    path = "\(root)/events.json"
    self.report = report
    changes = try Inotify()
    // Before the first instance.
    try makeDirectories(root)
    try changes.add(root)
    file = try RotatedReader(path)
    if !past { try file.skip(toLast: 0) }
  }

  /// Hands over the events that have come since the last call.
  public func read(_ body: (Event) throws -> Void) throws {
    var broken = 0
    try file.read { line in
      if line.isEmpty { return }
      guard let event = try? JSON.value(Event.self, from: line) else {
        broken += 1
        return
      }
      try body(event)
    }
    if broken > 0 { report("\(path): \(broken) lines are no events and are left out") }
  }

  /// Hands over the events that come, until a time.
  ///
  /// - Parameters:
  ///   - until: `nil` for ever.
  ///   - caughtUp: called when all that there is has been handed over.
  public func follow(
    until: Timestamp?, _ body: (Event) throws -> Void, caughtUp: () throws -> Void
  ) throws {
    while true {
      // Asked for before the read, so that what comes until then is read.
      let left = until.map { ($0.nanoseconds - Timestamp.now.nanoseconds) / 1_000_000 + 1 }
      try read(body)
      try caughtUp()
      if let left, left <= 0 { return }
      try waitForAny([changes.fd], milliseconds: left.map { Int($0) } ?? -1)
      changes.acknowledge()
    }
  }
}
