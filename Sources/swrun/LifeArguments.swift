import ArgumentParser
import Glibc
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
  var stopSignal: String?

  @Option(
    name: .customLong("stop-timeout"),
    help: ArgumentHelp(
      "Seconds that swrun stop waits before SIGKILL; -1 for ever (default: 10).",
      valueName: "seconds"))
  var stopTimeout: Int?

  @Option(
    name: .customLong("timeout"),
    help: ArgumentHelp("Kill the command when it has run so long.", valueName: "seconds"))
  var timeout: Int?

  @Option(
    name: .customLong("cidfile"),
    help: ArgumentHelp("Write the id into this file, which must not be there.", valueName: "file"))
  var idFile: String?

  @Option(
    name: [.customLong("pid-file"), .customLong("pidfile")],
    help: ArgumentHelp(
      "Keep the number of the instance's PID 1 in this file while it runs.", valueName: "file"))
  var pidFile: String?

  @Option(
    name: .customLong("sdnotify"),
    help: ArgumentHelp(
      "Who tells systemd that it is ready: container (the default), conmon, healthy, ignore.",
      valueName: "mode"))
  var notify = "container"

  init() {}

  init(_ words: inout PlainWords) {
    restart = words.value("--restart") ?? "no"
    stopSignal = words.value("--stop-signal")
    stopTimeout = words.value("--stop-timeout")
    timeout = words.value("--timeout")
    idFile = words.value("--cidfile")
    pidFile = words.value("--pid-file", "--pidfile")
    notify = words.value("--sdnotify") ?? "container"
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
    if let stopSignal {
      guard let signal = SignalArgument(argument: stopSignal) else {
        throw ValidationError(
          "--stop-signal \(stopSignal.debugDescription): there is no such signal; kill -l lists them"
        )
      }
      options.stopSignal = signal.number
    }
    if let stopTimeout { options.stopTimeout = stopTimeout }
    let modes = NotifyMode.allCases.map(\.rawValue)
    guard let mode = NotifyMode(rawValue: notify) else {
      throw ValidationError(
        "--sdnotify \(notify.debugDescription): it is one of \(modes.joined(separator: ", "))\(didYouMean(notify, modes))"
      )
    }
    options.notify = mode
    if let timeout {
      guard (0...1_000_000_000).contains(timeout) else {
        throw ValidationError("--timeout \(timeout): it is a number of seconds, or 0 for no limit")
      }
      // As with Podman.
      options.timeout = timeout == 0 ? nil : timeout
    }
    // The monitor is somewhere else.
    options.idFile = try idFile.map { try Self.absolute($0, "--cidfile") }
    options.pidFile = try pidFile.map { try Self.absolute($0, "--pid-file") }
    return options
  }

  private static func absolute(_ path: String, _ option: String) throws -> String {
    guard !path.isEmpty else { throw ValidationError("\(option): no file is given") }
    if path.hasPrefix("/") { return path }
    guard let directory = getcwd(nil, 0) else {
      throw ValidationError("\(option) \(path): the working directory has gone")
    }
    defer { free(directory) }
    return "\(String(cString: directory))/\(path)"
  }
}
