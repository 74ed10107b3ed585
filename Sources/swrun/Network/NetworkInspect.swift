import ArgumentParser
import Netlink
import Network
import Supervisor

struct NetworkInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Print networks with their addresses and instances, as JSON.",
    discussion: """
      "used" counts the addresses that instances have, "free" those that an instance without --ip \
      could get; more than 2^53 are shown as text.
      """)

  @OptionGroup var state: StateOptions

  @Argument(help: "Names of networks.")
  var networks: [String]

  private struct Entry: Encodable {
    let name: String
    let driver: String
    /// The interface that the slaves are on: that of the options, or a dummy of the network's own.
    let parent: String
    let `internal`: Bool
    let options: [String: String]
    let ipam: [Subnet]
    let instances: [Networks.Member]
    let labels: [String: String]
    let created: String
  }

  private struct Subnet: Encodable {
    let subnet: String
    let gateway: String
    let range: String?
    let auxiliary: [String: String]
    let used: Int
    let free: Count
  }

  /// A number, or its digits where a reader of JSON would lose some.
  private struct Count: Encodable {
    let value: UInt128

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      if value <= 1 << 53 {
        try container.encode(UInt64(value))
      } else {
        try container.encode("\(value)")
      }
    }
  }

  mutating func run() throws {
    let all = Networks(try state.store())
    var entries: [Entry] = []
    var failure: (any Error)?
    let own = try all.hostAddresses()
    do {
      try forEachNetwork(networks) { entries.append(Self.entry(try all.record($0), own)) }
    } catch { failure = error }
    try printJSON(entries)
    if let failure { throw failure }
  }

  private static func entry(_ record: Networks.Record, _ own: Set<IPAddress>) -> Entry {
    let network = record.definition
    return Entry(
      name: network.name, driver: network.driver, parent: network.parent,
      internal: network.isInternal, options: options(network),
      ipam: record.pools.map { subnet($0, own) }, instances: record.members, labels: network.labels,
      created: network.created)
  }

  private static func options(_ network: NetworkDefinition) -> [String: String] {
    var options: [String: String] = [:]
    options["parent"] = network.options.parent
    switch network.kind {
    case .ipvlan(let ipvlan):
      options["mode"] = ipvlan.mode.rawValue
      options["flag"] = ipvlan.flag.rawValue
    case .macvlan(let macvlan): options["mode"] = macvlan.mode.rawValue
    default: break
    }
    options["mtu"] = network.options.mtu.map { "\($0)" }
    options["probe"] = network.options.probes.map { $0 ? "yes" : "no" }
    if network.options.hostAccess { options["host-access"] = "yes" }
    if network.options.proxyArp { options["proxy-arp"] = "yes" }
    return options
  }

  private static func subnet(_ pool: AddressPool, _ own: Set<IPAddress>) -> Subnet {
    let gateway =
      switch pool.gateway {
      case .address(let address): "\(address)"
      case .none: "none"
      case .automatic: pool.hasNeighbours ? "automatic" : "none"
      }
    return Subnet(
      subnet: "\(pool.subnet)", gateway: gateway, range: pool.range.map { "\($0)" },
      auxiliary: pool.auxiliary.mapValues { "\($0)" }, used: pool.usedCount,
      free: Count(value: pool.freeCount(avoiding: own)))
  }
}
