import ArgumentParser
import JSON
import Linux
import Supervisor
import SystemPackage

struct Events: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", _superCommandName: "swrun",
    abstract: "Show what happens to instances, as it happens.",
    discussion: """
      Events of instances: create, start, die, oom, health_status, restart, pause, unpause, rename, \
      destroy; of their interfaces: connect, disconnect, down and up, as the parent goes and comes. \
      With --since those that have been are shown first.

      Filters: container=NAME|ID, event=ACTION, network=NAME, type=container|network. Several of one \
      kind are alternatives; those of different kinds all have to hold.

        swrun events --since 1h --no-follow
        swrun events --filter container=web --filter event=die --format json
      """)

  @Option(
    name: .customLong("since"),
    help: ArgumentHelp("Those from then on.", valueName: "time"))
  var since: String?

  @Option(
    name: .customLong("until"),
    help: ArgumentHelp("Those until then; it ends at that time.", valueName: "time"))
  var until: String?

  @Flag(name: .customLong("no-follow"), help: "End after those that have been.")
  var noFollow = false

  @Option(
    name: .customLong("stream"),
    help: ArgumentHelp("false is --no-follow, as with Podman.", valueName: "true|false"))
  var stream: Bool?

  @OptionGroup var list: ListOptions

  @OptionGroup var state: StateOptions

  mutating func run() throws {
    if noFollow, stream == true {
      throw ValidationError("--no-follow and --stream=true contradict each other; leave one out")
    }
    let follows = !noFollow && stream != false
    let now = Timestamp.now
    let since = try since.map { text throws in
      try Timestamp(asked: text, by: "--since", now: now)
    }
    let until = try until.map { text throws in
      try Timestamp(asked: text, by: "--until", now: now)
    }
    let filter = try ListFilter(
      parsing: list.filters, keys: ["container", "event", "network", "type"])
    let store = try state.store()
    let reader = try EventReader(store, past: since != nil || !follows) { printError($0) }
    var output: [UInt8] = []
    func take(_ event: Event) throws {
      if let since, event.time < since { return }
      if let until, event.time > until { return }
      guard filter.fits({ Self.fits(event, $0, $1) }) else { return }
      output += list.format == .json ? JSON.text(event) : Array(Self.line(event).utf8)
      output.append(0x0a)
    }
    func write() throws {
      try FileDescriptor.standardOutput.writeEverything(output)
      output = []
    }
    if follows { return try reader.follow(until: until, take, caughtUp: write) }
    try reader.read(take)
    try write()
  }

  private static func fits(_ event: Event, _ key: String, _ value: String) -> Bool {
    switch key {
    case "container": event.instance.name == value || event.instance.id.hasPrefix(value)
    // `health_status` stands for each of its values.
    case "event": event.action == value || event.action.hasPrefix("\(value): ")
    case "network": event.kind == .network && event.id == value
    default: event.kind.rawValue == value
    }
  }

  /// As docker-events(1) prints it.
  private static func line(_ event: Event) -> String {
    let attributes = event.attributes.sorted { $0.key < $1.key }
      .map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
    let text =
      "\(event.time.localText) \(event.kind.rawValue) \(event.action) \(event.id) (\(attributes))"
    return printable(text)
  }
}
