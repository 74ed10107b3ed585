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

  @OptionGroup var list: ListOptions

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
    let filter = try ListFilter(parsing: list.filters, keys: ["name", "driver", "parent", "label"])
    let (rows, faults) = Networks(try state.store()).all()
    for fault in faults { printError(fault) }
    let fitting = rows.filter { row in filter.fits { Self.fits(row.network, $0, $1) } }
    if quiet {
      for row in fitting { print(row.network.name) }
    } else if list.format == .json {
      try printJSON(fitting.map(Self.row))
    } else {
      var table = Table(["NAME", "NETWORK", "SUBNET", "INSTANCES"])
      for row in fitting {
        let network = row.network
        table.add([
          network.name, network.network, network.subnets.joined(separator: ","), "\(row.instances)",
        ])
      }
      print(table.text, terminator: "")
    }
    if !faults.isEmpty { throw ExitCode(125) }
  }

  private static func row(_ row: Networks.Row) -> Row {
    let network = row.network
    return Row(
      name: network.name, driver: network.driver, network: network.network, parent: network.parent,
      subnets: network.subnets, instances: row.instances, created: network.created)
  }

  private static func fits(_ network: NetworkSummary, _ key: String, _ value: String) -> Bool {
    switch key {
    case "name": network.name.contains(value)
    case "driver": network.driver == value
    case "parent": network.parent == value
    default: ListFilter.has(network.labels, value)
    }
  }
}
