import ArgumentParser
import Supervisor

struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", _superCommandName: "swrun",
    abstract: "Print units of systemd's.",
    subcommands: [GenerateSystemd.self, GenerateAutostart.self])
}

struct GenerateSystemd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "systemd", _superCommandName: "swrun generate",
    abstract: "Print a unit that runs an instance as a service.",
    discussion: """
      The unit makes the instance anew each time, by what run was asked for; its output goes to the \
      journal. Remove the instance before the unit is started. A template has units swrun@NAME, each of \
      which starts the recorded instance of that name.

        swrun generate systemd web > /etc/systemd/system/web.service
        swrun generate systemd --template > /etc/systemd/system/swrun@.service
      """)

  @Flag(name: .customLong("template"), help: "Print a template for all instances.")
  var template = false

  @Option(
    name: .customLong("name"), help: ArgumentHelp("Another name for it.", valueName: "name"))
  var name: String?

  @Option(
    name: .customLong("restart-policy"),
    help: ArgumentHelp(
      "Restart= of the unit (default: as the instance's --restart).", valueName: "policy"))
  var restart: String?

  @Option(
    name: [.customShort("t"), .customLong("stop-timeout")],
    help: ArgumentHelp("Seconds before SIGKILL.", valueName: "seconds"))
  var stopTimeout: Int?

  @OptionGroup var state: StateOptions

  @Argument(help: "A name, or the beginning of an id.")
  var instance: String?

  mutating func run() throws {
    guard template == (instance == nil) else {
      throw ValidationError(
        template
          ? "--template is for all instances; leave the name out"
          : "no instance is given; name one, or say --template")
    }
    let store = try state.store()
    let unit = try ServiceUnit(store)
    var changes = ServiceUnit.Changes()
    changes.name = name
    changes.restart = restart
    changes.stopTimeout = stopTimeout
    guard let instance else { return print(try unit.template(changes), terminator: "") }
    let state = try store.resolve(instance)
    let words = OwnWords(try unit.words(of: state), flags: Run.flags)
    print(
      try unit.text(
        likeThatOf: state, options: words.options(without: Self.dropped), command: words.command,
        changes), terminator: "")
  }

  /// What the unit says itself, and what makes no sense in one: its output goes to the journal, nobody
  /// types, and a file with the id may not be there already.
  private static let dropped: Set<String> = [
    "-d", "--detach", "--rm", "--name", "--restart", "-i", "--interactive", "--detach-keys",
    "--log-driver", "--log-opt", "--cidfile",
  ]
}

struct GenerateAutostart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "autostart", _superCommandName: "swrun generate",
    abstract: "Print a unit that starts, at boot, the instances that come back then.",
    discussion: """
      They are those of swrun autostart. At shutdown it ends all that run.

        swrun generate autostart > /etc/systemd/system/swrun.service
      """)

  @OptionGroup var state: StateOptions

  mutating func run() throws {
    print(try ServiceUnit(try state.store()).autostart(), terminator: "")
  }
}
