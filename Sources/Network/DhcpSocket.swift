import CLinux
import Glibc
import Linux
import Netlink
import SystemPackage

/// A socket for IPv4 packets to the DHCP client's port of one interface, whether it has an address or
/// not, packet(7). To be made inside the instance's network namespace.
struct DhcpPacketSocket: ~Copyable {
  private let descriptor: Descriptor
  private let interface: Int32

  private static let ipv4 = UInt16(0x0800).bigEndian

  init(_ interface: Int32) throws(SystemError) {
    // Protocol 0: nothing comes in before the filter is there.
    let descriptor = Descriptor(
      owning: try check(
        "socket", "AF_PACKET",
        socket(AF_PACKET, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)))
    try setFilter(descriptor.fd, Self.filter)
    var on: CInt = 1
    try check(
      "setsockopt", "PACKET_AUXDATA",
      setsockopt(descriptor.fd.rawValue, SOL_PACKET, PACKET_AUXDATA, &on, 4))
    var address = Self.address(interface, [])
    try withSocketAddress(&address) { (pointer, size) throws(SystemError) in
      try check("bind", "AF_PACKET", bind(descriptor.fd.rawValue, pointer, size))
    }
    self.descriptor = descriptor
    self.interface = interface
  }

  var fd: FileDescriptor { descriptor.fd }

  /// Lets through UDP to port 68 that holds a BOOTP reply; offsets from the IP header.
  private static let filter: [sock_filter] = [
    .load(BPF_B, BPF_ABS, 9),
    .jump(BPF_JEQ, 17, orSkip: 8),
    // The offset of a piece and "more pieces".
    .load(BPF_H, BPF_ABS, 6),
    sock_filter(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, ifTrue: 6),
    sock_filter(BPF_LDX | BPF_B | BPF_MSH, 0),
    .load(BPF_H, BPF_IND, 2),
    .jump(BPF_JEQ, UInt32(DhcpDatagram.clientPort), orSkip: 3),
    .load(BPF_B, BPF_IND, 8),
    .jump(BPF_JEQ, 2, orSkip: 1),
    .end(taking: true),
    .end(taking: false),
  ]

  private static func address(_ interface: Int32, _ hardware: [UInt8]) -> sockaddr_ll {
    var address = sockaddr_ll()
    address.sll_family = UInt16(AF_PACKET)
    address.sll_protocol = ipv4
    address.sll_ifindex = interface
    address.sll_halen = UInt8(hardware.count)
    withUnsafeMutableBytes(of: &address.sll_addr) { $0.copyBytes(from: hardware.prefix(8)) }
    return address
  }

  /// Sends a packet. One that is lost is sent again later, so that nothing is worth an error.
  ///
  /// - Parameter hardware: the MAC address of who gets it; empty for all.
  func send(_ packet: [UInt8], to hardware: [UInt8]) {
    var target = Self.address(
      interface, hardware.isEmpty ? [UInt8](repeating: 0xff, count: 6) : hardware)
    withSocketAddress(&target) {
      _ = sendto(fd.rawValue, packet, packet.count, CInt(MSG_DONTWAIT), $0, $1)
    }
  }

  /// The next message that is there; `nil` when there is none.
  ///
  /// - Returns: nothing in `message` for a packet that holds none.
  func receive() -> (message: DhcpMessage?, sender: [UInt8])? {
    var buffer = [UInt8](repeating: 0, count: 2048)
    var sender = sockaddr_ll()
    var status: UInt32 = 0
    let size = swrun_receive_packet(fd.rawValue, &buffer, buffer.count, &sender, &status)
    guard size >= 0 else { return nil }
    let hardware = withUnsafeBytes(of: sender.sll_addr) {
      Array($0.prefix(Int(sender.sll_halen)))
    }
    // TP_STATUS_CSUMNOTREADY
    let payload = DhcpDatagram.payload(
      of: Array(buffer[..<size]), checksumIsReady: status & 0x08 == 0)
    return (payload.flatMap(DhcpMessage.init(reply:)), hardware)
  }
}

/// A socket that sends to a server as any program would, by the routes of the instance. What comes in
/// the packet socket reads; this one takes it without a word, where the kernel would answer that
/// nobody listens. To be made inside the instance's network namespace.
struct DhcpServerSocket: ~Copyable {
  private let descriptor: Descriptor

  init(from own: IPAddress, interface: String) throws(SystemError) {
    let descriptor = Descriptor(
      owning: try check(
        "socket", "AF_INET",
        socket(AF_INET, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)))
    try setFilter(descriptor.fd, [.end(taking: false)])
    var on: CInt = 1
    _ = setsockopt(descriptor.fd.rawValue, SOL_SOCKET, SO_REUSEADDR, &on, 4)
    try check(
      "setsockopt", "SO_BINDTODEVICE \(interface)",
      setsockopt(
        descriptor.fd.rawValue, SOL_SOCKET, SO_BINDTODEVICE, interface,
        socklen_t(interface.utf8.count)))
    var address = Self.address(own, DhcpDatagram.clientPort)
    try withSocketAddress(&address) { (pointer, size) throws(SystemError) in
      try check("bind", "\(own)", bind(descriptor.fd.rawValue, pointer, size))
    }
    self.descriptor = descriptor
  }

  /// Sends a message. A server that cannot be reached is as one that is silent: others are asked then.
  func send(_ message: [UInt8], to server: IPAddress) {
    var target = Self.address(server, DhcpDatagram.serverPort)
    withSocketAddress(&target) {
      _ = sendto(
        descriptor.fd.rawValue, message, message.count, CInt(MSG_DONTWAIT), $0, $1)
    }
  }

  private static func address(_ address: IPAddress, _ port: UInt16) -> sockaddr_in {
    var result = sockaddr_in()
    result.sin_family = sa_family_t(AF_INET)
    result.sin_port = port.bigEndian
    withUnsafeMutableBytes(of: &result.sin_addr) { $0.copyBytes(from: address.bytes.prefix(4)) }
    return result
  }
}

/// Gives a socket's address to a system call as it wants it.
private func withSocketAddress<Address, Failure: Error>(
  _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(Failure) -> Void
) throws(Failure) {
  try withUnsafePointer(to: &address) { pointer throws(Failure) in
    try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound throws(Failure) in
      try body(rebound, socklen_t(MemoryLayout<Address>.size))
    }
  }
}
