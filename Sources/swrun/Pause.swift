import ArgumentParser
import Supervisor

struct Pause: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", _superCommandName: "swrun",
    abstract: "Stop all processes of instances where they are.",
    discussion: """
      They take no processor time and no signal but SIGKILL until swrun unpause; stop, kill and rm -f \
      end them all the same.
      """)

  @OptionGroup var state: StateOptions

  @Argument(help: "Names, or beginnings of ids.")
  var instances: [String]

  mutating func run() throws {
    let store = try state.store()
    try forEach(instances, store) {
      try Lifecycle(store).pause($0, true)
      print($0.name)
    }
  }
}

struct Unpause: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unpause", _superCommandName: "swrun",
    abstract: "Let paused instances go on.")

  @OptionGroup var state: StateOptions

  @Argument(help: "Names, or beginnings of ids.")
  var instances: [String]

  mutating func run() throws {
    let store = try state.store()
    try forEach(instances, store) {
      try Lifecycle(store).pause($0, false)
      print($0.name)
    }
  }
}
