public import Netlink

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
  /// RFC 3339.
  public var created = ""

  public init(name: String) { self.name = name }
}

/// A network under a name: the kind of slave its instances get, and the subnets of their addresses.
public struct NetworkDefinition: Hashable, Sendable {
  public let name: String
  public let driver: String
  /// Options of the driver as they will be used: `mode`, `flag`, `parent`, `mtu`.
  public let kind: NetworkSpec.Kind
  public let mtu: UInt32?
  public let pools: [AddressPool]
  public let labels: [String: String]
  public let created: String

  static let drivers = ["ipvlan", "macvlan"]
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
    guard !Self.reserved.contains(request.name) else {
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
    (kind, mtu) = try Self.options(request.options, driver: driver)
    let spec = NetworkSpec(kind: kind)
    pools = try Self.pools(request, hasNeighbours: spec.driver?.hasNeighbours ?? true, spec.summary)
    var labels: [String: String] = [:]
    for label in request.labels {
      let (key, value) = Self.pair(label)
      guard !key.isEmpty else {
        throw NetworkError("the label \(quoted(label)) has no key; write it as KEY=VALUE")
      }
      labels[key] = value ?? ""
    }
    self.labels = labels
  }

  /// `[a-zA-Z0-9][a-zA-Z0-9_.-]*`, at most 63: it names a file, and is one of the words of `--net`.
  static func isName(_ text: String) -> Bool {
    func isPlain(_ byte: UInt8) -> Bool {
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
    guard let first = text.utf8.first, isPlain(first), text.utf8.count <= 63 else { return false }
    return text.utf8.allSatisfy { isPlain($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d }
  }

  private static func pair(_ text: String) -> (String, String?) {
    let pair = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return (String(pair[0]), pair.count > 1 ? String(pair[1]) : nil)
  }

  /// Docker's spellings of the same options, by our own.
  private static let spellings = [
    "ipvlan": [
      "parent": "parent", "mode": "mode", "ipvlan_mode": "mode", "flag": "flag",
      "ipvlan_flag": "flag", "mtu": "mtu", "com.docker.network.driver.mtu": "mtu",
    ],
    "macvlan": [
      "parent": "parent", "mode": "mode", "macvlan_mode": "mode", "mtu": "mtu",
      "com.docker.network.driver.mtu": "mtu",
    ],
  ]

  private static func options(
    _ texts: [String], driver: String
  ) throws(NetworkError) -> (NetworkSpec.Kind, UInt32?) {
    let spellings = spellings[driver] ?? [:]
    var values: [String: String] = [:]
    for text in texts {
      let (word, value) = pair(text)
      guard let key = spellings[word] else {
        let own = Set(spellings.values).sorted()
        throw NetworkError(
          "unknown option \(quoted(word)) of the driver \(driver)\(suggestion(for: word, in: own)): the options are "
            + own.joined(separator: ", "))
      }
      guard let value, !value.isEmpty else {
        throw NetworkError("--opt \(word) needs a value: --opt \(word)=VALUE")
      }
      guard values.updateValue(value, forKey: key) == nil else {
        throw NetworkError("the option \(key) is given twice")
      }
    }
    guard let parent = values["parent"] else {
      throw NetworkError(
        "the network needs a parent: --opt parent=INTERFACE, for example --opt parent=eth0")
    }
    _ = try NetworkSpec.checkedInterfaceName(parent)
    // The same words as after --net, and so the same checks.
    var words = [driver, parent]
    if let mode = values["mode"] { words.append(mode) }
    if let flag = values["flag"] {
      if words.count == 2 { words.append("l2") }
      words.append(flag)
    }
    let kind: NetworkSpec.Kind =
      driver == "ipvlan" ? .ipvlan(try Ipvlan(words)) : .macvlan(try Macvlan(words))
    var mtu: UInt32?
    if let text = values["mtu"] { mtu = try NetworkSpec.checkedMTU(text) }
    return (kind, mtu)
  }

  private static func pools(
    _ request: NetworkRequest, hasNeighbours: Bool, _ summary: String
  ) throws(NetworkError) -> [AddressPool] {
    guard !request.subnets.isEmpty else {
      throw NetworkError(
        "the network needs a subnet: --subnet A/PREFIX, for example --subnet 10.20.20.0/24")
    }
    var pools: [AddressPool] = []
    for text in request.subnets {
      let subnet = try self.subnet(text, "subnet")
      if let other = pools.first(where: { overlaps($0.subnet, subnet) }) {
        throw NetworkError("the subnets \(other.subnet) and \(subnet) overlap")
      }
      var pool = AddressPool(subnet: subnet)
      pool.hasNeighbours = hasNeighbours
      pools.append(pool)
    }
    /// The subnet that something given beside it belongs to.
    func place(_ address: IPAddress, _ what: String) throws(NetworkError) -> Int {
      guard let index = pools.firstIndex(where: { $0.subnet.contains(address) }) else {
        throw NetworkError("\(what) is outside the subnet \(list(pools.map { "\($0.subnet)" }))")
      }
      return index
    }
    for text in request.gateways {
      if text == "none" {
        guard request.gateways.count == 1 else {
          throw NetworkError("--gateway none and a gateway exclude each other")
        }
        for index in pools.indices { pools[index].gateway = .none }
        continue
      }
      guard hasNeighbours else {
        throw NetworkError(
          "the gateway \(text) has no meaning in \(summary): the host routes there, and the default route is on-link. Leave --gateway out"
        )
      }
      let gateway = try address(text, "gateway")
      let index = try place(gateway, "the gateway \(gateway)")
      guard case .automatic = pools[index].gateway else {
        throw NetworkError("two gateways are given for \(pools[index].subnet); it has one")
      }
      try check(gateway, in: pools[index].subnet, "gateway")
      pools[index].gateway = .address(gateway)
    }
    for text in request.ranges {
      let range = try subnet(text, "range")
      let index = try place(range.address, "the range \(range)")
      guard range.prefix >= pools[index].subnet.prefix else {
        throw NetworkError("the range \(range) is wider than the subnet \(pools[index].subnet)")
      }
      guard pools[index].range == nil else {
        throw NetworkError("two ranges are given for \(pools[index].subnet); it has one")
      }
      pools[index].range = range
    }
    for text in request.auxiliary {
      let (name, value) = pair(text)
      guard !name.isEmpty, let value else {
        throw NetworkError(
          "--aux-address \(quoted(text)): write it as NAME=ADDRESS, for example printer=10.20.20.9")
      }
      let address = try self.address(value, "auxiliary address")
      let index = try place(address, "the auxiliary address \(address)")
      try check(address, in: pools[index].subnet, "auxiliary address")
      guard pools.allSatisfy({ $0.auxiliary[name] == nil }) else {
        throw NetworkError("two auxiliary addresses are called \(name)")
      }
      pools[index].auxiliary[name] = address
    }
    return pools
  }

  private static func subnet(
    _ text: String, _ what: String
  ) throws(NetworkError) -> InterfaceAddress {
    guard let subnet = InterfaceAddress(text), subnet.prefix > 0 else {
      throw NetworkError(
        "the \(what) \(quoted(text)) is not one; write it as 10.20.20.0/24 or fd00::/64")
    }
    guard subnet.address == subnet.network else {
      throw NetworkError(
        "the \(what) \(subnet) does not begin at its own address; did you mean \(subnet.network)/\(subnet.prefix)?"
      )
    }
    let first = subnet.address
    guard !first.isMulticast, !first.isLoopback, !first.isUnspecified, !first.isLinkLocalIPv6,
      !first.isMappedIPv4, !(first.isIPv4 && first.bytes[0] == 127)
    else {
      throw NetworkError(
        "the \(what) \(subnet) is not one of addresses that instances can have (multicast, loopback, link-local or mapped)"
      )
    }
    return subnet
  }

  private static func address(_ text: String, _ what: String) throws(NetworkError) -> IPAddress {
    guard let address = IPAddress(text) else {
      throw NetworkError("the \(what) \(quoted(text)) is not an IP address")
    }
    return address
  }

  private static func check(
    _ address: IPAddress, in subnet: InterfaceAddress, _ what: String
  ) throws(NetworkError) {
    guard address.isIPv4, subnet.prefix < 31 else { return }
    if address == subnet.network || address == subnet.last {
      throw NetworkError(
        "the \(what) \(address) is the \(address == subnet.last ? "broadcast" : "network") address of \(subnet)"
      )
    }
  }

  static func overlaps(_ one: InterfaceAddress, _ other: InterfaceAddress) -> Bool {
    one.contains(other.address) || other.contains(one.address)
  }

  public var parent: String { NetworkSpec(kind: kind).parent ?? "" }

  /// Refuses what cannot be beside `other`: the kernel keeps one mode and flag for a parent's ipvlan
  /// slaves, carries one kind of slave on it, and an address is one instance's.
  func check(beside other: NetworkDefinition) throws(NetworkError) {
    guard parent == other.parent else { return }
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
          "the subnet \(pool.subnet) overlaps \(twin.subnet) of the network \(other.name) on \(parent). Use that network, or another subnet"
        )
      }
    }
  }
}
