import Linux
import SystemPackage

/// What a monitor has to do at some time, behind one timer.
final class Deadlines {
  enum Kind { case kill, timeout, healthCheck, healthTimeout }

  private let timer: Timer
  private var due: [Kind: Int64] = [:]

  init() throws { timer = try Timer() }

  var fd: FileDescriptor { timer.fd }

  func set(_ kind: Kind, after nanoseconds: Int64) throws {
    due[kind] = Clock.monotonic() + nanoseconds
    try arm()
  }

  func clear(_ kind: Kind) {
    if due.removeValue(forKey: kind) != nil { try? arm() }
  }

  /// The run has ended that all was about.
  func clear() {
    due = [:]
    try? arm()
  }

  /// Those that are due now, which are then no more.
  func take() -> [Kind] {
    timer.acknowledge()
    let now = Clock.monotonic()
    let ready = due.filter { $0.value <= now }.map(\.key)
    for kind in ready { due[kind] = nil }
    try? arm()
    return ready
  }

  private func arm() throws {
    // 0 would disarm it.
    try timer.set(first: due.values.min().map { max(1, $0 - Clock.monotonic()) } ?? 0)
  }
}
