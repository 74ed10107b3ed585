import Netlink

/// A port of a bridge: one end of a veth pair, with the other in the instance.
public struct Bridge: Hashable, Sendable {
  /// The bridge.
  public let parent: String

  public init(parent: String) { self.parent = parent }

  /// From `bridge:NAME`, split at its colons: a bridge that the host has. Without a name it is the
  /// built-in network, which is looked up as one.
  init(_ words: [String]) throws(NetworkError) {
    guard words.count > 1, !words[1].isEmpty else {
      throw NetworkError("--net bridge: needs the bridge's name after the colon: bridge:br0")
    }
    self.init(parent: words[1])
  }

  /// The bridge of the built-in network.
  public static let builtIn = "swrun0"

  /// The name of a network's own bridge: `sw-` and the network's name, or as much of it as an
  /// interface's name has room for beside a fingerprint.
  static func name(of network: String) -> String {
    if network == BuiltInBridge.network { return builtIn }
    return network.utf8.count <= 12
      ? "sw-\(network)" : "sw-\(network.prefix(3))-\(shortFingerprint(network))"
  }

  /// A MAC address for a bridge of swrun's own, by its gateway's address: of those that nobody sells.
  static func hardwareAddress(_ gateway: IPAddress?) -> [UInt8] {
    [0x02, 0x73] + (gateway.map { Array($0.bytes.suffix(4)) } ?? [0, 0, 0, 1])
  }
}

/// What a bridge is that swrun makes for a network and removes after its last use.
public struct OwnBridge: Hashable, Sendable {
  /// Bytes.
  public let mtu: UInt32
}

extension Bridge: LinkDriver {
  var kind: String { "bridge" }

  var hasNeighbours: Bool { true }

  var hasOwnHardwareAddress: Bool { true }

  var explanation: String { "type veth" }

  /// The driver itself is veth; see ``VethPair``.
  func putData(into _: inout Message) {}

  func check(_ parent: Link) throws(NetworkError) {
    guard parent.kind == "bridge" else {
      throw NetworkError(
        "\(parent.name) is not a bridge. Use --net macvlan:\(parent.name) or ipvlan:\(parent.name), or put it into a bridge (ip link set \(parent.name) master br0)"
      )
    }
  }

  func checkAgainst(_: [Slave]) {}
}
