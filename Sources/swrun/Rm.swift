import ArgumentParser
import Supervisor

struct Rm: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", _superCommandName: "swrun",
    abstract: "Remove the records and logs of instances that have ended.")

  @Flag(name: [.customShort("f"), .customLong("force")], help: "Kill those that run first.")
  var force = false

  @OptionGroup var state: StateOptions

  @Argument(help: "Names, or beginnings of ids.")
  var instances: [String]

  mutating func run() throws {
    let store = try state.store()
    try forEach(instances, store) {
      try Lifecycle(store).remove($0, force: force)
      print($0.name)
    }
  }
}
