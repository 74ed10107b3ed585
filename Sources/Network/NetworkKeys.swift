import Linux
import Netlink

/// The keys of `--net`, each with its value checked.
extension NetworkSpec {
  static let keys = [
    "ip", "gateway", "route", "metric", "defaultroute", "ifname", "mtu", "mac", "sysctl", "probe",
    "alias", "up",
  ]

  mutating func apply(
    key: String, value: String?, in text: String
  ) throws(NetworkError) {
    func needed() throws(NetworkError) -> String {
      guard let value, !value.isEmpty else {
        throw NetworkError("--net \(text): \(key) needs a value")
      }
      return value
    }
    switch key {
    case "ip": try addAddress(needed())
    case "gateway": try addGateway(needed())
    case "route": try addRoute(needed())
    case "metric":
      let number = try needed()
      guard let metric = UInt32(number), metric > 0 else {
        throw NetworkError("metric \(quoted(number)) is not a number from 1 to \(UInt32.max)")
      }
      self.metric = metric
    case "defaultroute": leadsOut = try Self.truth(value, of: key)
    case "ifname": interfaceName = try Self.checkedInterfaceName(needed())
    case "mtu": mtu = try Self.checkedMTU(needed())
    case "mac": hardwareAddress = try Self.checkedHardwareAddress(needed())
    case "sysctl": sysctls.append(try Sysctl(needed()))
    case "probe": probes = try Self.truth(value, of: key)
    case "alias": try addAlias(needed())
    case "up":
      guard value == nil else { throw NetworkError("--net \(text): up takes no value") }
      bringParentUp = true
    default:
      throw NetworkError(
        "unknown option \(quoted(key)) in --net \(text)\(suggestion(for: key, in: Self.keys)): the options are "
          + Self.keys.joined(separator: ", "))
    }
  }

  /// Adds a name as `--network-alias` or `alias=` gives it.
  public mutating func addAlias(_ text: String) throws(NetworkError) {
    try HostName.check(text, "alias")
    guard !HostName.isReserved(text) else {
      throw NetworkError("alias \(text): that name means every machine itself; use another")
    }
    if !aliases.contains(text) { aliases.append(text) }
  }

  /// Adds an address as `--ip` or `ip=` gives it: `A`, `A/P`, `none`, `dhcp` or `slaac`.
  public mutating func addAddress(_ text: String) throws(NetworkError) {
    if text == "none" {
      withoutAddress = true
      return
    }
    if let source = Source(rawValue: text) {
      guard sources.insert(source).inserted else {
        throw NetworkError("ip=\(text) is given twice")
      }
      return
    }
    let pair = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(String(pair[0])) else {
      throw NetworkError(
        "\(quoted(text)) is not an IP address; write it as 10.20.20.2, 10.20.20.2/24 or fd00::2/64, or dhcp, slaac, none"
      )
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

  /// Adds a static route, `DST[@VIA]`: without `VIA` its hosts are on the link.
  private mutating func addRoute(_ text: String) throws(NetworkError) {
    let pair = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    guard let destination = InterfaceAddress(String(pair[0])) else {
      throw NetworkError(
        "route \(quoted(text)): write it as DST[@VIA], for example route=10.9.0.0/16@10.20.20.1")
    }
    guard destination.prefix > 0 else {
      throw NetworkError("route \(text): the default route is what gateway= is for")
    }
    guard destination.address == destination.network else {
      throw NetworkError(
        "route \(text): \(destination) does not begin at its own address; did you mean \(destination.network)/\(destination.prefix)?"
      )
    }
    var gateway: IPAddress?
    if pair.count > 1 {
      guard let via = IPAddress(String(pair[1])), via.isIPv4 == destination.address.isIPv4 else {
        throw NetworkError(
          "route \(text): \(quoted(String(pair[1]))) is not an address of the same family")
      }
      gateway = via
    }
    guard !routes.contains(where: { $0.destination == destination }) else {
      throw NetworkError("the route to \(destination) is given twice")
    }
    routes.append(Route(to: destination, gateway: gateway))
  }

  /// `yes`, `no` and their kin; a key alone is yes.
  static func truth(_ value: String?, of key: String) throws(NetworkError) -> Bool {
    switch value {
    case nil, "yes", "true", "on", "1": return true
    case "no", "false", "off", "0": return false
    case let value?: throw NetworkError("\(key)=\(quoted(value)): write yes or no")
    }
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

  /// `02:42:ac:11:00:02`, of one station and not all zero.
  static func checkedHardwareAddress(_ text: String) throws(NetworkError) -> [UInt8] {
    let words = text.split(whereSeparator: { $0 == ":" || $0 == "-" })
    let bytes = words.compactMap { $0.count == 2 ? UInt8($0, radix: 16) : nil }
    guard words.count == 6, bytes.count == 6 else {
      throw NetworkError(
        "mac \(quoted(text)) is not a MAC address; write it as 02:42:ac:11:00:02")
    }
    guard bytes[0] & 1 == 0, bytes.contains(where: { $0 != 0 }) else {
      throw NetworkError(
        "mac \(text) is not the address of one station: its first byte has to be even, and not all can be zero"
      )
    }
    return bytes
  }
}

extension NetworkSpec.Sysctl {
  private static let tables = ["ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh"]

  /// From `net.ipv4.conf.IFNAME.KEY=VALUE` (`IFNAME` as it stands, as Docker writes it), or short
  /// `ipv4.KEY=VALUE`. Only settings of the interface itself are taken.
  init(_ text: String) throws(NetworkError) {
    let pair = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    var words = pair[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if words.count == 2 { words = ["net", words[0], "conf", "IFNAME", words[1]] }
    func isKey(_ word: String) -> Bool {
      !word.isEmpty
        && word.utf8.allSatisfy {
          (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f
        }
    }
    guard words.count == 5, words[0] == "net", words[3] == "IFNAME",
      Self.tables.contains("\(words[1])/\(words[2])"), isKey(words[4])
    else {
      throw NetworkError(
        "sysctl \(quoted(text)): write it as ipv4.KEY=VALUE, ipv6.KEY=VALUE or net.ipv4.neigh.IFNAME.KEY=VALUE; only settings of the interface itself can be given"
      )
    }
    guard pair.count == 2, !pair[1].isEmpty, pair[1].utf8.count <= 64,
      pair[1].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
    else { throw NetworkError("sysctl \(quoted(text)) needs a value: sysctl=ipv4.rp_filter=2") }
    table = "\(words[1])/\(words[2])"
    key = words[4]
    value = String(pair[1])
  }
}
