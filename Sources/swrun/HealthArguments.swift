import ArgumentParser
import Linux
import Supervisor

/// The options of `run` about the workload's health.
struct HealthArguments: PlainArguments {
  @Option(
    name: .customLong("health-cmd"),
    help: ArgumentHelp(
      "Ask after its health by this, run by sh -c inside: 0 is well.", valueName: "command"))
  var command: String?

  @Option(
    name: .customLong("health-interval"),
    help: ArgumentHelp("Between two checks (default: 30s).", valueName: "duration"))
  var interval: String?

  @Option(
    name: .customLong("health-timeout"),
    help: ArgumentHelp("The longest that a check may take (default: 30s).", valueName: "duration"))
  var timeout: String?

  @Option(
    name: .customLong("health-retries"),
    help: ArgumentHelp("Failures in a row that make it unhealthy (default: 3).", valueName: "count")
  )
  var retries: Int?

  @Option(
    name: .customLong("health-start-period"),
    help: ArgumentHelp(
      "From the start, in which failures do not count (default: 0s).", valueName: "duration"))
  var startPeriod: String?

  @Option(
    name: .customLong("health-on-failure"),
    help: ArgumentHelp(
      "What to do when it is unhealthy: none, kill, restart, stop.", valueName: "action"))
  var onFailure: String?

  @Flag(name: .customLong("no-healthcheck"), help: "Do not ask after its health (the default).")
  var none = false

  init() {}

  init(_ words: inout PlainWords) {
    command = words.value("--health-cmd")
    interval = words.value("--health-interval")
    timeout = words.value("--health-timeout")
    retries = words.value("--health-retries")
    startPeriod = words.value("--health-start-period")
    onFailure = words.value("--health-on-failure")
    none = words.flag("--no-healthcheck")
  }

  func plan() throws -> HealthPlan? {
    let given: [(String, Bool)] = [
      ("--health-interval", interval != nil), ("--health-timeout", timeout != nil),
      ("--health-retries", retries != nil), ("--health-start-period", startPeriod != nil),
      ("--health-on-failure", onFailure != nil),
    ]
    let other = given.first(where: \.1)?.0
    if none, let option = command == nil ? other : "--health-cmd" {
      throw ValidationError("--no-healthcheck and \(option) exclude each other; leave one out")
    }
    // The word is Docker's and Podman's.
    guard let command, command != "none" else {
      if let other {
        throw ValidationError("\(other) needs --health-cmd, which says what is to be run")
      }
      return nil
    }
    guard !command.isEmpty else { throw ValidationError("--health-cmd: no command is given") }
    var plan = HealthPlan(command: ["sh", "-c", command])
    if let interval { plan.interval = try Self.atLeast(interval, "--health-interval") }
    if let timeout { plan.timeout = try Self.atLeast(timeout, "--health-timeout") }
    if let startPeriod {
      plan.startPeriod = try Self.duration(startPeriod, "--health-start-period")
    }
    if let retries {
      guard retries > 0 else { throw ValidationError("--health-retries \(retries): at least 1") }
      plan.retries = retries
    }
    if let onFailure {
      let words = HealthPlan.Action.allCases.map(\.rawValue)
      guard let action = HealthPlan.Action(rawValue: onFailure) else {
        throw ValidationError(
          "--health-on-failure \(onFailure.debugDescription): it is one of \(words.joined(separator: ", "))\(didYouMean(onFailure, words))"
        )
      }
      plan.onFailure = action
    }
    return plan
  }

  private static func duration(_ text: String, _ option: String) throws -> Int64 {
    if let duration = TimeSpan.parse(text) { return duration }
    throw ValidationError(
      "\(option) \(text.debugDescription): write it as 30s, 1m30s, 500ms or 2h")
  }

  /// As with Docker, 1 ms.
  private static func atLeast(_ text: String, _ option: String) throws -> Int64 {
    let duration = try duration(text, option)
    guard duration >= 1_000_000 else { throw ValidationError("\(option): it is at least 1ms") }
    return duration
  }
}
