import Linux
import Netlink
import Network

/// What hangs on what: the host's parents, their slaves, the instances that have them. A value to be
/// drawn; see ``TopologyText``, ``TopologyPicture`` and ``TopologyDot``.
public struct Topology: Hashable, Sendable, Encodable {
  /// The host's name.
  public var host: String
  public var parents: [Parent]
  /// Living instances without an interface of their own, with what they have in its place.
  public var others: [Other]

  /// An interface of the host that carries slaves.
  public struct Parent: Hashable, Sendable, Encodable {
    public var name: String
    public var isUp: Bool
    /// `ipvlan l2`, `macvlan bridge`
    public var carries: String
    public var addresses: [String]
    public var slaves: [Slave]
  }

  /// An interface on a parent.
  public struct Slave: Hashable, Sendable, Encodable {
    /// The instance's name, or `host` for one that is the host's.
    public var owner: String
    /// Its name inside.
    public var interface: String
    public var addresses: [String]
    /// The defined network, where it is on one.
    public var network: String?
    /// Why it is of no use at the moment.
    public var fault: String?
  }

  public struct Other: Hashable, Sendable, Encodable {
    public var name: String
    public var network: String
  }

  public init(host: String, parents: [Parent] = [], others: [Other] = []) {
    self.host = host
    self.parents = parents
    self.others = others
  }

  /// What is there now, in this process's network namespace.
  public init(_ store: InstanceStore) throws {
    self.init(host: (try? readText("/proc/sys/kernel/hostname").trimmed) ?? "host")
    guard let namespace = FileIdentity(path: "/proc/self/ns/net") else { return }
    var socket = try NetlinkSocket()
    let links = try socket.links()
    let addresses = Dictionary(grouping: try socket.addresses(), by: \.interface)
      .mapValues { $0.map(\.address).filter { !$0.address.isLinkLocalIPv6 }.map(\.description) }
    var carried: [String: (kind: String, slaves: [Slave])] = [:]
    for state in store.living() where state.hostNamespace.identity == namespace {
      if state.networks.isEmpty {
        others.append(Other(name: state.name, network: state.shared ?? "none"))
      }
      for record in state.networks {
        let words = record.network.split(separator: ":").map(String.init)
        let kind = ([words.first ?? ""] + words.dropFirst(2)).joined(separator: " ")
        carried[record.parent, default: (kind, [])].slaves.append(
          Slave(
            owner: state.name, interface: record.interface, addresses: record.addresses,
            network: record.name, fault: record.fault))
      }
    }
    // The host's own slaves, swrun's shims among them.
    for link in links where link.parentNamespace == nil {
      guard let kind = link.kind, ["ipvlan", "macvlan"].contains(kind),
        let parent = links.first(where: { $0.index == link.parent })
      else { continue }
      carried[parent.name, default: (kind, [])].slaves.append(
        Slave(
          owner: "host", interface: link.name, addresses: addresses[link.index] ?? [],
          network: nil, fault: nil))
    }
    parents = carried.keys.sorted().map { name in
      let link = links.first { $0.name == name }
      return Parent(
        name: name, isUp: link?.isUp ?? false, carries: carried[name]?.kind ?? "",
        addresses: link.flatMap { addresses[$0.index] } ?? [],
        slaves: (carried[name]?.slaves ?? []).sorted {
          ($0.owner, $0.interface) < ($1.owner, $1.interface)
        })
    }
  }
}

extension Topology.Slave {
  /// The lines of its box: who, which interface of what network, where.
  var lines: [String] {
    [owner, interface + (network.map { " (\($0))" } ?? "")]
      + (addresses.isEmpty ? ["no address"] : addresses) + (fault == nil ? [] : ["parent lost"])
  }
}

extension Topology.Parent {
  /// `eth0  10.20.20.5/24  ipvlan l2`
  var title: String {
    ([name] + addresses + [carries] + (isUp ? [] : ["DOWN"])).joined(separator: "  ")
  }
}

extension String {
  fileprivate var trimmed: String { String(prefix { !$0.isWhitespace }) }
}
