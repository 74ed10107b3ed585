import Netlink

/// A message between a DHCP client and a server, RFC 2131 section 2.
struct DhcpMessage: Hashable, Sendable {
  /// Option 53.
  enum Kind: UInt8, Sendable {
    case discover = 1
    case offer, request, decline, acknowledge, refuse, release, inform
  }

  let kind: Kind
  /// `xid`: an answer has that of its question.
  let transaction: UInt32
  /// `chaddr`: the client's MAC address.
  let hardwareAddress: [UInt8]
  /// `secs`: since the client began.
  var seconds: UInt16 = 0
  /// The answer has to be sent to all.
  var broadcast = false
  /// `ciaddr`: the address that the client has.
  var clientAddress = DhcpMessage.unspecified
  /// `yiaddr`: the address that the server gives.
  var offeredAddress = DhcpMessage.unspecified
  var options = DhcpOptions()

  static let unspecified = IPAddress(value: 0, isIPv4: true)
  static let everybody = IPAddress(value: 0xffff_ffff, isIPv4: true)

  /// Of RFC 1497, before the options.
  private static let magic: [UInt8] = [99, 130, 83, 99]

  init(_ kind: Kind, transaction: UInt32, hardwareAddress: [UInt8]) {
    self.kind = kind
    self.transaction = transaction
    self.hardwareAddress = hardwareAddress
  }

  /// A message as it is sent, a request (`op` 1) or, for tests, a reply (2). Some relays drop what is
  /// shorter than BOOTP's 300 bytes.
  func bytes(operation: UInt8 = 1) -> [UInt8] {
    var bytes: [UInt8] = [operation, 1, 6, 0]
    bytes += Self.big(transaction)
    bytes += Self.big(seconds)
    bytes += broadcast ? [0x80, 0] : [0, 0]
    bytes += clientAddress.bytes + offeredAddress.bytes
    // siaddr, giaddr
    bytes += [UInt8](repeating: 0, count: 8)
    bytes += hardwareAddress.prefix(16)
    // The rest of chaddr, sname, file
    bytes += [UInt8](repeating: 0, count: 236 - bytes.count)
    bytes += Self.magic
    bytes += [DhcpOption.messageType.rawValue, 1, kind.rawValue]
    bytes += options.bytes
    if bytes.count < 300 { bytes += [UInt8](repeating: 0, count: 300 - bytes.count) }
    return bytes
  }

  /// Reads a reply, which comes from anybody on the LAN.
  ///
  /// - Returns: `nil` for what is not a DHCP reply to an Ethernet client, or is broken.
  init?(reply bytes: [UInt8]) {
    // BOOTREPLY to a client with a MAC address of 6 bytes.
    guard bytes.count >= 240, bytes[0] == 2, bytes[1] == 1, bytes[2] == 6,
      Array(bytes[236..<240]) == Self.magic,
      let client = IPAddress(bytes: Array(bytes[12..<16])),
      let offered = IPAddress(bytes: Array(bytes[16..<20]))
    else { return nil }
    var options = DhcpOptions()
    guard options.parse(bytes[240...]) else { return nil }
    // Where the options do not fit, those that are not used for a boot file follow there.
    if let overload = options[.overload] {
      guard overload.count == 1, (1...3).contains(overload[0]) else { return nil }
      if overload[0] & 1 != 0, !options.parse(bytes[108..<236]) { return nil }
      if overload[0] & 2 != 0, !options.parse(bytes[44..<108]) { return nil }
    }
    guard let code = options.number(.messageType, as: UInt8.self), let kind = Kind(rawValue: code)
    else { return nil }
    self.init(
      kind, transaction: bytes[4..<8].reduce(0) { $0 << 8 | UInt32($1) },
      hardwareAddress: Array(bytes[28..<34]))
    seconds = bytes[8..<10].reduce(0) { $0 << 8 | UInt16($1) }
    broadcast = bytes[10] & 0x80 != 0
    clientAddress = client
    offeredAddress = offered
    self.options = options
  }

  static func big<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian, Array.init)
  }
}
