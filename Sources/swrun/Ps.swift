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
      Filters: name=TEXT, id=PREFIX, network=TEXT, status=created|creating|running|paused|restarting|exited|dead, \
      exited=CODE, health=starting|healthy|unhealthy|none, label=KEY[=VALUE]. Several of one kind are alternatives; those of different kinds all have to hold.

      --format takes a template as Docker does, with the fields ID, Names, Command, State, Status, Health, \
      ExitCode, RestartCount, CreatedAt, RunningFor, Networks, Addresses, Ports, Pid, Labels, Label "KEY"; \
      "table " before it gives a header.

        swrun ps -a --filter status=exited
        swrun ps --format 'table {{.Names}}\\t{{.Status}}'
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

  @Flag(name: .customLong("no-trunc"), help: "Whole ids and commands.")
  var whole = false

  @Option(
    name: [.customShort("n"), .customLong("last")],
    help: ArgumentHelp("The last ones that were made, also if they have ended.", valueName: "count")
  )
  var last: Int?

  @Flag(
    name: [.customShort("l"), .customLong("latest")],
    help: "The last one that was made, also if it has ended.")
  var latest = false

  @Option(
    name: .customLong("format"),
    help: ArgumentHelp("table, json, or a template.", valueName: "form"))
  var format = "table"

  @OptionGroup var filter: FilterOptions

  @OptionGroup var state: StateOptions

  static let flags = [
    "-a", "--all", "-q", "--quiet", "--watch", "--no-trunc", "-l", "--latest",
  ]

  init() {}

  init(_ words: inout PlainWords) {
    all = words.flag("-a", "--all")
    quiet = words.flag("-q", "--quiet")
    watch = words.flag("--watch")
    whole = words.flag("--no-trunc")
    last = words.value("-n", "--last")
    latest = words.flag("-l", "--latest")
    format = words.value("--format") ?? "table"
    filter = FilterOptions(&words)
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
    let labels: [String: String]
    let network: [String]
    let address: [String]
    /// `0.0.0.0:8080->80/tcp`
    let ports: [String]
    let pid: Int32?
    let created: Timestamp
  }

  mutating func run() throws {
    let filter = try InstanceFilter(parsing: filter.filters)
    let count = latest ? 1 : last
    if let count, count < 1 {
      throw ValidationError("--last \(count): it is a number of instances, from 1")
    }
    let all = all || filter.namesStatus || count != nil
    func chosen(_ states: [ListedInstance]) -> [ListedInstance] {
      let fitting = states.filter { (all || $0.isActive) && filter.fits($0) }
      return count.map { fitting.suffix($0) } ?? fitting
    }
    let text = try listing()
    let store = try state.store()
    if watch { return try follow(store, chosen, text) }
    print(try text(chosen(store.listed())), terminator: "")
  }

  /// How the instances are written.
  private func listing() throws -> ([ListedInstance]) throws -> String {
    if quiet { return { $0.map { "\(id($0))\n" }.joined() } }
    switch format {
    case "table": return table
    case "json":
      return {
        String(decoding: try JSON.text($0.map(Self.row), indented: true), as: UTF8.self) + "\n"
      }
    default: return try template().text
    }
  }

  private func id(_ state: ListedInstance) -> String { whole ? state.id : state.shortID }

  private func command(_ state: ListedInstance) -> String {
    Self.short(state.command, longest: whole ? nil : 20)
  }

  /// Docker's fields, and more.
  private func template() throws -> RowTemplate<ListedInstance> {
    func joined(_ texts: [String]) -> String { texts.joined(separator: ",") }
    return try RowTemplate(
      parsing: format,
      fields: [
        .init("ID") { id($0) }, .init("Names") { $0.name }, .init("Command") { command($0) },
        .init("State") { $0.status.rawValue }, .init("Status") { Self.status($0) },
        .init("Health") { Self.row($0).health ?? "none" },
        .init("ExitCode") { $0.exitCode.map { "\($0)" } ?? "" },
        .init("RestartCount") { "\($0.restartCount ?? 0)" },
        .init("CreatedAt") { $0.created.localText },
        .init("RunningFor") { "\(Self.span(since: $0.created)) ago" },
        .init("Networks") { joined(Self.row($0).network) },
        .init("Addresses") { joined(Self.row($0).address) },
        .init("Ports") { joined(Self.row($0).ports) },
        .init("Pid") { Self.row($0).pid.map { "\($0)" } ?? "" },
        .init("Labels") { state in
          let labels = (state.labels ?? [:]).sorted { $0.key < $1.key }
          return printable(joined(labels.map { "\($0.key)=\($0.value)" }))
        },
      ],
      labels: { $0.labels ?? [:] },
      json: { String(decoding: try JSON.text(Self.row($0)), as: UTF8.self) })
  }

  private func table(_ states: [ListedInstance]) -> String {
    // A column that says something, or none.
    let showsPorts = states.contains { !$0.publishedPorts.isEmpty }
    let ports = showsPorts ? ["PORTS"] : []
    var table = Table(
      ["ID", "NAME", "COMMAND", "STATUS", "NETWORK", "ADDRESS"] + ports + ["PID"])
    for state in states {
      let row = Self.row(state)
      let cells = [
        id(state), row.name, command(state), row.status,
        row.network.joined(separator: ","),
        row.address.isEmpty ? "-" : row.address.joined(separator: ","),
      ]
      let ports = showsPorts ? [row.ports.isEmpty ? "-" : row.ports.joined(separator: ",")] : []
      table.add(cells + ports + [row.pid.map(String.init) ?? "-"])
    }
    return table.text
  }

  /// Shows the list again and again.
  private func follow(
    _ store: InstanceStore, _ chosen: ([ListedInstance]) -> [ListedInstance],
    _ text: ([ListedInstance]) throws -> String
  ) throws {
    let watch = try InstanceWatch(store)
    let screen = Screen.open()
    var shown: [Row]?
    while true {
      let states = chosen(try watch.listed())
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
  private static func ageless(_ state: ListedInstance) -> Row {
    var row = row(state)
    row.status = ""
    return row
  }

  private static func row(_ state: ListedInstance) -> Row {
    Row(
      id: state.id, name: state.name, command: state.command, state: state.status.rawValue,
      status: status(state), exitCode: state.exitCode, restartCount: state.restartCount ?? 0,
      health: state.health?.status.rawValue, labels: state.labels ?? [:],
      network: state.networkNames.isEmpty ? ["none"] : state.networkNames,
      address: state.networks.flatMap(\.addresses),
      ports: state.publishedPorts.map(\.text),
      pid: state.isRunning ? state.process?.pid : nil, created: state.created)
  }

  /// The command in one line, in quotes.
  ///
  /// - Parameter longest: characters; `nil`: it is not cut.
  static func short(_ command: [String], longest: Int? = 20) -> String {
    let line: String
    if command.allSatisfy({ $0.utf8.allSatisfy { 0x21..<0x7f ~= $0 } }) {
      // Most are, and need no look at each character.
      line = command.joined(separator: " ")
      if longest.map({ line.utf8.count <= $0 }) ?? true { return "\"\(line)\"" }
    } else {
      line = String(
        command.map { $0.contains(where: \.isWhitespace) ? Explanation.quoted($0) : $0 }
          .joined(separator: " ").map {
            $0.isNewline || $0.asciiValue.map { $0 < 0x20 } == true ? " " : $0
          })
    }
    guard let longest, line.count > longest else { return "\"\(line)\"" }
    return "\"\(line.prefix(longest - 1))…\""
  }

  static func status(_ state: ListedInstance) -> String {
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
  private static func health(_ state: ListedInstance) -> String {
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
