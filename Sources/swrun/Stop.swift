import ArgumentParser
import Linux
import Supervisor

/// A signal as kill(1) takes it.
struct SignalArgument: ExpressibleByArgument {
  let number: Int32

  init?(argument: String) {
    guard let number = Signal.number(of: argument) else { return nil }
    self.number = number
  }

  init(number: Int32) { self.number = number }

  var defaultValueDescription: String { "\(number)" }
}

/// Does something to each of several instances; one that fails does not keep the others from it.
func forEach(
  _ names: [String], _ store: InstanceStore, _ body: (InstanceState) throws -> Void
) throws {
  var failed = false
  for name in names {
    do {
      try body(try store.resolve(name))
    } catch is ExitCode {
      // The reason has been written.
      failed = true
    } catch {
      printError("\(error)")
      failed = true
    }
  }
  if failed { throw ExitCode(125) }
}

/// How an instance is ended.
struct StopArguments: ParsableArguments {
  @Option(
    name: [.customShort("t"), .customLong("time")],
    help: ArgumentHelp(
      "Seconds to wait before SIGKILL; -1 for ever (default: the instance's --stop-timeout, 10).",
      valueName: "seconds"))
  var seconds: Int?

  @Option(
    name: [.customShort("s"), .customLong("signal")],
    help: "The first signal, by name or number (default: the instance's --stop-signal, TERM).")
  var signal: SignalArgument?
}

struct Stop: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop", _superCommandName: "swrun",
    abstract: "End instances: a signal, some time, then SIGKILL.",
    discussion: """
      When it returns, the instance's interface, processes and mounts are gone. What --restart says does \
      not count: it is not launched again until swrun start.
      """)

  @OptionGroup var end: StopArguments

  @OptionGroup var state: StateOptions

  @Argument(help: "Names, or beginnings of ids.")
  var instances: [String]

  mutating func run() throws {
    let store = try state.store()
    try forEach(instances, store) {
      try Lifecycle(store).stop($0, signal: end.signal?.number, seconds: end.seconds)
      print($0.name)
    }
  }
}
