import ArgumentParser
import Supervisor

struct Attach: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attach", _superCommandName: "swrun",
    abstract: "Take part in an instance that runs in the background.",
    discussion: """
      Shows what it writes from now on (swrun logs has the rest), and gives it what is typed, where it \
      was started with -i. Ctrl-P Ctrl-Q leaves it again where it has a terminal. The exit code is the \
      instance's, or 0 for who has left. Several may be attached; one that does not read for 5 s what is \
      written holds the instance up no longer and is let go.

        swrun -d -it --name shell -- bash
        swrun attach shell
      """)

  @OptionGroup var detaching: DetachArguments

  @Flag(name: .customLong("no-stdin"), help: "Only look on.")
  var noInput = false

  @Option(
    name: .customLong("sig-proxy"),
    help: ArgumentHelp(
      "Whether signals to this command are for the instance, where it has no terminal.",
      valueName: "bool"))
  var proxiesSignals = true

  @OptionGroup var state: StateOptions

  @Argument(help: "A name, or the beginning of an id.")
  var instance: String

  mutating func run() throws {
    let keys = try detaching.keys()
    let store = try state.store()
    throw ExitCode(
      try Attachment.run(
        store, try store.resolve(instance), keys: keys, input: !noInput,
        proxiesSignals: proxiesSignals))
  }
}

/// The keys that leave an instance alone.
struct DetachArguments: PlainArguments {
  @Option(
    name: .customLong("detach-keys"),
    help: ArgumentHelp(
      "The keys that leave the instance (attach: \(DetachKeys.standard); \"\": none).",
      valueName: "keys"))
  var text: String?

  init() {}

  init(_ words: inout PlainWords) { text = words.value("--detach-keys") }

  func keys() throws -> DetachKeys { try DetachKeys(parsing: text ?? DetachKeys.standard) }
}
