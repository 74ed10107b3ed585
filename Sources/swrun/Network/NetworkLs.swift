import ArgumentParser
import Network
import Supervisor

struct NetworkLs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "List the defined networks.",
    discussion: """
      Filters: name=TEXT, driver=DRIVER, parent=INTERFACE, label=KEY[=VALUE]. Several of one kind are \
      alternatives; those of different kinds all have to hold.
      """,
    aliases: ["list"])

  @Flag(name: [.customShort("q"), .customLong("quiet")], help: "Only names.")
  var quiet = false

  @Option(name: .customLong("format"), help: "table or json.")
  var format = ListFormat.table

  @Option(
    name: [.customShort("f"), .customLong("filter")],
    help: ArgumentHelp("Only those that fit.", valueName: "key=value"))
  var filters: [String] = []

  @OptionGroup var state: StateOptions

  private struct Row: Encodable {
    let name: String
    let driver: String
    let network: String
    let parent: String
    let subnets: [String]
    let instances: Int
    let created: String
  }

  mutating func run() throws {
    let filter = try ListFilter(parsing: filters, keys: ["name", "driver", "parent", "label"])
    let (records, faults) = Networks(try state.store()).all()
    for fault in faults { printError(fault) }
    let fitting = records.filter { record in filter.fits { Self.fits(record, $0, $1) } }
    if quiet {
      for record in fitting { print(record.definition.name) }
    } else if format == .json {
      try printJSON(fitting.map(Self.row))
    } else {
      var table = Table(["NAME", "NETWORK", "SUBNET", "INSTANCES"])
      for row in fitting.map(Self.row) {
        table.add([
          row.name, row.network, row.subnets.joined(separator: ","), "\(row.instances)",
        ])
      }
      print(table.text, terminator: "")
    }
    if !faults.isEmpty { throw ExitCode(125) }
  }

  private static func row(_ record: Networks.Record) -> Row {
    let network = record.definition
    return Row(
      name: network.name, driver: network.driver,
      network: NetworkSpec(kind: network.kind).summary, parent: network.parent,
      subnets: network.pools.map { "\($0.subnet)" }, instances: Set(record.members.map(\.id)).count,
      created: network.created)
  }

  private static func fits(_ record: Networks.Record, _ key: String, _ value: String) -> Bool {
    let network = record.definition
    switch key {
    case "name": return network.name.contains(value)
    case "driver": return network.driver == value
    case "parent": return network.parent == value
    default:
      let pair = value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let held = network.labels[String(pair[0])] else { return false }
      return pair.count < 2 || held == pair[1]
    }
  }
}
