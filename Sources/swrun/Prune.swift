import ArgumentParser
import Linux
import Supervisor

struct Prune: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", _superCommandName: "swrun",
    abstract: "Remove all instances that have ended, and what gc removes.",
    discussion: """
      Asks first. Filter: until=TIME, only those that were made before then: RFC 3339, seconds since 1970, \
      or how long ago it was, such as 24h.

        swrun prune -f --filter until=24h
      """)

  @Flag(name: [.customShort("f"), .customLong("force")], help: "Do not ask first.")
  var force = false

  @Option(
    name: .customLong("filter"),
    help: ArgumentHelp("Only those that fit.", valueName: "until=time"))
  var filters: [String] = []

  @OptionGroup var state: StateOptions

  mutating func run() throws {
    let now = Timestamp.now
    let limits = try ListFilter(parsing: filters, keys: ["until"]).wanted["until"] ?? []
    guard limits.count <= 1 else { throw ValidationError("--filter until: there can be only one") }
    let until = try limits.first.map { text throws in
      try Timestamp(asked: text, by: "--filter until", now: now)
    }
    let store = try state.store()
    let ended = store.states().filter { state in
      !state.isActive && until.map { state.created < $0 } != false
    }
    if !force, !ended.isEmpty {
      let names = ended.map(\.name).joined(separator: ", ")
      guard isTerminal(.standardInput) else {
        throw ValidationError("would remove \(names); there is nobody to ask: give --force")
      }
      print("Remove \(names)? [y/N] ", terminator: "")
      guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else { return }
    }
    var failure: (any Error)?
    for state in ended {
      do {
        // One that was started again meanwhile is left alone.
        try Lifecycle(store).remove(state, force: false)
        print(state.name)
      } catch {
        printError("\(error)")
        failure = ExitCode(125)
      }
    }
    try Collector(store).collect { print($0) }
    if let failure { throw failure }
  }
}
