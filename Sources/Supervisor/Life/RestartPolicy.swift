/// Whether a workload that has ended is launched again: `--restart`, with Docker's words.
public enum RestartPolicy: Hashable, Sendable {
  case no
  /// After an exit code other than 0, so many times; `nil`: as often as it takes.
  case onFailure(most: Int?)
  case always
  /// As `always`, and not at boot either once the user has stopped it.
  case unlessStopped

  private static let words = ["no", "on-failure[:N]", "always", "unless-stopped"]

  public init(parsing text: String) throws(SupervisorError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    switch (parts[0], parts.count) {
    case ("no", 1): self = .no
    case ("always", 1): self = .always
    case ("unless-stopped", 1): self = .unlessStopped
    case ("on-failure", 1): self = .onFailure(most: nil)
    case ("on-failure", _):
      guard let most = Int(parts[1]), most >= 0 else {
        throw SupervisorError(
          "--restart \(text.debugDescription): \(String(parts[1]).debugDescription) is no number of times; write it as on-failure:5"
        )
      }
      // As with Docker, 0 is no limit.
      self = .onFailure(most: most == 0 ? nil : most)
    case ("always", _), ("unless-stopped", _), ("no", _):
      throw SupervisorError(
        "--restart \(text.debugDescription): only on-failure takes a number of times")
    default:
      throw SupervisorError(
        "--restart \(text.debugDescription): it is one of \(Self.words.joined(separator: ", "))")
    }
  }

  /// As `--restart` takes it.
  public var text: String {
    switch self {
    case .no: "no"
    case .onFailure(let most): most.map { "on-failure:\($0)" } ?? "on-failure"
    case .always: "always"
    case .unlessStopped: "unless-stopped"
    }
  }

  /// Whether the instance comes back when the machine is started again: `swrun autostart`.
  public var outlivesReboot: Bool { self == .always || self == .unlessStopped }

  /// - Parameters:
  ///   - code: the exit code of the run that has ended.
  ///   - count: how many times it was launched again before.
  func restarts(after code: Int32, count: Int) -> Bool {
    switch self {
    case .no: false
    case .always, .unlessStopped: true
    case .onFailure(let most): code != 0 && most.map { count < $0 } != false
    }
  }
}

/// How long a workload waits before it is launched again. As with Docker, 100 ms at first and twice as
/// long each time, up to a minute; a run of 10 s or more was a good one, and all begins anew.
struct RestartDelay {
  private var last: Int64 = 0
  private static let first: Int64 = 100_000_000
  private static let longest: Int64 = 60_000_000_000
  private static let goodRun: Int64 = 10_000_000_000

  /// - Parameter ran: how long the run has taken that has just ended, in nanoseconds.
  /// - Returns: nanoseconds.
  mutating func next(afterRunOf ran: Int64) -> Int64 {
    last = last == 0 || ran >= Self.goodRun ? Self.first : min(last * 2, Self.longest)
    return last
  }
}
