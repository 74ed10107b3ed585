import ArgumentParser
import Sandbox
import Supervisor

struct Update: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "update", _superCommandName: "swrun",
    abstract: "Change the limits of running instances.",
    discussion: """
      Limits that are not named stay. Of an instance all change, or none.

        swrun update --memory 1g --memory-swap 2g --cpus 2 web
      """)

  @OptionGroup var resources: ResourceArguments

  @OptionGroup var state: StateOptions

  @Argument(help: "Names, or beginnings of ids.")
  var instances: [String]

  mutating func run() throws {
    let request = resources.request()
    guard !request.isEmpty else {
      throw ValidationError("no limit is given; swrun update --help lists them")
    }
    let store = try state.store()
    try forEach(instances, store) {
      try Lifecycle(store).update($0, request)
      print($0.name)
    }
  }
}
