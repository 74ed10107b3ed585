import ArgumentParser
import Supervisor

struct NetworkRoutes: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "routes",
    abstract: "Print the routes that the LAN's router needs to reach a network's instances.",
    discussion: """
      In l3 and l3s the host routes to the instances, and the LAN has to know. Each route leads to the \
      host's address on the parent: for the subnet, or where the LAN has the same subnet for the \
      --ip-range, else for each instance that runs. Where none is needed it says why.

      Formats: ip, frr, cisco, routeros; all of them without --format; json.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case ip, frr, cisco, routeros, json
  }

  @Option(name: .customLong("format"), help: "ip, frr, cisco, routeros or json.")
  var format: Format?

  @OptionGroup var state: StateOptions

  @Argument(help: "The network's name.")
  var network: String

  mutating func run() throws {
    switch try Networks(try state.store()).upstream(network) {
    case .none(let reason):
      if format == .json { try printJSON([UpstreamRoute]()) } else { print("# none: \(reason)") }
    case .routes(let routes):
      if format == .json { return try printJSON(routes) }
      let one = format.flatMap { UpstreamRoute.Spelling(rawValue: $0.rawValue) }
      for spelling in UpstreamRoute.Spelling.allCases where one == nil || one == spelling {
        if one == nil { print("# \(spelling.title)") }
        for route in routes { print(route.line(spelling)) }
      }
    }
  }
}
