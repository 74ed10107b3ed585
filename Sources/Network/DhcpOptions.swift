import Netlink

/// The code of a DHCP option, RFC 2132 and others.
struct DhcpOption: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt8

  static let pad = DhcpOption(rawValue: 0)
  static let subnetMask = DhcpOption(rawValue: 1)
  static let routers = DhcpOption(rawValue: 3)
  static let nameServers = DhcpOption(rawValue: 6)
  static let hostName = DhcpOption(rawValue: 12)
  static let domain = DhcpOption(rawValue: 15)
  static let mtu = DhcpOption(rawValue: 26)
  static let requestedAddress = DhcpOption(rawValue: 50)
  static let leaseTime = DhcpOption(rawValue: 51)
  static let overload = DhcpOption(rawValue: 52)
  static let messageType = DhcpOption(rawValue: 53)
  static let serverIdentifier = DhcpOption(rawValue: 54)
  static let parameterList = DhcpOption(rawValue: 55)
  static let message = DhcpOption(rawValue: 56)
  static let maximumSize = DhcpOption(rawValue: 57)
  static let renewalTime = DhcpOption(rawValue: 58)
  static let rebindingTime = DhcpOption(rawValue: 59)
  static let clientIdentifier = DhcpOption(rawValue: 61)
  /// RFC 3397
  static let searchDomains = DhcpOption(rawValue: 119)
  /// RFC 3442
  static let classlessRoutes = DhcpOption(rawValue: 121)
  static let end = DhcpOption(rawValue: 255)
}

/// The options of a message, in their order.
struct DhcpOptions: Hashable, Sendable {
  private(set) var codes: [DhcpOption] = []
  private var values: [DhcpOption: [UInt8]] = [:]

  /// An option that is set twice has both values one after the other, RFC 3396.
  mutating func append(_ option: DhcpOption, _ value: some Collection<UInt8>) {
    if values[option] == nil { codes.append(option) }
    values[option, default: []] += value
  }

  subscript(_ option: DhcpOption) -> [UInt8]? { values[option] }

  /// The value of an option that has `count` bytes; `nil` where it is missing or has another length.
  func number<Value: FixedWidthInteger>(_ option: DhcpOption, as: Value.Type) -> Value? {
    guard let value = values[option], value.count == Value.bitWidth / 8 else { return nil }
    return value.reduce(0) { $0 << 8 | Value($1) }
  }

  /// The IPv4 addresses of an option; empty where it is missing or is no list of addresses.
  func addresses(_ option: DhcpOption) -> [IPAddress] {
    guard let value = values[option], value.count % 4 == 0 else { return [] }
    return stride(from: 0, to: value.count, by: 4).compactMap {
      IPAddress(bytes: Array(value[$0..<$0 + 4]))
    }
  }

  /// Text without the NULs that some servers put at its end; `nil` where it is not ASCII.
  func text(_ option: DhcpOption) -> String? {
    guard var value = values[option] else { return nil }
    while value.last == 0 { value.removeLast() }
    guard !value.isEmpty, value.allSatisfy({ $0 < 0x80 }) else { return nil }
    return String(decoding: value, as: UTF8.self)
  }

  /// Reads one field of options up to the end that RFC 2131 wants it to have.
  ///
  /// - Returns: false where an option does not fit into the field, or there is no end.
  mutating func parse(_ field: ArraySlice<UInt8>) -> Bool {
    var rest = field
    while let code = rest.popFirst() {
      let option = DhcpOption(rawValue: code)
      if option == .pad { continue }
      if option == .end { return true }
      guard let length = rest.popFirst(), Int(length) <= rest.count else { return false }
      append(option, rest.prefix(Int(length)))
      rest = rest.dropFirst(Int(length))
    }
    return false
  }

  /// The options as they are sent, with their end; a long one in pieces.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    for option in codes {
      var rest = ArraySlice(values[option] ?? [])
      repeat {
        let piece = rest.prefix(255)
        bytes += [option.rawValue, UInt8(piece.count)]
        bytes += piece
        rest = rest.dropFirst(255)
      } while !rest.isEmpty
    }
    return bytes + [DhcpOption.end.rawValue]
  }
}
