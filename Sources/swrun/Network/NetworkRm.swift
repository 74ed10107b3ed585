import ArgumentParser
import Supervisor

struct NetworkRm: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm",
    abstract: "Remove networks that no instance is on.",
    aliases: ["remove"])

  @OptionGroup var state: StateOptions

  @Argument(help: "Names of networks.")
  var networks: [String]

  mutating func run() throws {
    let all = Networks(try state.store())
    try forEachNetwork(networks) {
      try all.remove($0)
      print($0)
    }
  }
}
