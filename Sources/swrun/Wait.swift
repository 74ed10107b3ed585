import ArgumentParser
import Supervisor

struct Wait: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait", _superCommandName: "swrun",
    abstract: "Wait until instances have ended, and print their exit codes.")

  @OptionGroup var state: StateOptions

  @Argument(help: "Names, or beginnings of ids.")
  var instances: [String]

  mutating func run() throws {
    let store = try state.store()
    try forEach(instances, store) { print(try Lifecycle(store).wait($0)) }
  }
}
