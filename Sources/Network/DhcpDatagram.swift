import Netlink

/// IPv4 and UDP around a DHCP message: before the client has an address the kernel does not send and
/// receive datagrams for it.
enum DhcpDatagram {
  static let serverPort: UInt16 = 67
  static let clientPort: UInt16 = 68

  /// A packet of the client, RFC 791 and RFC 768.
  static func packet(
    _ payload: [UInt8], from source: IPAddress, to destination: IPAddress
  ) -> [UInt8] {
    let length = UInt16(8 + payload.count)
    var segment = DhcpMessage.big(clientPort) + DhcpMessage.big(serverPort)
    segment += DhcpMessage.big(length) + [0, 0] + payload
    let sum = Announcer.checksum(
      pseudoHeader(source.bytes, destination.bytes, length: length) + segment)
    // Zero says that there is none.
    segment.replaceSubrange(6..<8, with: DhcpMessage.big(sum == 0 ? 0xffff : sum))
    var header: [UInt8] = [0x45, 0] + DhcpMessage.big(20 + length)
    header += [0, 0, 0, 0, 64, 17, 0, 0] + source.bytes + destination.bytes
    header.replaceSubrange(10..<12, with: DhcpMessage.big(Announcer.checksum(header)))
    return header + segment
  }

  /// What a packet that came from anybody holds for the client.
  ///
  /// - Parameter checksumIsReady: false where the packet comes from this machine and its UDP checksum
  ///   was left for a network card to compute (`TP_STATUS_CSUMNOTREADY`, packet(7)).
  /// - Returns: `nil` where it is not a whole and sound datagram to the client's port.
  static func payload(of packet: [UInt8], checksumIsReady: Bool) -> [UInt8]? {
    guard packet.count >= 28, packet[0] >> 4 == 4 else { return nil }
    let headerLength = Int(packet[0] & 0x0f) * 4
    let total = Int(packet[2]) << 8 | Int(packet[3])
    // Behind the packet may be what fills an Ethernet frame up.
    guard headerLength >= 20, total >= headerLength + 8, total <= packet.count, packet[9] == 17,
      // No piece of a packet.
      packet[6] & 0x3f == 0, packet[7] == 0,
      Announcer.checksum(Array(packet[..<headerLength])) == 0
    else { return nil }
    let segment = Array(packet[headerLength..<total])
    let length = Int(segment[4]) << 8 | Int(segment[5])
    guard segment[2..<4].elementsEqual(DhcpMessage.big(clientPort)), length >= 8,
      length <= segment.count
    else { return nil }
    let datagram = Array(segment[..<length])
    if checksumIsReady, datagram[6] != 0 || datagram[7] != 0 {
      let pseudo = pseudoHeader(
        Array(packet[12..<16]), Array(packet[16..<20]), length: UInt16(length))
      guard Announcer.checksum(pseudo + datagram) == 0 else { return nil }
    }
    return Array(datagram[8...])
  }

  private static func pseudoHeader(
    _ source: [UInt8], _ destination: [UInt8], length: UInt16
  ) -> [UInt8] {
    source + destination + [0, 17] + DhcpMessage.big(length)
  }
}
