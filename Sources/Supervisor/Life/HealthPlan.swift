public import JSON

/// How the workload's health is asked after: `--health-cmd` and its like.
public struct HealthPlan: Hashable, Sendable {
  /// What `swrun exec` would run; it is well when that ends with 0.
  public var command: [String]
  /// Nanoseconds from the start, and from the end of one check to the next.
  public var interval: Int64 = 30_000_000_000
  /// Nanoseconds that a check may take.
  public var timeout: Int64 = 30_000_000_000
  /// So many failures in a row make it unhealthy.
  public var retries = 3
  /// Nanoseconds from the start in which failures do not count.
  public var startPeriod: Int64 = 0
  public var onFailure = Action.none

  /// What is done with an instance that has become unhealthy.
  public enum Action: String, CaseIterable, Sendable {
    case none
    /// SIGKILL; `--restart` has the say then.
    case kill
    /// It is launched again, whatever `--restart` says.
    case restart
    /// As `swrun stop`.
    case stop
  }

  public init(command: [String]) { self.command = command }
}

/// What is known of an instance's health.
public struct HealthRecord: Hashable, Sendable, Decodable {
  public enum Status: String, CaseIterable, Sendable, Decodable {
    case starting, healthy, unhealthy
  }

  public private(set) var status = Status.starting
  /// Failures since the last success.
  public private(set) var failures = 0
  /// The last checks, the oldest first.
  public private(set) var checks: [Check] = []

  public struct Check: Hashable, Sendable, Decodable {
    public let started: Timestamp
    public let ended: Timestamp
    /// `nil`: it was killed for taking too long, or could not be run.
    public let exitCode: Int32?
    /// The beginning of what it has printed.
    public let output: String
  }

  private static let mostChecks = 5
  /// Bytes, so that the state stays small.
  static let longestOutput = 500

  /// A check has ended.
  ///
  /// - Parameter isStarting: within the start period, in which failures do not count until the first
  ///   success.
  /// - Returns: whether it has become unhealthy by this one.
  mutating func note(_ check: Check, retries: Int, isStarting: Bool) -> Bool {
    checks = checks.suffix(Self.mostChecks - 1) + [check]
    if check.exitCode == 0 {
      failures = 0
      status = .healthy
      return false
    }
    if isStarting, status == .starting { return false }
    failures += 1
    guard failures >= retries, status != .unhealthy else { return false }
    status = .unhealthy
    return true
  }
}

extension HealthRecord.Check: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("ended", ended.text)
    json.add("exitCode", exitCode)
    json.add("output", output)
    json.add("started", started.text)
  }
}

extension HealthRecord: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("checks", checks)
    json.add("failures", failures)
    json.add("status", status.rawValue)
  }
}
