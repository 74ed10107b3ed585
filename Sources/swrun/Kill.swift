import ArgumentParser
import Supervisor

struct Kill: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill", _superCommandName: "swrun",
    abstract: "Send a signal to instances.",
    discussion: """
      It goes to PID 1, which hands it on to the command. KILL, and the signal that stop sends, end an \
      instance for good: it is not launched again whatever --restart says. Others leave that to --restart.
      """)

  @Option(name: [.customShort("s"), .customLong("signal")], help: "The signal, by name or number.")
  var signal = SignalArgument(number: 9)

  @OptionGroup var state: StateOptions

  @Argument(help: "Names, or beginnings of ids.")
  var instances: [String]

  mutating func run() throws {
    let store = try state.store()
    try forEach(instances, store) {
      try Lifecycle(store).kill($0, signal: signal.number)
      print($0.name)
    }
  }
}
