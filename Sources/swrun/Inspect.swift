import ArgumentParser
import OCI
import Supervisor

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", _superCommandName: "swrun",
    abstract: "Print all that is known of instances, as JSON.",
    discussion: """
      "config" is the OCI runtime spec that the instance was launched from, with its mounts and limits. \
      While it runs, "interfaces" are those that its network namespace has now, and "pids" all its \
      processes, as the host numbers them.
      """)

  @OptionGroup var state: StateOptions

  @Argument(help: "Names, or beginnings of ids.")
  var instances: [String]

  private struct Entry: Encodable {
    let state: InstanceState
    let config: Spec
    let logPath: String?
    let inside: InstanceInside?

    enum Key: String, CodingKey {
      case config, interfaces, logPath, pids
    }

    func encode(to encoder: any Encoder) throws {
      // What is not written down is said all the same.
      var state = state
      state.labels = state.labels ?? [:]
      state.oomKilled = state.oomKilled ?? false
      state.restartCount = state.restartCount ?? 0
      try state.encode(to: encoder)
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(config, forKey: .config)
      try container.encodeIfPresent(logPath, forKey: .logPath)
      try container.encodeIfPresent(inside?.interfaces, forKey: .interfaces)
      try container.encodeIfPresent(inside?.pids, forKey: .pids)
    }
  }

  mutating func run() throws {
    let store = try state.store()
    var entries: [Entry] = []
    var failure: (any Error)?
    do {
      try forEach(instances, store) {
        entries.append(
          Entry(
            state: $0, config: try store.spec($0.id), logPath: store.logPath($0),
            inside: InstanceInside($0, in: store)))
      }
    } catch { failure = error }
    try printJSON(entries)
    if let failure { throw failure }
  }
}
