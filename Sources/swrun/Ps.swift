import ArgumentParser
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
      """)

  @Flag(name: [.customShort("a"), .customLong("all")], help: "Those that have ended as well.")
  var all = false

  @Flag(name: [.customShort("q"), .customLong("quiet")], help: "Only ids.")
  var quiet = false

  @OptionGroup var list: ListOptions

  @OptionGroup var state: StateOptions

  static let flags = ["-a", "--all", "-q", "--quiet"]

  init() {}

  init(_ words: inout PlainWords) {
    all = words.flag("-a", "--all")
    quiet = words.flag("-q", "--quiet")
    list = ListOptions(&words)
    state = StateOptions(&words)
  }

  private struct Row: Encodable {
    let id: String
    let name: String
    let command: [String]
    let state: String
    let status: String
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
    let states = store.states().filter {
      (all || filter.namesStatus || $0.isActive) && filter.fits($0)
    }
    if quiet {
      for state in states { print(state.shortID) }
    } else if list.format == .json {
      try printJSON(states.map(Self.row))
    } else {
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
      print(table.text, terminator: "")
    }
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
