import Glibc
import Linux

/// A unit of systemd's that runs an instance: `swrun generate systemd`.
public struct ServiceUnit {
  /// What the user has said in place of what the instance was asked for.
  public struct Changes: Sendable {
    /// The instance's name.
    public var name: String?
    /// `Restart=`, or `unless-stopped`.
    public var restart: String?
    /// Seconds.
    public var stopTimeout: Int?
    public init() {}
  }

  private static let restarts = [
    "no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always",
    "unless-stopped",
  ]

  private let store: InstanceStore
  /// The absolute path of swrun.
  private let program: String

  public init(_ store: InstanceStore) throws {
    self.store = store
    program = try Self.installedProgram()
  }

  /// This program, as it was found when it was started: it may run from a copy of itself.
  private static func installedProgram() throws -> String {
    guard let word = CommandLine.arguments.first else {
      throw SupervisorError("swrun was started without a name of its own")
    }
    if word.hasPrefix("/") { return word }
    if word.contains("/") { return try realPath(word) }
    let places = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":")
    for place in places where place.hasPrefix("/") && access("\(place)/\(word)", X_OK) == 0 {
      return "\(place)/\(word)"
    }
    throw SupervisorError("\(word) is not in PATH; call it by its path")
  }

  /// What followed `run`.
  public func words(of state: InstanceState) throws -> [String] {
    try store.runRecord(state.id).words
  }

  /// A unit that makes an instance anew each time, as one was asked for that is there.
  ///
  /// - Parameters:
  ///   - options: the options of `run` without those that the unit has itself.
  ///   - command: what follows them.
  public func text(
    likeThatOf state: InstanceState, options: [String], command: [String], _ changes: Changes
  ) throws -> String {
    let record = try store.runRecord(state.id)
    let name = changes.name ?? state.name
    try InstanceName.check(name)
    let timeout = changes.stopTimeout ?? state.stopTimeout ?? 10
    var words = [program, "run", "--rm", "--name", name]
    // Most commands do not say themselves when they are ready.
    if !options.contains(where: { $0 == "--sdnotify" || $0.hasPrefix("--sdnotify=") }) {
      words.append("--sdnotify=conmon")
    }
    if changes.stopTimeout != nil { words.append("--stop-timeout=\(timeout)") }
    words += options
    if let first = command.first { words += first == "--" ? command : ["--"] + command }
    var environment = storeVariables
    environment += record.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    var settings: [String] = []
    if let directory = record.directory {
      settings.append("WorkingDirectory=\(try UnitText.path(directory, "the directory"))")
    }
    return try service(
      "swrun instance \(name)", words, name: name, settings: settings, environment: environment,
      restart: changes.restart ?? state.restart ?? "no", timeout: timeout,
      signal: state.stopSignal ?? SIGTERM)
  }

  /// A template whose units start the recorded instance that they are named after: `swrun@NAME`.
  public func template(_ changes: Changes) throws -> String {
    if let name = changes.name {
      throw SupervisorError(
        "--name \(name): a template's units have the names of instances: swrun@NAME.service")
    }
    return try service(
      "swrun instance %i", [program, "start", "--attach", "%i"], name: "%i", settings: [],
      environment: storeVariables, restart: changes.restart ?? "no",
      timeout: changes.stopTimeout ?? 10, signal: SIGTERM)
  }

  private func service(
    _ description: String, _ words: [String], name: String, settings: [String],
    environment: [String], restart: String, timeout: Int, signal: Int32
  ) throws -> String {
    let isTemplate = name == "%i"
    func command(_ words: [String]) -> String {
      // The specifier of a template stays one.
      let text = UnitText.command(words)
      return isTemplate ? text.replacing("%%i", with: "%i") : text
    }
    let (restarting, limits) = try Self.restart(restart)
    let success = Set([128 + SIGTERM, 128 + signal]).sorted().map(String.init)
    var lines = [
      "[Unit]",
      "Description=\(description)",
      "Documentation=man:swrun(1)",
      "Wants=network-online.target",
      "After=network-online.target",
    ]
    lines += limits
    lines += [
      "RequiresMountsFor=\(UnitText.word(store.stateDirectory))", "", "[Service]",
      // What the instance was asked for says who tells when it is ready; nobody may.
      isTemplate ? "Type=exec" : "Type=notify",
      "NotifyAccess=main",
    ]
    lines += settings
    lines += environment.map { "Environment=\(UnitText.word($0))" }
    lines += [
      "ExecStart=\(command(words))",
      "ExecStop=\(command([program, "stop", "--time=\(timeout)", name]))",
      "ExecStopPost=\(command([program, "gc"]))",
      "KillMode=mixed",
      timeout < 0 ? "TimeoutStopSec=infinity" : "TimeoutStopSec=\(timeout + 60)",
      "Restart=\(restarting)",
      "SuccessExitStatus=\(success.joined(separator: " "))",
      // swrun asks for a scope of its own, with the hierarchy below it delegated.
      "Delegate=no", "", "[Install]", "WantedBy=\(wanted)", "",
    ]
    return lines.joined(separator: "\n")
  }

  private var wanted: String { geteuid() == 0 ? "multi-user.target" : "default.target" }

  /// Where the state is, unless it is where it is without a word.
  private var storeVariables: [String] {
    store.root == "/run/swrun" && store.stateDirectory == "/var/lib/swrun"
      ? [] : ["SWRUN_ROOT=\(store.root)", "SWRUN_STATE_DIR=\(store.stateDirectory)"]
  }

  /// systemd's words for a policy of swrun's or of its own.
  private static func restart(_ text: String) throws -> (String, limits: [String]) {
    if restarts.contains(text) { return (text == "unless-stopped" ? "always" : text, []) }
    guard case .onFailure(let most) = try? RestartPolicy(parsing: text) else {
      throw SupervisorError(
        "--restart-policy \(text.debugDescription): it is one of \(restarts.joined(separator: ", "))"
      )
    }
    // The first start counts too.
    let limits = most.map { ["StartLimitIntervalSec=infinity", "StartLimitBurst=\($0 + 1)"] }
    return ("on-failure", limits ?? [])
  }

  /// The unit that starts, at boot, the instances that come back then, and ends them at shutdown.
  public func autostart() throws -> String {
    var lines = [
      "[Unit]",
      "Description=swrun instances that come back at boot",
      "Documentation=man:swrun(1)",
      "Wants=network-online.target",
      "After=network-online.target",
      "RequiresMountsFor=\(UnitText.word(store.stateDirectory))", "", "[Service]",
      "Type=oneshot",
      "RemainAfterExit=yes",
    ]
    lines += storeVariables.map { "Environment=\(UnitText.word($0))" }
    lines += [
      "ExecStart=\(UnitText.command([program, "autostart"]))",
      "ExecStop=\(UnitText.command([program, "autostart", "--stop"]))",
      "TimeoutStopSec=infinity", "", "[Install]", "WantedBy=\(wanted)", "",
    ]
    return lines.joined(separator: "\n")
  }
}
