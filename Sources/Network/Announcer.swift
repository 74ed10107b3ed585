import CLinux
import Glibc
import Linux
import Netlink
import SystemPackage

/// Tells the neighbours which MAC address an instance's addresses have now, so that none sends to the
/// one that had them before: gratuitous ARP (RFC 5227 section 3) and unsolicited neighbour
/// advertisement (RFC 4861 section 7.2.6).
struct Announcer: ~Copyable {
  private let socket: Descriptor

  /// To be made inside the instance's network namespace, to which its packet socket then belongs.
  init() throws {
    // Protocol 0: this socket sends and never receives.
    socket = Descriptor(
      owning: try check(
        "socket", "AF_PACKET",
        Glibc.socket(AF_PACKET, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)))
  }

  /// Announces addresses once. A frame that is lost is not worth an error: it is repeated.
  borrowing func send(_ addresses: [IPAddress], from link: Link) {
    guard link.hardwareAddress.count == 6 else { return }
    for address in addresses {
      let frame = Self.frame(address, link.hardwareAddress)
      var target = sockaddr_ll()
      target.sll_family = UInt16(AF_PACKET)
      target.sll_ifindex = link.index
      target.sll_halen = 6
      withUnsafePointer(to: &target) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          _ = sendto(
            socket.fd.rawValue, frame, frame.count, 0, $0,
            socklen_t(MemoryLayout<sockaddr_ll>.size))
        }
      }
    }
  }

  /// An Ethernet frame that announces `address` at `hardware`.
  static func frame(_ address: IPAddress, _ hardware: [UInt8]) -> [UInt8] {
    address.isIPv4 ? arp(address, hardware) : advertisement(address, hardware)
  }

  /// An ARP request for the own address, RFC 826.
  private static func arp(_ address: IPAddress, _ hardware: [UInt8]) -> [UInt8] {
    let broadcast = [UInt8](repeating: 0xff, count: 6)
    let unknown = [UInt8](repeating: 0, count: 6)
    let fixed: [UInt8] = [0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x01]
    return broadcast + hardware + [0x08, 0x06] + fixed + hardware + address.bytes + unknown
      + address.bytes
  }

  /// A neighbour advertisement to all nodes with the override flag, RFC 4861 section 4.4.
  private static func advertisement(_ address: IPAddress, _ hardware: [UInt8]) -> [UInt8] {
    let allNodes: [UInt8] = [0xff, 0x02] + [UInt8](repeating: 0, count: 13) + [0x01]
    var message: [UInt8] = [136, 0, 0, 0, 0x20, 0, 0, 0] + address.bytes + [2, 1] + hardware
    let length = UInt8(message.count)
    let pseudoHeader: [UInt8] = address.bytes + allNodes + [0, 0, 0, length, 0, 0, 0, 58]
    let sum = checksum(pseudoHeader + message)
    message[2] = UInt8(sum >> 8)
    message[3] = UInt8(sum & 0xff)
    let header: [UInt8] = [0x60, 0, 0, 0, 0, length, 58, 255] + address.bytes + allNodes
    return [0x33, 0x33, 0, 0, 0, 1] + hardware + [0x86, 0xdd] + header + message
  }

  /// The internet checksum, RFC 1071.
  static func checksum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for index in stride(from: 0, to: bytes.count, by: 2) {
      let low = index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0
      sum += UInt32(bytes[index]) << 8 | low
    }
    while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
    return ~UInt16(sum)
  }
}
