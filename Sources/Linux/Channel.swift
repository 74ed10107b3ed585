import CLinux
import Glibc
public import SystemPackage

/// One end of a socket pair between the two sides of a launch: bytes, descriptors, and messages with
/// their boundaries (`SOCK_SEQPACKET`).
public struct Channel: ~Copyable, Sendable {
  private let descriptor: Descriptor

  public init(_ descriptor: consuming Descriptor) {
    self.descriptor = descriptor
  }

  public var fd: FileDescriptor { descriptor.fd }

  /// Gives the descriptor up without closing it.
  public consuming func release() -> FileDescriptor { descriptor.release() }

  /// Sends one message; `descriptor` goes along where it is given.
  public borrowing func send(
    _ byte: UInt8, descriptor attached: FileDescriptor? = nil
  ) throws(SystemError) {
    var byte = byte
    try check("sendmsg", "", swrun_send_with_fd(fd.rawValue, &byte, 1, attached?.rawValue ?? -1))
  }

  /// Sends one message of many bytes; used for the report of a failure.
  public borrowing func send(_ bytes: [UInt8]) {
    _ = Glibc.send(fd.rawValue, bytes, bytes.count, CInt(MSG_NOSIGNAL))
  }

  /// Has the sender's pid come with each descriptor, unix(7): `SO_PASSCRED`.
  public borrowing func askForSenders() throws(SystemError) {
    var on: CInt = 1
    try check(
      "setsockopt", "SO_PASSCRED",
      setsockopt(
        fd.rawValue, SOL_SOCKET, SO_PASSCRED, &on, socklen_t(MemoryLayout.size(ofValue: on))))
  }

  /// Waits for the one byte that the other side sends; `nil` when it has closed its end.
  public borrowing func receive() throws(SystemError) -> UInt8? {
    var byte: UInt8 = 0
    var raw: CInt = -1
    var sender: pid_t = 0
    let count = try check(
      "recvmsg", "", again { Int(swrun_receive_fd(fd.rawValue, &byte, &raw, &sender)) })
    if raw >= 0 { close(raw) }
    return count == 0 ? nil : byte
  }

  /// What ``receiveAny()`` got.
  public enum Message: ~Copyable {
    case bytes([UInt8])
    /// - Parameters:
    ///   - kind: the byte that it was sent with.
    ///   - sender: the sender's pid here, after ``Channel/askForSenders()``; else 0.
    case descriptor(Descriptor, kind: UInt8, sender: pid_t)
    case end
  }

  /// Waits for a message of any kind. One that carries a descriptor has a single byte.
  public borrowing func receiveAny() throws(SystemError) -> Message {
    // The size is looked at first: a message of one byte may bring a descriptor.
    var probe = [UInt8](repeating: 0, count: 4096)
    var size = try check(
      "recv", "", again { recv(fd.rawValue, &probe, probe.count, CInt(MSG_PEEK)) })
    if size == 1 {
      var raw: CInt = -1
      var sender: pid_t = 0
      try check(
        "recvmsg", "", again { Int(swrun_receive_fd(fd.rawValue, &probe, &raw, &sender)) })
      return raw >= 0
        ? .descriptor(Descriptor(owning: raw), kind: probe[0], sender: sender) : .bytes([probe[0]])
    }
    if size == 0 { return .end }
    size = try check("recv", "", again { recv(fd.rawValue, &probe, probe.count, 0) })
    return .bytes(Array(probe.prefix(size)))
  }

  /// A peer that ends without having read all is told of once, by whichever call comes next, be it the
  /// one after a look; what it has sent follows (`__skb_try_recv_datagram`, net/core/datagram.c).
  private borrowing func again(_ receive: () -> Int) -> Int {
    while true {
      let size = receive()
      if size >= 0 || (errno != EINTR && errno != ECONNRESET) { return size }
    }
  }
}
