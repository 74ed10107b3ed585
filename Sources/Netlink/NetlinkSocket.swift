import CMnl
import Glibc
import Linux
import SystemPackage

/// A socket to the kernel's routing tables, rtnetlink(7). It belongs to the network namespace in
/// which it was opened, wherever the process goes afterwards.
public struct NetlinkSocket: ~Copyable {
  private let socket: OpaquePointer
  private var sequence: UInt32 = 0

  public init() throws(NetlinkError) {
    guard let socket = mnl_socket_open2(NETLINK_ROUTE, CInt(SOCK_CLOEXEC.rawValue)) else {
      throw NetlinkError(request: "socket(AF_NETLINK)", errno: Errno(rawValue: errno))
    }
    guard mnl_socket_bind(socket, 0, 0) == 0 else {
      let reason = Errno(rawValue: errno)
      mnl_socket_close(socket)
      throw NetlinkError(request: "bind(AF_NETLINK)", errno: reason)
    }
    self.socket = socket
    // NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK; one that an old kernel does not
    // know only makes its errors terser and its dumps longer.
    for option: CInt in [10, 11, 12] {
      var on: CInt = 1
      mnl_socket_setsockopt(socket, option, &on, socklen_t(MemoryLayout<CInt>.size))
    }
  }

  deinit {
    mnl_socket_close(socket)
  }

  /// Opens a socket that belongs to another network namespace.
  public static func inside(_ namespace: borrowing Namespace) throws -> NetlinkSocket {
    try namespace.visit { try NetlinkSocket() }
  }

  /// Sends a request and waits for its acknowledgement or the end of its dump.
  ///
  /// - Parameter each: gets the payload of each message of the answer.
  /// - Throws: what the kernel refuses, with its words.
  public mutating func request(
    _ message: consuming Message, each: (ArraySlice<UInt8>) -> Void = { _ in }
  ) throws(NetlinkError) {
    sequence &+= 1
    message.header.pointee.nlmsg_seq = sequence
    let name = message.description
    guard mnl_socket_sendto(socket, message.header, Int(message.header.pointee.nlmsg_len)) >= 0
    else { throw NetlinkError(request: name, errno: Errno(rawValue: errno)) }

    var interrupted = false
    while true {
      var received = 0
      // Not filled first: most answers are a few bytes.
      let buffer = [UInt8](unsafeUninitializedCapacity: 1 << 16) { space, count in
        received = mnl_socket_recvfrom(socket, space.baseAddress, space.count)
        count = max(0, received)
      }
      if received < 0, errno == EINTR { continue }
      guard received > 0 else { throw NetlinkError(request: name, errno: Errno(rawValue: errno)) }
      var rest = buffer[..<received]
      while rest.count >= 16 {
        let length = Int(rest.integer(at: 0, as: UInt32.self))
        guard length >= 16, length <= rest.count else { break }
        let type = rest.integer(at: 4, as: UInt16.self)
        let flags = MessageFlags(rawValue: rest.integer(at: 6, as: UInt16.self))
        let answers = rest.integer(at: 8, as: UInt32.self)
        let payload = rest.dropFirst(16).prefix(length - 16)
        rest = rest.dropFirst((length + 3) & ~3)
        guard answers == sequence else { continue }
        if flags.contains(.interrupted) { interrupted = true }
        switch type {
        case 2:  // NLMSG_ERROR, also the acknowledgement
          try Self.check(payload, flags: flags, request: name)
          return
        case 3:  // NLMSG_DONE
          // The tables changed while they were read: some entries may be missing.
          if interrupted { throw NetlinkError(request: name, errno: .interrupted) }
          return
        default: each(payload)
        }
      }
    }
  }

  /// Reads a whole table, again where it changed meanwhile.
  mutating func dump<Element>(
    _ make: () -> Message, _ parse: (ArraySlice<UInt8>) -> Element?
  ) throws(NetlinkError) -> [Element] {
    var attempt = 0
    while true {
      var found: [Element] = []
      do {
        try request(make()) { if let element = parse($0) { found.append(element) } }
        return found
      } catch {
        attempt += 1
        guard error.errno == .interrupted, attempt < 20 else { throw error }
      }
    }
  }

  /// Reads a `struct nlmsgerr`: the negative errno, the header of the request, then attributes.
  private static func check(
    _ payload: ArraySlice<UInt8>, flags: MessageFlags, request: String
  ) throws(NetlinkError) {
    guard payload.count >= 4 else {
      throw NetlinkError(request: request, errno: .badMessage)
    }
    let code = payload.integer(at: 0, as: Int32.self)
    guard code != 0 else { return }
    var extack: String?
    if flags.contains(.extendedAcknowledgement), payload.count >= 20 {
      let requestLength = Int(payload.integer(at: 4, as: UInt32.self))
      let skipped = flags.contains(.capped) ? 20 : 4 + (max(16, requestLength) + 3) & ~3
      extack = Attributes(payload.dropFirst(skipped)).string(.errorMessage)
    }
    throw NetlinkError(
      request: request, errno: Errno(rawValue: code == .min ? EINVAL : -code), extack: extack)
  }
}
