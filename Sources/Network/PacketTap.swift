import CLinux
import Glibc
import Linux
import SystemPackage

/// A packet socket that sees the ARP and neighbour discovery frames which an interface receives,
/// packet(7), and sends whole frames through it.
enum PacketTap {
  /// - Parameters:
  ///   - groups: Ethernet addresses whose frames the interface shall let through as well.
  static func open(on index: Int32, groups: [[UInt8]]) throws(SystemError) -> Descriptor {
    let type = CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
    // Protocol 0: it receives nothing until it has its filter and is bound.
    let socket = Descriptor(
      owning: try check("socket", "AF_PACKET", Glibc.socket(AF_PACKET, type, 0)))
    let raw = socket.fd.rawValue
    try attachFilter(raw)
    for group in groups { try join(group, on: index, raw) }
    // PACKET_IGNORE_OUTGOING; a kernel before 4.20 shows us our own frames, which the reader knows.
    var on: CInt = 1
    _ = setsockopt(raw, packetLevel, 23, &on, socklen_t(MemoryLayout<CInt>.size))
    var place = sockaddr_ll()
    place.sll_family = UInt16(AF_PACKET)
    // ETH_P_ALL, 3: a tap of one protocol comes after ipvlan and macvlan have taken the frame away
    // (`__netif_receive_skb_core`, net/core/dev.c).
    place.sll_protocol = UInt16(3).bigEndian
    place.sll_ifindex = index
    let result = withUnsafePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(raw, $0, socklen_t(MemoryLayout<sockaddr_ll>.size))
      }
    }
    try check("bind", "AF_PACKET", result)
    return socket
  }

  /// One frame; empty where none is there, or where it is longer than any of those that are meant.
  static func receive(from fd: FileDescriptor) throws(SystemError) -> [UInt8] {
    var frame = [UInt8](repeating: 0, count: 2048)
    // With MSG_TRUNC the result is the frame's length even where that is more than was read.
    let length = recv(fd.rawValue, &frame, frame.count, CInt(MSG_TRUNC))
    if length < 0 {
      if errno == EAGAIN || errno == EINTR { return [] }
      throw SystemError("recv", "AF_PACKET")
    }
    guard length <= frame.count else { return [] }
    frame.removeLast(frame.count - length)
    return frame
  }

  /// SOL_PACKET
  private static let packetLevel: CInt = 263

  private static func join(
    _ group: [UInt8], on index: Int32, _ socket: CInt
  ) throws(SystemError) {
    var membership = packet_mreq()
    membership.mr_ifindex = index
    membership.mr_type = UInt16(PACKET_MR_MULTICAST)
    membership.mr_alen = UInt16(group.count)
    withUnsafeMutableBytes(of: &membership.mr_address) { $0.copyBytes(from: group) }
    try check(
      "setsockopt", "PACKET_ADD_MEMBERSHIP",
      setsockopt(
        socket, packetLevel, PACKET_ADD_MEMBERSHIP, &membership,
        socklen_t(MemoryLayout<packet_mreq>.size)))
  }

  /// The filter, linux/filter.h: ARP, and ICMPv6 of the types 135 and 136; not what belongs to a VLAN,
  /// whose tag the kernel has put beside the frame.
  static var filter: [sock_filter] {
    let vlanTag: UInt32 = 0xffff_f000 &+ 44  // SKF_AD_OFF + SKF_AD_VLAN_TAG
    let vlanTagPresent: UInt32 = 0xffff_f000 &+ 48
    let (loadWord, loadHalf, loadByte): (UInt16, UInt16, UInt16) = (0x20, 0x28, 0x30)
    let (ifEqual, ifAny, give): (UInt16, UInt16, UInt16) = (0x15, 0x45, 0x06)
    return [
      sock_filter(code: loadWord, jt: 0, jf: 0, k: vlanTagPresent),
      sock_filter(code: ifEqual, jt: 2, jf: 0, k: 0),
      sock_filter(code: loadWord, jt: 0, jf: 0, k: vlanTag),
      // A tag with the id 0 says only the priority.
      sock_filter(code: ifAny, jt: 9, jf: 0, k: 0x0fff),
      sock_filter(code: loadHalf, jt: 0, jf: 0, k: 12),
      sock_filter(code: ifEqual, jt: 6, jf: 0, k: 0x0806),
      sock_filter(code: ifEqual, jt: 0, jf: 6, k: 0x86dd),
      sock_filter(code: loadByte, jt: 0, jf: 0, k: 20),
      sock_filter(code: ifEqual, jt: 0, jf: 4, k: 58),
      sock_filter(code: loadByte, jt: 0, jf: 0, k: 54),
      sock_filter(code: ifEqual, jt: 1, jf: 0, k: 135),
      sock_filter(code: ifEqual, jt: 0, jf: 1, k: 136),
      sock_filter(code: give, jt: 0, jf: 0, k: 0x40000),
      sock_filter(code: give, jt: 0, jf: 0, k: 0),
    ]
  }

  private static func attachFilter(_ socket: CInt) throws(SystemError) {
    var program = filter
    let length = UInt16(program.count)
    let result = program.withUnsafeMutableBufferPointer { buffer in
      var filter = sock_fprog(len: length, filter: buffer.baseAddress)
      // SO_ATTACH_FILTER
      return setsockopt(socket, SOL_SOCKET, 26, &filter, socklen_t(MemoryLayout<sock_fprog>.size))
    }
    try check("setsockopt", "SO_ATTACH_FILTER", result)
  }
}
