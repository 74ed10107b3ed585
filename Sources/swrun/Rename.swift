import ArgumentParser
import Supervisor

struct Rename: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rename", _superCommandName: "swrun",
    abstract: "Give an instance another name.",
    discussion:
      "Those that share a network with it know it by the new name at once; its host name stays.")

  @OptionGroup var state: StateOptions

  @Argument(help: "The instance: its name, or the beginning of its id.")
  var instance: String

  @Argument(help: "The new name.")
  var name: String

  mutating func run() throws {
    let store = try state.store()
    try Lifecycle(store).rename(try store.resolve(instance), to: name)
  }
}
