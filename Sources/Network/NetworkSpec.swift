public import Netlink

/// One interface that an instance asks for, as `--net` says it:
/// `KIND[:PARENT[:MODE[:FLAG]]][,key=value...]`.
public struct NetworkSpec: Hashable, Sendable {
  /// What makes the interface. To add a kind: a case, a file with its payload, its tests.
  public enum Kind: Hashable, Sendable {
    case none
    case ipvlan(Ipvlan)
    case macvlan(Macvlan)
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

  public var kind: Kind
  /// The defined network it is on, where it is on one.
  public var network: String?
  /// What that network's addresses are taken from.
  public var pools: [AddressPool] = []
  public var addresses: [Address] = []
  /// `ip=none` was asked for: the interface comes without an address, for a DHCP client inside.
  public var withoutAddress = false
  /// At most one for each family.
  public var gateways: [Gateway] = []
  /// The interface's name inside; `nil` for the next free `ethN`.
  public var interfaceName: String?
  /// Bytes; `nil` for the parent's.
  public var mtu: UInt32?
  /// Sets the parent up where it is down.
  public var bringParentUp = false

  static let kinds = ["ipvlan", "macvlan", "none"]
  static let keys = ["ip", "gateway", "ifname", "mtu", "up"]

  public init(kind: Kind) { self.kind = kind }

  /// Reads `--net`'s text.
  public init(parsing text: String) throws(NetworkError) {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let words = parts[0].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    kind = try Self.kind(words, in: text)
    for option in parts.dropFirst() {
      let pair = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      try apply(key: String(pair[0]), value: pair.count > 1 ? String(pair[1]) : nil, in: text)
    }
    if kind == .none, parts.count > 1 {
      throw NetworkError("--net none takes no options, but \(parts[1]) was given")
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
    case "ipvlan":
      try refuseMore(than: 4, form: "ipvlan:PARENT[:MODE[:FLAG]]")
      return .ipvlan(try Ipvlan(words))
    case "macvlan":
      try refuseMore(than: 3, form: "macvlan:PARENT[:MODE]")
      return .macvlan(try Macvlan(words))
    default:
      if words.count == 1, NetworkDefinition.isName(words[0]) { return .named(words[0]) }
      throw NetworkError(
        "unknown network kind \(quoted(words[0]))\(suggestion(for: words[0], in: kinds)): the kinds are "
          + kinds.joined(separator: ", "))
    }
  }

  private mutating func apply(key: String, value: String?, in text: String) throws(NetworkError) {
    func needed() throws(NetworkError) -> String {
      guard let value, !value.isEmpty else {
        throw NetworkError("--net \(text): \(key)= needs a value")
      }
      return value
    }
    switch key {
    case "ip": try addAddress(needed())
    case "gateway": try addGateway(needed())
    case "ifname": interfaceName = try Self.checkedInterfaceName(needed())
    case "mtu":
      let number = try needed()
      mtu = try Self.checkedMTU(number)
    case "up":
      guard value == nil else { throw NetworkError("--net \(text): up takes no value") }
      bringParentUp = true
    default:
      throw NetworkError(
        "unknown option \(quoted(key)) in --net \(text)\(suggestion(for: key, in: Self.keys)): the options are "
          + Self.keys.joined(separator: ", "))
    }
  }

  /// Adds an address as `--ip` or `ip=` gives it: `A`, `A/P` or `none`.
  public mutating func addAddress(_ text: String) throws(NetworkError) {
    if text == "none" {
      withoutAddress = true
      return
    }
    let pair = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(String(pair[0])) else {
      throw NetworkError(
        "\(quoted(text)) is not an IP address; write it as 10.20.20.2, 10.20.20.2/24 or fd00::2/64")
    }
    var prefix: Int?
    if pair.count > 1 {
      guard let bits = Int(pair[1]), pair[1].allSatisfy(\.isNumber),
        (1...address.bitCount).contains(bits)
      else {
        throw NetworkError(
          "\(text): the prefix \(quoted(String(pair[1]))) is out of range; it is 1 to \(address.bitCount)"
        )
      }
      prefix = bits
    }
    guard !addresses.contains(where: { $0.address == address }) else {
      throw NetworkError("the address \(address) is given twice")
    }
    addresses.append(Address(address: address, prefix: prefix))
  }

  /// Adds a gateway as `--gateway` or `gateway=` gives it: an address or `none`.
  public mutating func addGateway(_ text: String) throws(NetworkError) {
    if text == "none" {
      gateways.append(.none)
      return
    }
    guard let address = IPAddress(text) else {
      throw NetworkError("the gateway \(quoted(text)) is not an IP address; write one, or none")
    }
    gateways.append(.address(address))
  }

  static func checkedMTU(_ text: String) throws(NetworkError) -> UInt32 {
    // 68: the least that IPv4 can work with, RFC 791; 65535: the longest IP packet.
    guard let bytes = UInt32(text), (68...65535).contains(bytes) else {
      throw NetworkError("mtu \(quoted(text)) is not a number of bytes from 68 to 65535")
    }
    return bytes
  }

  /// An interface name that the kernel takes (`dev_valid_name`, net/core/dev.c) and that a shell can
  /// write.
  static func checkedInterfaceName(_ name: String) throws(NetworkError) -> String {
    let fits = (1...15).contains(name.utf8.count) && name != "." && name != ".."
    let plain = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x3a }
    guard fits, plain, !name.contains("%") else {
      throw NetworkError(
        "\(quoted(name)) is not an interface name: it has 1 to 15 bytes, no blank, no / : or %")
    }
    guard name != "lo" else {
      throw NetworkError("the interface cannot be called lo: that is the loopback")
    }
    return name
  }

  /// The interface's parent on the host.
  public var parent: String? {
    switch kind {
    case .none, .named: nil
    case .ipvlan(let ipvlan): ipvlan.parent
    case .macvlan(let macvlan): macvlan.parent
    }
  }

  /// `ipvlan:eth0:l2`, as `swrun ps` shows it; a flag that is not the default follows.
  public var summary: String {
    switch kind {
    case .none: "none"
    case .named(let name): name
    case .ipvlan(let ipvlan):
      "ipvlan:\(ipvlan.parent):\(ipvlan.mode.rawValue)"
        + (ipvlan.flag == .bridge ? "" : ":\(ipvlan.flag.rawValue)")
    case .macvlan(let macvlan): "macvlan:\(macvlan.parent):\(macvlan.mode.rawValue)"
    }
  }
}

/// Text from outside, in quotes and with control characters made visible, for an error's line.
func quoted(_ text: String) -> String {
  text.debugDescription
}
