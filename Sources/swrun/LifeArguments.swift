import ArgumentParser
import Supervisor

/// The options of `run` about the instance's end and what follows it.
struct LifeArguments: PlainArguments {
  @Option(
    name: .customLong("restart"),
    help: ArgumentHelp(
      "Launch the command again when it has ended: no, on-failure[:N], always, unless-stopped.",
      valueName: "policy"))
  var restart = "no"

  @Option(
    name: .customLong("stop-signal"),
    help: ArgumentHelp("What swrun stop sends (default: TERM).", valueName: "signal"))
  var stopSignal: SignalArgument?

  @Option(
    name: .customLong("stop-timeout"),
    help: ArgumentHelp(
      "Seconds that swrun stop waits before SIGKILL; -1 for ever (default: 10).",
      valueName: "seconds"))
  var stopTimeout: Int?

  init() {}

  init(_ words: inout PlainWords) {
    restart = words.value("--restart") ?? "no"
    stopSignal = words.value("--stop-signal").flatMap(SignalArgument.init(argument:))
    stopTimeout = words.value("--stop-timeout")
  }

  /// - Parameter removed: `--rm`.
  func options(removed: Bool) throws -> LifeOptions {
    var options = LifeOptions()
    options.restart = try RestartPolicy(parsing: restart)
    if removed, options.restart != .no {
      throw ValidationError(
        "--rm and --restart \(restart) exclude each other: what is removed when it ends is not launched again. Leave one out"
      )
    }
    if let stopSignal { options.stopSignal = stopSignal.number }
    if let stopTimeout { options.stopTimeout = stopTimeout }
    return options
  }
}
