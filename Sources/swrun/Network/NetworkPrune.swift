import ArgumentParser
import Linux
import Supervisor

struct NetworkPrune: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune",
    abstract: "Remove all networks that no instance is on.")

  @Flag(name: [.customShort("f"), .customLong("force")], help: "Do not ask first.")
  var force = false

  @OptionGroup var state: StateOptions

  mutating func run() throws {
    let all = Networks(try state.store())
    let (rows, faults) = all.all()
    for fault in faults { printError(fault) }
    let unused = rows.filter { $0.instances == 0 }.map(\.network.name)
    if unused.isEmpty { return }
    if !force {
      guard isTerminal(.standardInput) else {
        throw ValidationError(
          "would remove \(unused.joined(separator: ", ")); there is nobody to ask: give --force")
      }
      print("Remove \(unused.joined(separator: ", "))? [y/N] ", terminator: "")
      guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else { return }
    }
    try forEachNetwork(unused) {
      try all.remove($0)
      print($0)
    }
  }
}
