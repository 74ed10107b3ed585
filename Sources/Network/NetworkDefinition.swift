import Linux
import Netlink

/// What `swrun network create` was asked for, word for word; also what is kept on disk, so that a file
/// is checked by what checks a command.
public struct NetworkRequest: Hashable, Sendable, Codable {
  /// The layout of the file; a reader refuses one that it does not know.
  public var version = 1
  public var name: String
  public var driver = "ipvlan"
  /// `10.20.20.0/24`
  public var subnets: [String] = []
  public var gateways: [String] = []
  public var ranges: [String] = []
  /// `NAME=ADDRESS`
  public var auxiliary: [String] = []
  /// `KEY=VALUE`
  public var options: [String] = []
  /// `KEY=VALUE`, or `KEY`
  public var labels: [String] = []
  /// `--internal`
  public var isInternal = false
  /// `--ipam-driver`: `dhcp`, or `default` for addresses of the subnets; so without.
  public var ipamDriver: String?
  /// RFC 3339.
  public var created = ""

  public init(name: String) { self.name = name }
}

/// A network under a name: the kind of slave its instances get, and the subnets of their addresses.
public struct NetworkDefinition: Hashable, Sendable {
  public let name: String
  public let driver: String
  /// What its instances get, on ``parent``.
  public let kind: NetworkSpec.Kind
  /// Options of the driver, as they were given or are by default.
  public let options: NetworkOptions
  /// Its instances have their addresses from a DHCP server behind the parent.
  public let usesDhcp: Bool
  /// There is no way out of it.
  public let isInternal: Bool
  public let pools: [AddressPool]
  public let labels: [String: String]
  public let created: String

  static let drivers = ["ipvlan", "macvlan", "bridge"]
  /// Words that `--net` takes for something else.
  private static let reserved = [
    "none", "host", "bridge", "ipvlan", "macvlan", "container", "ns", "default",
  ]

  /// Checks all that can be known without the machine: a parent may come later.
  ///
  /// - Throws: what is wrong and what to do.
  public init(_ request: NetworkRequest) throws(NetworkError) {
    guard Self.isName(request.name) else {
      throw NetworkError(
        "\(quoted(request.name)) is not a network's name: it is [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 63 characters"
      )
    }
    // The built-in network is made by swrun, or before it by who wants another subnet for it.
    let isBuiltIn = request.name == BuiltInBridge.network && request.driver == "bridge"
    guard isBuiltIn || !Self.reserved.contains(request.name) else {
      throw NetworkError(
        "a network cannot be called \(request.name): --net takes that word for something else")
    }
    name = request.name
    driver = request.driver
    created = request.created
    guard Self.drivers.contains(driver) else {
      throw NetworkError(
        "unknown driver \(quoted(driver))\(suggestion(for: driver, in: Self.drivers)): the drivers are "
          + Self.drivers.joined(separator: ", "))
    }
    isInternal = request.isInternal
    options = try NetworkOptions(request.options, driver: driver)
    let ownParent =
      driver == "bridge" ? Bridge.name(of: request.name) : Self.privateParent(of: request.name)
    kind = try options.kind(
      driver: driver,
      parent: options.bridge ?? options.parent.flatMap { request.isInternal ? nil : $0 }
        ?? ownParent)
    let spec = NetworkSpec(kind: kind)
    usesDhcp = try Self.usesDhcp(request, spec, hasLAN: driver != "bridge" && options.parent != nil)
    pools =
      usesDhcp
      ? []
      : try Self.pools(request, hasNeighbours: spec.driver?.hasNeighbours ?? true, spec.summary)
    try options.check(spec, isInternal: isInternal)
    labels = try Self.labels(request.labels)
  }

  /// Reads labels, `KEY` or `KEY=VALUE` each, of networks and of instances. The last that is given of a
  /// key holds.
  ///
  /// - Throws: `NetworkError` for one without a key.
  public static func labels(_ texts: [String]) throws(NetworkError) -> [String: String] {
    var labels: [String: String] = [:]
    for label in texts {
      let (key, value) = pair(label)
      guard !key.isEmpty else {
        throw NetworkError("the label \(quoted(label)) has no key; write it as KEY=VALUE")
      }
      labels[key] = value ?? ""
    }
    return labels
  }

