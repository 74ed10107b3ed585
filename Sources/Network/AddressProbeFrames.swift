import Netlink

/// The frames that ask the LAN whether anybody has an address, and the reading of what comes back.
enum AddressProbeFrames {
  private static let allZero = [UInt8](repeating: 0, count: 16)

  /// An Ethernet frame that asks for `address` without claiming it: an ARP probe (RFC 5227 section
  /// 2.1.1) or the neighbour solicitation of duplicate address detection (RFC 4862 section 5.4.2).
  static func probe(_ address: IPAddress, from hardware: [UInt8]) -> [UInt8] {
    address.isIPv4 ? arpProbe(address, hardware) : solicitation(address, hardware)
  }

  /// An ARP request with the sender 0.0.0.0, so that nobody takes it into his table.
  private static func arpProbe(_ address: IPAddress, _ hardware: [UInt8]) -> [UInt8] {
    let broadcast = [UInt8](repeating: 0xff, count: 6)
    let fixed: [UInt8] = [0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x01]
    return broadcast + hardware + [0x08, 0x06] + fixed + hardware + allZero[..<4] + allZero[..<6]
      + address.bytes
  }

  /// From the unspecified address, and therefore without the option that says our MAC address.
  private static func solicitation(_ address: IPAddress, _ hardware: [UInt8]) -> [UInt8] {
    let group = solicitedNode(address.bytes)
    var message: [UInt8] = [135, 0, 0, 0, 0, 0, 0, 0] + address.bytes
    let length = UInt8(message.count)
    let sum = Announcer.checksum(pseudoHeader(allZero, group, length: message.count) + message)
    message[2] = UInt8(sum >> 8)
    message[3] = UInt8(sum & 0xff)
    return groupHardware(group) + hardware + [0x86, 0xdd] + [0x60, 0, 0, 0, 0, length, 58, 255]
      + allZero + group + message
  }

  /// The multicast group of everybody whose address ends like this one, RFC 4291 section 2.7.1.
  static func solicitedNode(_ address: [UInt8]) -> [UInt8] {
    [0xff, 0x02] + allZero[..<9] + [0x01, 0xff] + address.suffix(3)
  }

  /// The Ethernet address of a multicast group, RFC 2464 section 7.
  static func groupHardware(_ group: [UInt8]) -> [UInt8] { [0x33, 0x33] + group.suffix(4) }

  private static func pseudoHeader(
    _ source: [UInt8], _ destination: [UInt8], length: Int
  ) -> [UInt8] {
    source + destination + [0, 0, UInt8(length >> 8), UInt8(length & 0xff), 0, 0, 0, 58]
  }

  /// What a frame says about who has an address; `nil` where it says nothing, is not well formed, or
  /// is our own. Anybody on the LAN may have written it.
  static func conflict(in frame: [UInt8], own hardware: [UInt8]) -> AddressConflict? {
    guard frame.count >= 14, Array(frame[6..<12]) != hardware else { return nil }
    let found: AddressConflict? =
      switch (frame[12], frame[13]) {
      case (0x08, 0x06): arpConflict(frame)
      case (0x86, 0xdd): neighbourConflict(frame)
      default: nil
      }
    return found?.hardwareAddress == hardware ? nil : found
  }

  /// Any ARP packet from the address, or another's probe for it.
  private static func arpConflict(_ frame: [UInt8]) -> AddressConflict? {
    guard frame.count >= 42, Array(frame[14..<20]) == [0x00, 0x01, 0x08, 0x00, 6, 4],
      frame[20] == 0, frame[21] == 1 || frame[21] == 2
    else { return nil }
    let isRequest = frame[21] == 1
    guard let sender = IPAddress(bytes: Array(frame[28..<32])),
      let target = IPAddress(bytes: Array(frame[38..<42]))
    else { return nil }
    let isProbe = sender.isUnspecified
    if isProbe, !isRequest { return nil }
    return AddressConflict(
      address: isProbe ? target : sender, hardwareAddress: Array(frame[22..<28]), isClaim: isProbe)
  }

  /// A neighbour advertisement for the address, or another's solicitation for it that comes from no
  /// address; checked as RFC 4861 sections 7.1.1 and 7.1.2 have it.
  private static func neighbourConflict(_ frame: [UInt8]) -> AddressConflict? {
    guard frame.count >= 54, frame[14] >> 4 == 6, frame[20] == 58, frame[21] == 255 else {
      return nil
    }
    let length = Int(frame[18]) << 8 | Int(frame[19])
    guard length >= 24, frame.count >= 54 + length else { return nil }
    let source = Array(frame[22..<38])
    let destination = Array(frame[38..<54])
    let message = Array(frame[54..<54 + length])
    guard message[1] == 0, let target = IPAddress(bytes: Array(message[8..<24])),
      !target.isMulticast, let options = options(message[24...]),
      Announcer.checksum(pseudoHeader(source, destination, length: length) + message) == 0
    else { return nil }
    let sender = Array(frame[6..<12])
    switch message[0] {
    case 135:
      // From an address: it resolves this one and has another. The source's own link-layer address
      // has no place in a solicitation from no address.
      guard source == allZero, destination == solicitedNode(target.bytes), options[1] == nil else {
        return nil
      }
      return AddressConflict(address: target, hardwareAddress: sender, isClaim: true)
    case 136:
      let isSolicited = message[4] & 0x40 != 0
      guard destination[0] != 0xff || !isSolicited else { return nil }
      return AddressConflict(
        address: target, hardwareAddress: options[2] ?? sender, isClaim: false)
    default: return nil
    }
  }

  /// The link-layer addresses among a message's options, by the options' types (1: the source's, 2:
  /// the target's); `nil` where the options are not well formed.
  private static func options(_ bytes: ArraySlice<UInt8>) -> [UInt8: [UInt8]]? {
    var found: [UInt8: [UInt8]] = [:]
    var rest = bytes
    while let type = rest.first {
      guard rest.count >= 8 else { return nil }
      let length = Int(rest[rest.startIndex + 1]) * 8
      guard length > 0, length <= rest.count else { return nil }
      if type == 1 || type == 2, length == 8 { found[type] = Array(rest.dropFirst(2).prefix(6)) }
      rest = rest.dropFirst(length)
    }
    return found
  }
}
