import ArgumentParser
import Glibc
import Supervisor

/// Where the state is; every verb takes it.
struct StateOptions: ParsableArguments {
  @Option(
    name: .customLong("root"),
    help: ArgumentHelp(
      "Directory of the running instances' state ($SWRUN_ROOT; default: /run/swrun).",
      valueName: "dir"))
  var root: String?

  @Option(
    name: .customLong("state-dir"),
    help: ArgumentHelp(
      "Directory of what outlives a reboot ($SWRUN_STATE_DIR; default: /var/lib/swrun).",
      valueName: "dir"))
  var stateDirectory: String?

  /// The store, after what a crash has left in it was put right.
  func store(swept: Bool = true) throws -> InstanceStore {
    var store = InstanceStore(
      root: try Self.path(root, "SWRUN_ROOT", "/run/swrun"),
      stateDirectory: try Self.path(stateDirectory, "SWRUN_STATE_DIR", "/var/lib/swrun"))
    store.report = { printError($0) }
    if swept { try Sweeper(store).sweep() }
    return store
  }

  private static func path(
    _ option: String?, _ variable: String, _ fallback: String
  ) throws -> String {
    let text = option ?? getenv(variable).map { String(cString: $0) } ?? fallback
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

  @Option(
    name: [.customShort("f"), .customLong("filter")],
    help: ArgumentHelp("Only those that fit.", valueName: "key=value"))
  var filters: [String] = []
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
    _ words: [String], of verb: any ParsableCommand.Type, options: [String]
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
        "unknown option \(name)\(hint(name, options)); swrun run --help lists them")
    }
    return words
  }

  private static func hint(_ name: String, _ options: [String]) -> String {
    didYouMean(name, options)
  }
}
