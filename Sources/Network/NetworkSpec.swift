import Linux
public import Netlink

/// One interface that an instance asks for, as `--net` says it:
/// `KIND[:PARENT[:MODE[:FLAG]]][,key=value...]`.
public struct NetworkSpec: Hashable, Sendable {
  /// What makes the interface. To add a kind: a case, a file with its payload, its tests.
  public enum Kind: Hashable, Sendable {
    case none
    /// The host's own network namespace.
    case host
    case ipvlan(Ipvlan)
    case macvlan(Macvlan)
    case bridge(Bridge)
    /// The network namespace of the instance that is called so.
    case container(String)
    /// A network namespace that a file holds, such as `/run/netns/NAME`.
    case namespace(path: String)
    /// A network that `swrun network create` has defined, until ``NetworkStore`` has looked it up.
    case named(String)
  }

  /// An address, with the prefix where one was given.
  public struct Address: Hashable, Sendable {
    public let address: IPAddress
    public let prefix: Int?
  }

  /// Where the default route leads.
  public enum Gateway: Hashable, Sendable {
    /// The host's own gateway, or the subnet's first address.
    case automatic
    /// No default route.
    case none
    case address(IPAddress)
  }

  /// Who gives the interface an address that nobody chose.
  public enum Source: String, CaseIterable, Hashable, Sendable, Codable {
    /// A DHCP server of the LAN, RFC 2131.
    case dhcp
    /// The interface itself, with what a router advertises: RFC 4862.
    case slaac
  }

  /// A setting of the interface, `net.ipv4.conf.eth0.rp_filter=2`.
  public struct Sysctl: Hashable, Sendable {
    /// The directory below `/proc/sys/net` that has one for each interface: `ipv4/conf`.
    public let table: String
    public let key: String
    public let value: String
  }

  public var kind: Kind
  /// The defined network it is on, where it is on one.
  public var network: String?
  /// What that network's addresses are taken from.
  public var pools: [AddressPool] = []
  /// The parent is a dummy of the network's own: nothing leaves the host by it.
  public var hasPrivateParent = false
  /// The bridge is the network's own, and swrun makes it.
  public var ownBridge: OwnBridge?
  /// There is no way out of the network: no default route.
  public var isInternal = false
  /// The host and the instance reach each other, ``HostAccess``.
  public var hasHostAccess = false
  /// The host answers on the LAN for the instance's addresses, ``ProxyArp``.
  public var hasProxyArp = false
  public var addresses: [Address] = []
  /// `ip=none` was asked for: the interface comes without an address, for a DHCP client inside.
  public var withoutAddress = false
  /// `ip=dhcp`, `ip=slaac`
  public var sources: Set<Source> = []
  /// At most one for each family.
  public var gateways: [Gateway] = []
  /// Static routes, with the metric of `metric`.
  public var routes: [Route] = []
  /// Of all routes of the interface; `nil` for the kernel's default.
  public var metric: UInt32?
  /// Whether the default route is the one that counts; `nil`: if it is the first that has one.
  public var leadsOut: Bool?
  /// What the instance is called on the network besides its name.
  public var aliases: [String] = []
  /// The interface's name inside; `nil` for the next free `ethN`.
  public var interfaceName: String?
  /// Bytes; `nil` for the parent's.
  public var mtu: UInt32?
  /// Its MAC address, 6 bytes; `nil` for one that the kernel makes up.
  public var hardwareAddress: [UInt8]?
  public var sysctls: [Sysctl] = []
  /// Whether the LAN is asked first who has the address; `nil`: as the network says, else not.
  public var probes: Bool?
  /// ``probes`` is the network's word, and nobody's who has asked for this interface.
  public var probesByDefault = false
  /// Addresses that somebody on the LAN was found to have: none is chosen of these.
  public var avoided: Set<IPAddress> = []
  /// Sets the parent up where it is down.
  public var bringParentUp = false

  static let kinds = ["ipvlan", "macvlan", "bridge", "none", "host", "container", "ns"]

  public init(kind: Kind) { self.kind = kind }

