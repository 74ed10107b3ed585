import ArgumentParser
import Supervisor

struct Start: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", _superCommandName: "swrun",
    abstract: "Start instances that have ended, or that were created.",
    discussion: """
      They are run in the background as they were asked for by run or create, under the same id and name, \
      and their logs go on. One that runs already stays as it is.
      """)

  @Flag(
    name: [.customShort("a"), .customLong("attach")],
    help: "Run a single one in the foreground, as run without -d does.")
  var attached = false

  @OptionGroup var state: StateOptions

  @Argument(help: "Names, or beginnings of ids.")
  var instances: [String]

  mutating func run() throws {
    let store = try state.store()
    let starter = try Starter(store, parse: Run.options)
    if attached {
      guard instances.count == 1 else {
        throw ValidationError("-a takes a single instance, since each has the terminal to itself")
      }
      throw ExitCode(try starter.start(try store.resolve(instances[0]), attached: true))
    }
    try forEach(instances, store) { instance in
      if !store.isAlive(instance.id) { try starter.startInBackground(instance) }
      print(instance.name)
    }
  }
}

extension Starter {
  /// Returns once it runs.
  ///
  /// - Throws: `ExitCode` where it does not; why has been written.
  func startInBackground(_ instance: InstanceState) throws {
    let code = try start(instance, attached: false)
    if code != 0 { throw ExitCode(code) }
  }
}

struct Restart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart", _superCommandName: "swrun",
    abstract: "End instances and start them again.",
    discussion: """
      One that runs keeps its addresses and its monitor, in the foreground too; one that has ended is \
      started as by swrun start.
      """)

  @OptionGroup var end: StopArguments

  @OptionGroup var state: StateOptions

  @Argument(help: "Names, or beginnings of ids.")
  var instances: [String]

  mutating func run() throws {
    let store = try state.store()
    let starter = try Starter(store, parse: Run.options)
    try forEach(instances, store) { instance in
      if try !Lifecycle(store).restart(instance, signal: end.signal?.number, seconds: end.seconds) {
        try starter.startInBackground(instance)
      }
      print(instance.name)
    }
  }
}

struct Autostart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "autostart", _superCommandName: "swrun",
    abstract: "Start the instances that come back at boot.",
    discussion: """
      They are those with --restart always, and those with unless-stopped that no user has stopped. What \
      was asked for is kept in the state directory (/var/lib/swrun/autostart), where a reboot leaves it. \
      swrun generate autostart prints a unit of systemd's that does it.
      """)

  @Flag(
    name: .customLong("stop"),
    help: "End all that run in the background, as at shutdown: they still come back.")
  var stops = false

  @OptionGroup var state: StateOptions

  mutating func run() throws {
    let store = try state.store()
    let starter = try Starter(store, parse: Run.options)
    if stops { return try starter.stopAll() }
    let isWhole = try starter.startAll { print($0) }
    if !isWhole { throw ExitCode(125) }
  }
}
