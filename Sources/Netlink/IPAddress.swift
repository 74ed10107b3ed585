import Glibc

/// An IPv4 or IPv6 address.
public struct IPAddress: Hashable, Sendable {
  /// 4 or 16, in network byte order.
  public let bytes: [UInt8]

  /// `nil` unless there are 4 or 16 bytes.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    self.bytes = bytes
  }

  /// The text forms of inet_pton(3); no zone, no prefix.
  public init?(_ text: String) {
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 {
      self.bytes = Array(bytes.prefix(4))
    } else if inet_pton(AF_INET6, text, &bytes) == 1 {
      self.bytes = bytes
    } else {
      return nil
    }
  }

  /// From a name of the C library's: only as inet_ntop(3) writes it, so that one address has one name.
  public init?(canonical name: UnsafePointer<CChar>) {
    var bytes = [UInt8](repeating: 0, count: 16)
    var family = AF_INET
    if inet_pton(family, name, &bytes) != 1 {
      family = AF_INET6
      guard inet_pton(family, name, &bytes) == 1 else { return nil }
    }
    let isCanonical = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
      guard let start = text.baseAddress, inet_ntop(family, bytes, start, 64) != nil else {
        return false
      }
      return strcmp(start, name) == 0
    }
    guard isCanonical else { return nil }
    self.bytes = family == AF_INET ? Array(bytes.prefix(4)) : bytes
  }

  /// From a number, the most significant byte first; its low 32 bits for IPv4.
  public init(value: UInt128, isIPv4: Bool) {
    bytes = (0..<(isIPv4 ? 4 : 16)).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  /// The address as a number, by which addresses of one family are in order.
  public var value: UInt128 { bytes.reduce(0) { $0 << 8 | UInt128($1) } }

  public var isIPv4: Bool { bytes.count == 4 }

  /// `AF_INET` or `AF_INET6`.
  public var family: UInt8 { UInt8(isIPv4 ? AF_INET : AF_INET6) }

  /// The length of the address in bits, 32 or 128.
  public var bitCount: Int { bytes.count * 8 }

  public var isLoopback: Bool {
    isIPv4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
  }

  public var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

  public var isMulticast: Bool { isIPv4 ? bytes[0] & 0xf0 == 0xe0 : bytes[0] == 0xff }

  /// `fe80::/10`; such an address is valid on one link alone.
  public var isLinkLocalIPv6: Bool { !isIPv4 && bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80 }

  /// An IPv4 address written as an IPv6 one, `::ffff:a.b.c.d`; no interface can have it.
  public var isMappedIPv4: Bool {
    !isIPv4 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
  }

  /// Its first `prefix` bits, the rest zero (`ones`: the rest one).
  public func masked(_ prefix: Int, ones: Bool = false) -> IPAddress {
    var result = bytes
    for index in result.indices {
      let kept = min(8, max(0, prefix - index * 8))
      let mask = UInt8(truncatingIfNeeded: 0xff00 >> kept)
      result[index] = ones ? result[index] | ~mask : result[index] & mask
    }
    return IPAddress(trusted: result)
  }

  /// The address after this one; the last wraps around to zero.
  public var next: IPAddress {
    var result = bytes
    for index in result.indices.reversed() {
      result[index] &+= 1
      if result[index] != 0 { break }
    }
    return IPAddress(trusted: result)
  }

  private init(trusted bytes: [UInt8]) { self.bytes = bytes }
}

extension IPAddress: CustomStringConvertible {
  public var description: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(CInt(family), bytes, &text, socklen_t(text.count)) != nil else { return "?" }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

/// An address with the length of its subnet's prefix, as `ip addr` writes it.
public struct InterfaceAddress: Hashable, Sendable {
  public let address: IPAddress
  /// Bits, 0 to 32 or 0 to 128.
  public let prefix: Int

  /// From `A/P` as ip-address(8) writes it; `nil` where that is not what it is.
  public init?(_ text: String) {
    let pair = text.split(separator: "/", omittingEmptySubsequences: false)
    guard pair.count == 2, let address = IPAddress(String(pair[0])), pair[1].allSatisfy(\.isNumber),
      let prefix = Int(pair[1])
    else { return nil }
    self.init(address, prefix: prefix)
  }

  /// `nil` for a prefix that does not fit the family.
  public init?(_ address: IPAddress, prefix: Int) {
    guard (0...address.bitCount).contains(prefix) else { return nil }
    self.address = address
    self.prefix = prefix
  }

  /// All addresses of a family, where a default route leads: `0.0.0.0/0` or `::/0`.
  public static func everything(ipv4: Bool) -> InterfaceAddress {
    InterfaceAddress(unchecked: IPAddress(value: 0, isIPv4: ipv4), prefix: 0)
  }

  /// An address alone: a prefix of all its bits.
  public init(single address: IPAddress) {
    self.init(unchecked: address, prefix: address.bitCount)
  }

  private init(unchecked address: IPAddress, prefix: Int) {
    self.address = address
    self.prefix = prefix
  }

  /// The subnet's first address, which names it.
  public var network: IPAddress { address.masked(prefix) }

  /// The subnet's last address, to which IPv4 broadcasts go.
  public var last: IPAddress { address.masked(prefix, ones: true) }

  /// Whether `other` lies in the subnet.
  public func contains(_ other: IPAddress) -> Bool {
    other.bitCount == address.bitCount && other.masked(prefix) == network
  }
}

extension InterfaceAddress: CustomStringConvertible {
  public var description: String { "\(address)/\(prefix)" }
}

/// In JSON as text.
extension IPAddress: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let address = IPAddress(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "no IP address")
    }
    self = address
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// In JSON as text, `10.20.20.2/24`.
extension InterfaceAddress: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let address = InterfaceAddress(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "no address with a prefix")
    }
    self = address
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