  /// Reads `--net`'s text.
  public init(parsing text: String) throws(NetworkError) {
    if text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
      throw NetworkError("--net \(quoted(text)) holds a control character")
    }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let words = parts[0].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    kind = try Self.kind(words, in: text)
    for option in parts.dropFirst() {
      let pair = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      try apply(key: String(pair[0]), value: pair.count > 1 ? String(pair[1]) : nil, in: text)
    }
    if let alias = aliases.first, !kind.isNamed {
      throw NetworkError(
        "--net \(text): alias=\(alias) needs a network that swrun network create has defined; only its instances know each other by name"
      )
    }
    if !kind.makesInterface, parts.count > 1 {
      throw NetworkError("--net \(parts[0]) takes no options, but \(parts[1]) was given")
    }
  }

  private static func kind(_ words: [String], in text: String) throws(NetworkError) -> Kind {
    func refuseMore(than count: Int, form: String) throws(NetworkError) {
      guard words.count > count else { return }
      throw NetworkError("--net \(text): \(words[count]) is too much; the form is \(form)")
    }
    switch words[0] {
    case "none":
      try refuseMore(than: 1, form: "none")
      return .none
    case "host":
      try refuseMore(than: 1, form: "host")
      return .host
    case "ipvlan":
      try refuseMore(than: 4, form: "ipvlan:PARENT[:MODE[:FLAG]]")
      return .ipvlan(try Ipvlan(words))
    case "macvlan":
      try refuseMore(than: 3, form: "macvlan:PARENT[:MODE]")
      return .macvlan(try Macvlan(words))
    case "bridge" where words.count > 1:
      try refuseMore(than: 2, form: "bridge[:NAME]")
      return .bridge(try Bridge(words))
    case "container":
      try refuseMore(than: 2, form: "container:NAME")
      guard words.count == 2, !words[1].isEmpty else {
        throw NetworkError("--net container needs an instance: container:NAME")
      }
      return .container(words[1])
    case "ns":
      // A path may hold colons.
      let path = words.dropFirst().joined(separator: ":")
      guard path.hasPrefix("/") else {
        throw NetworkError(
          "--net ns needs an absolute path: ns:PATH, for example ns:/run/netns/blue")
      }
      return .namespace(path: path)
    default:
      if words.count == 1, NetworkDefinition.isName(words[0]) { return .named(words[0]) }
      throw NetworkError(
        "unknown network kind \(quoted(words[0]))\(suggestion(for: words[0], in: kinds)): the kinds are "
          + kinds.joined(separator: ", "))
    }
  }

  /// The interface's parent on the host.
  public var parent: String? { driver?.parent }

  /// The parent has another name now.
  mutating func renameParent(_ name: String) {
    switch kind {
    case .ipvlan(let former):
      kind = .ipvlan(Ipvlan(parent: name, mode: former.mode, flag: former.flag))
    case .macvlan(let former): kind = .macvlan(Macvlan(parent: name, mode: former.mode))
    case .bridge: kind = .bridge(Bridge(parent: name))
    case .none, .host, .container, .namespace, .named: break
    }
  }

  /// `ipvlan:eth0:l2`, as `swrun ps` shows it; a flag that is not the default follows.
  public var summary: String {
    switch kind {
    case .none: "none"
    case .host: "host"
    case .container(let name): "container:\(name)"
    case .namespace(let path): "ns:\(path)"
    case .named(let name): name
    case .ipvlan(let ipvlan):
      "ipvlan:\(ipvlan.parent):\(ipvlan.mode.rawValue)"
        + (ipvlan.flag == .bridge ? "" : ":\(ipvlan.flag.rawValue)")
    case .macvlan(let macvlan): "macvlan:\(macvlan.parent):\(macvlan.mode.rawValue)"
    case .bridge(let bridge): "bridge:\(bridge.parent)"
    }
  }
}

extension NetworkSpec.Kind {
  /// Whether it is a network that was defined.
  public var isNamed: Bool { if case .named = self { true } else { false } }

  /// Whether the instance gets an interface of its own by it.
  public var makesInterface: Bool {
    switch self {
    case .none, .host, .container, .namespace: false
    case .ipvlan, .macvlan, .bridge, .named: true
    }
  }
}

/// Text from outside, in quotes and with control characters made visible, for an error's line.
func quoted(_ text: String) -> String {
  text.debugDescription
}
