import ArgumentParser
import Glibc
import JSON
import Linux
import Supervisor

struct Ps: PlainCommand {
  static let configuration = CommandConfiguration(
    commandName: "ps", _superCommandName: "swrun",
    abstract: "List instances.",
    discussion: """
      Filters: name=TEXT, id=PREFIX, network=TEXT, status=created|creating|running|paused|restarting|exited|dead. \
      health=starting|healthy|unhealthy|none. Several of one kind are alternatives; those of different kinds all have to hold.

        swrun ps -a --filter status=exited
        swrun stop $(swrun ps -q)

      With --watch the list is shown anew when something changes, until Ctrl-C; where the output is no \
      terminal it is printed again.
      """)

  @Flag(name: [.customShort("a"), .customLong("all")], help: "Those that have ended as well.")
  var all = false

  @Flag(name: [.customShort("q"), .customLong("quiet")], help: "Only ids.")
  var quiet = false

  @Flag(name: .customLong("watch"), help: "Show the list again whenever it changes.")
  var watch = false

  @OptionGroup var list: ListOptions

  @OptionGroup var state: StateOptions

  static let flags = ["-a", "--all", "-q", "--quiet", "--watch"]

  init() {}

  init(_ words: inout PlainWords) {
    all = words.flag("-a", "--all")
    quiet = words.flag("-q", "--quiet")
    watch = words.flag("--watch")
    list = ListOptions(&words)
    state = StateOptions(&words)
  }

  private struct Row: Hashable, Encodable {
    let id: String
    let name: String
    let command: [String]
    let state: String
    var status: String
    let exitCode: Int32?
    let restartCount: Int
    /// `starting`, `healthy` or `unhealthy`; `null` where nobody asks.
    let health: String?
    let network: [String]
    let address: [String]
    /// `0.0.0.0:8080->80/tcp`
    let ports: [String]
    let pid: Int32?
    let created: Timestamp
  }

  mutating func run() throws {
    let filter = try InstanceFilter(parsing: list.filters)
    let store = try state.store()
    let all = all || filter.namesStatus
    let fits = { (state: InstanceState) in (all || state.isActive) && filter.fits(state) }
    if watch { return try follow(store, fits) }
    print(try text(store.states().filter(fits)), terminator: "")
  }

  private func text(_ states: [InstanceState]) throws -> String {
    if quiet { return states.map { "\($0.shortID)\n" }.joined() }
    if list.format == .json {
      return String(decoding: try JSON.text(states.map(Self.row), indented: true), as: UTF8.self)
        + "\n"
    }
    // A column that says something, or none.
    let showsPorts = states.contains { !$0.publishedPorts.isEmpty }
    let ports = showsPorts ? ["PORTS"] : []
    var table = Table(
      ["ID", "NAME", "COMMAND", "STATUS", "NETWORK", "ADDRESS"] + ports + ["PID"])
    for state in states {
      let row = Self.row(state)
      let cells = [
        state.shortID, row.name, Self.short(row.command), row.status,
        row.network.joined(separator: ","),
        row.address.isEmpty ? "-" : row.address.joined(separator: ","),
      ]
      let ports = showsPorts ? [row.ports.isEmpty ? "-" : row.ports.joined(separator: ",")] : []
      table.add(cells + ports + [row.pid.map(String.init) ?? "-"])
    }
    return table.text
  }

  /// Shows the list again and again.
  private func follow(_ store: InstanceStore, _ fits: (InstanceState) -> Bool) throws {
    let watch = try InstanceWatch(store)
    let screen = Screen.open()
    var shown: [Row]?
    while true {
      let states = try watch.states().filter(fits)
      var event = InstanceWatch.Event.none
      switch screen {
      case .some(let screen):
        // How long ago something was goes on without a change.
        while event == .none || event == .resize {
          screen.show(try text(states))
          event = try watch.wait(milliseconds: 1000)
        }
      case .none:
        let rows = states.map(Self.ageless)
        if rows != shown { print(try text(states), terminator: "") }
        fflush(nil)
        shown = rows
        event = try watch.wait(milliseconds: -1)
      }
      if event == .end { return }
    }
  }

  /// What a change shows in.
  private static func ageless(_ state: InstanceState) -> Row {
    var row = row(state)
    row.status = ""
    return row
  }

  private static func row(_ state: InstanceState) -> Row {
    Row(
      id: state.id, name: state.name, command: state.command, state: state.status.rawValue,
      status: status(state), exitCode: state.exitCode, restartCount: state.restartCount ?? 0,
      health: state.health?.status.rawValue,
      network: state.networkNames.isEmpty ? ["none"] : state.networkNames,
      address: state.networks.flatMap(\.addresses),
      ports: state.publishedPorts.map(\.text),
      pid: state.isRunning ? state.process?.pid : nil, created: state.created)
  }

  /// The command in one line of at most 20 characters, in quotes.
  static func short(_ command: [String]) -> String {
    let line = command.map { $0.contains(where: \.isWhitespace) ? Explanation.quoted($0) : $0 }
      .joined(separator: " ").map {
        $0.isNewline || $0.asciiValue.map { $0 < 0x20 } == true ? " " : $0
      }
    return line.count <= 20 ? "\"\(String(line))\"" : "\"\(String(line.prefix(19)))…\""
  }

  static func status(_ state: InstanceState) -> String {
    switch state.status {
    case .created: "Created"
    case .creating: "Starting"
    case .running: "Up \(span(since: state.started))\(health(state))"
    case .paused: "Up \(span(since: state.started)) (paused)"
    case .restarting:
      "Restarting (\(state.exitCode ?? -1)) \(span(since: state.finished)) ago"
    case .dead: "Dead"
    case .exited:
      "Exited (\(state.exitCode ?? -1)\(state.oomKilled == true ? ", out of memory" : "")) \(span(since: state.finished)) ago"
    }
  }

  /// As Docker words it.
  private static func health(_ state: InstanceState) -> String {
    switch state.health?.status {
    case nil: ""
    case .starting: " (health: starting)"
    case .healthy: " (healthy)"
    case .unhealthy: " (unhealthy)"
    }
  }

  /// A span of time as Docker words it.
  static func span(since time: Timestamp?) -> String {
    guard let time else { return "?" }
    return span(seconds: max(0, (Timestamp.now.nanoseconds - time.nanoseconds) / 1_000_000_000))
  }

  static func span(seconds: Int64) -> String {
    switch seconds {
    case ..<1: "less than a second"
    case 1: "1 second"
    case ..<60: "\(seconds) seconds"
    case ..<120: "about a minute"
    case ..<3600: "\(seconds / 60) minutes"
    case ..<7200: "about an hour"
    case ..<172_800: "\(seconds / 3600) hours"
    default: "\(seconds / 86400) days"
    }
  }
}
