import ArgumentParser
import Supervisor

struct Gc: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc", _superCommandName: "swrun",
    abstract: "Remove what instances have left that are no more.",
    discussion: """
      Records and processes of instances whose monitor was killed, logs, names, leases, and what was \
      made on the host for them. Most other verbs do the first by themselves. Prints what it removes.
      """)

  @Flag(name: .customLong("dry-run"), help: "Only print what would be removed.")
  var dryRun = false

  @OptionGroup var state: StateOptions

  mutating func run() throws {
    let collector = Collector(try state.store(swept: false))
    if dryRun {
      for item in collector.garbage() { print(item.text) }
    } else {
      try collector.collect { print($0) }
    }
  }
}