  /// `[a-zA-Z0-9][a-zA-Z0-9_.-]*`, at most 63: it names a file, and is one of the words of `--net`.
  static func isName(_ text: String) -> Bool {
    func isPlain(_ byte: UInt8) -> Bool {
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
    guard let first = text.utf8.first, isPlain(first), text.utf8.count <= 63 else { return false }
    return text.utf8.allSatisfy { isPlain($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d }
  }

  static func pair(_ text: String) -> (String, String?) {
    let pair = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return (String(pair[0]), pair.count > 1 ? String(pair[1]) : nil)
  }

  static func overlaps(_ one: InterfaceAddress, _ other: InterfaceAddress) -> Bool {
    one.contains(other.address) || other.contains(one.address)
  }

  /// The interface that its slaves are on. That of an internal network, and of one without a parent, is
  /// a dummy of its own: what is sent there meets the network's other instances and nobody else.
  public var parent: String { NetworkSpec(kind: kind).parent ?? "" }

  public var hasPrivateParent: Bool {
    driver != "bridge" && (isInternal || options.parent == nil)
  }

  /// Puts into an interface's spec what the network says.
  func apply(to spec: inout NetworkSpec) throws(NetworkError) {
    spec.kind = kind
    spec.network = name
    spec.mtu = spec.mtu ?? options.mtu
    spec.probesByDefault = spec.probes == nil
    spec.probes = spec.probes ?? options.probes
    spec.hasPrivateParent = hasPrivateParent
    spec.ownBridge = driver == "bridge" ? OwnBridge(mtu: options.mtu ?? 1500) : nil
    spec.isInternal = isInternal
    spec.hasHostAccess = options.hostAccess
    spec.hasProxyArp = options.proxyArp
    if usesDhcp, !spec.withoutAddress, !spec.addresses.contains(where: { $0.address.isIPv4 }) {
      spec.sources.insert(.dhcp)
    }
    if isInternal, spec.gateways.contains(where: { $0 != .none }) {
      throw NetworkError("the network \(name) is internal and has no gateway; leave gateway out")
    }
  }

  /// Refuses what cannot be beside `other`: the kernel keeps one mode and flag for a parent's ipvlan
  /// slaves, carries one kind of slave on it, and an address is one instance's.
  func check(beside other: NetworkDefinition) throws(NetworkError) {
    // The host routes to all of its bridges.
    let bothRouted = driver == "bridge" && other.driver == "bridge"
    guard parent == other.parent || bothRouted else { return }
    if bothRouted, parent == other.parent {
      throw NetworkError(
        "\(parent) is the bridge of the network \(other.name). Use that network, or another bridge: --opt bridge=NAME"
      )
    }
    guard driver == other.driver else {
      throw NetworkError(
        "\(parent) is the parent of the network \(other.name), which is \(other.driver), and carries one kind of slave. Use --driver \(other.driver), or another parent"
      )
    }
    if case .ipvlan(let own) = kind, case .ipvlan(let theirs) = other.kind {
      let pairs = [
        ("mode", own.mode.rawValue, theirs.mode.rawValue),
        ("flag", own.flag.rawValue, theirs.flag.rawValue),
      ]
      for (what, mine, first) in pairs where mine != first {
        throw NetworkError(
          "the network \(other.name) has the \(what) \(first) on \(parent), and the kernel keeps one \(what) for all slaves of a parent: \(mine) would change theirs. Use --opt \(what)=\(first), or another parent"
        )
      }
    }
    for pool in pools {
      if let twin = other.pools.first(where: { Self.overlaps($0.subnet, pool.subnet) }) {
        throw NetworkError(
          "the subnet \(pool.subnet) overlaps \(twin.subnet) of the network \(other.name)\(bothRouted ? "" : " on \(parent)"). Use that network, or another subnet"
        )
      }
    }
  }
}
