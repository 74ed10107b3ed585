import ArgumentParser
import Glibc
import Supervisor

/// Where the state is; every verb takes it.
struct StateOptions: PlainArguments {
  @Option(
    name: .customLong("root"),
    help: ArgumentHelp(
      "Directory of the running instances' state ($SWRUN_ROOT; default: /run/swrun, without root $XDG_RUNTIME_DIR/swrun).",
      valueName: "dir"))
  var root: String?

  @Option(
    name: .customLong("state-dir"),
    help: ArgumentHelp(
      "Directory of what outlives a reboot ($SWRUN_STATE_DIR; default: /var/lib/swrun, without root $XDG_DATA_HOME/swrun).",
      valueName: "dir"))
  var stateDirectory: String?

  init() {}

  init(_ words: inout PlainWords) {
    root = words.value("--root")
    stateDirectory = words.value("--state-dir")
  }

  /// The store, after what a crash has left in it was put right.
  func store(swept: Bool = true) throws -> InstanceStore {
    var store = InstanceStore(
      root: try Self.path(root, "SWRUN_ROOT", Self.runtimeDirectory),
      stateDirectory: try Self.path(stateDirectory, "SWRUN_STATE_DIR", Self.dataDirectory))
    store.report = { printError($0) }
    try store.checkOwner()
    if swept { try store.sweep() }
    return store
  }

  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
  }

  /// Source: XDG Base Directory Specification.
  private static func runtimeDirectory() throws -> String {
    if geteuid() == 0 { return "/run/swrun" }
    guard let directory = variable("XDG_RUNTIME_DIR") else {
      throw ValidationError(
        "without root the state is in $XDG_RUNTIME_DIR/swrun, and XDG_RUNTIME_DIR is not set; set it, or say --root"
      )
    }
    return "\(directory)/swrun"
  }

  private static func dataDirectory() throws -> String {
    if geteuid() == 0 { return "/var/lib/swrun" }
    if let directory = variable("XDG_DATA_HOME") { return "\(directory)/swrun" }
    guard let home = variable("HOME") else {
      throw ValidationError(
        "without root logs are in $HOME/.local/share/swrun, and HOME is not set; set it, or say --state-dir"
      )
    }
    return "\(home)/.local/share/swrun"
  }

  private static func path(
    _ option: String?, _ variable: String, _ fallback: () throws -> String
  ) throws -> String {
    let text = try option ?? getenv(variable).map { String(cString: $0) } ?? fallback()
    guard text.hasPrefix("/"), text.contains(where: { $0 != "/" }) else {
      throw ValidationError("\(text.debugDescription) is not an absolute path")
    }
    return text
  }
}

/// What listings that can be filtered take.
struct ListOptions: ParsableArguments {
  @Option(name: .customLong("format"), help: "table or json.")
  var format = ListFormat.table

  @OptionGroup private var filter: FilterOptions

  var filters: [String] { filter.filters }
}

struct FilterOptions: PlainArguments {
  @Option(
    name: [.customShort("f"), .customLong("filter")],
    help: ArgumentHelp("Only those that fit.", valueName: "key=value"))
  var filters: [String] = []

  init() {}

  init(_ words: inout PlainWords) { filters = words.values("-f", "--filter") }
}

/// How listings are written.
enum ListFormat: String, ExpressibleByArgument, CaseIterable {
  case table, json
}

/// The command of `run` and `exec`: all that follows the first word that is no option.
enum CommandLineRest {
  /// Takes the separating `--` away, and refuses what looks like an option of ours.
  ///
  /// The parser hands over everything from the first word that it does not know, `--help` too.
  static func command(
    _ words: [String], of verb: any ParsableCommand.Type, options: @autoclosure () -> [String]
  ) throws -> [String] {
    if words.first == "--help" || words.first == "-h" { throw CleanExit.helpRequest(verb) }
    if words.first == "--version" { throw CleanExit.message(Swrun.version) }
    guard let first = words.first else {
      throw ValidationError("no command is given; swrun --help shows how")
    }
    if first == "--" {
      guard words.count > 1 else { throw ValidationError("no command is given after --") }
      return Array(words.dropFirst())
    }
    if first.hasPrefix("-") {
      let name = String(first.prefix { $0 != "=" })
      throw ValidationError(
        "unknown option \(name)\(hint(name, options())); swrun run --help lists them")
    }
    return words
  }

  private static func hint(_ name: String, _ options: [String]) -> String {
    didYouMean(name, options)
  }
}
