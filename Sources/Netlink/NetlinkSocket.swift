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
      for answer in try receive(name) where answer.sequence == sequence {
        if answer.flags.contains(.interrupted) { interrupted = true }
        switch answer.type {
        case Answer.acknowledgement:
          if let refusal = answer.refusal(of: name) { throw refusal }
          return
        case Answer.endOfDump:
          // The tables changed while they were read: some entries may be missing.
          if interrupted { throw NetlinkError(request: name, errno: .interrupted) }
          return
        default: each(answer.payload)
        }
      }
    }
  }

  /// Sends several requests in one write and waits until each is answered. The kernel carries out one
  /// after the other, also those that follow one it has refused.
  ///
  /// - Parameter message: makes the request of a step; no dump, which is answered otherwise.
  /// - Returns: the places of the steps that were refused. Whoever wants to know why asks again.
  /// - Throws: what keeps them from being sent or answered at all.
  public mutating func request<Step>(
    each steps: [Step], _ message: (Step) -> Message
  ) throws(NetlinkError) -> [Int] {
    let base = sequence &+ 1
    var bytes: [UInt8] = []
    var names: [String] = []
    for step in steps {
      sequence &+= 1
      names.append(message(step).append(to: &bytes, sequence: sequence))
    }
    guard let first = names.first else { return [] }
    guard bytes.withUnsafeBytes({ mnl_socket_sendto(socket, $0.baseAddress, $0.count) }) >= 0
    else { throw NetlinkError(request: first, errno: Errno(rawValue: errno)) }

    var refused: [Int] = []
    var left = names.count
    while left > 0 {
      for answer in try receive(first) where answer.type == Answer.acknowledgement {
        let place = Int(answer.sequence &- base)
        guard place < names.count else { continue }
        left -= 1
        if answer.refusal(of: names[place]) != nil { refused.append(place) }
      }
    }
    return refused
  }

  /// Reads what the kernel has sent next.
  private func receive(_ request: String) throws(NetlinkError) -> [Answer] {
    var received = 0
    // Not filled first: most answers are a few bytes.
    let buffer = [UInt8](unsafeUninitializedCapacity: 1 << 16) { space, count in
      repeat {
        received = mnl_socket_recvfrom(socket, space.baseAddress, space.count)
      } while received < 0 && errno == EINTR
      count = max(0, received)
    }
    guard received > 0 else { throw NetlinkError(request: request, errno: Errno(rawValue: errno)) }
    return Answer.split(buffer[...])
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
}
