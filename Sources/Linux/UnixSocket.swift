import CLinux
import Glibc
public import SystemPackage

/// Sockets with a name in a directory, unix(7), that keep message boundaries.
public enum UnixSocket {
  /// Listens under a name that is new in `directory`; whoever can reach it there can connect.
  public static func listen(
    _ name: String, in directory: FileDescriptor
  ) throws(SystemError) -> Descriptor {
    let socket = try make()
    try call("bind", name, directory) { Glibc.bind(socket.fd.rawValue, $0, $1) }
    try check("listen", name, Glibc.listen(socket.fd.rawValue, 16))
    return socket
  }

  /// Connects to who listens.
  public static func connect(
    _ name: String, in directory: FileDescriptor
  ) throws(SystemError) -> Descriptor {
    let socket = try make()
    try call("connect", name, directory) { Glibc.connect(socket.fd.rawValue, $0, $1) }
    return socket
  }

  /// A socket with a name that is new in `directory`, to which datagrams can be sent. Reading never
  /// blocks.
  public static func datagrams(
    _ name: String, in directory: FileDescriptor
  ) throws(SystemError) -> Descriptor {
    let socket = try make(SOCK_DGRAM)
    try call("bind", name, directory) { Glibc.bind(socket.fd.rawValue, $0, $1) }
    return socket
  }

  /// Sends a datagram to a path, or to an abstract name, which is written with `@` as its first character;
  /// waits for nobody.
  public static func send(_ bytes: [UInt8], to place: String) throws(SystemError) {
    var name = Array(place.utf8)
    if name.first == UInt8(ascii: "@") { name[0] = 0 }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    guard name.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw SystemError("sendto", place, errno: .fileNameTooLong)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    // An abstract name ends where its length says.
    let length = MemoryLayout<sa_family_t>.size + name.count + (name.first == 0 ? 0 : 1)
    let socket = try make(SOCK_DGRAM)
    let sent = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(
          socket.fd.rawValue, bytes, bytes.count, CInt(MSG_NOSIGNAL), $0, socklen_t(length))
      }
    }
    try check("sendto", place, sent)
  }

  /// Connects to who listens at a path, as a stream of bytes.
  public static func connectStream(_ path: String) throws(SystemError) -> Descriptor {
    try connect(path, CInt(SOCK_STREAM.rawValue))
  }

  /// Connects to who listens at a path, for messages that nobody confirms; sending never blocks.
  public static func connectDatagram(_ path: String) throws(SystemError) -> Descriptor {
    try connect(path, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue))
  }

  private static func connect(_ path: String, _ type: CInt) throws(SystemError) -> Descriptor {
    let end = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let parent = end == path.startIndex ? "." : String(path[..<end])
    let directory = try Descriptor.open(parent, pathOnly | O_DIRECTORY)
    let socket = Descriptor(
      owning: try check(
        "socket", "AF_UNIX", Glibc.socket(AF_UNIX, type | CInt(SOCK_CLOEXEC.rawValue), 0)))
    guard path[end...].utf8.count < 64 else {
      throw SystemError("connect", path, errno: .fileNameTooLong)
    }
    try call("connect", String(path[end...]), directory.fd) {
      Glibc.connect(socket.fd.rawValue, $0, $1)
    }
    return socket
  }

  /// A connection that waits to be taken; `nil` where there is none. Reading from it never blocks.
  public static func accept(_ listener: FileDescriptor) -> Descriptor? {
    let raw = accept4(
      listener.rawValue, nil, nil,
      CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue))
    return raw < 0 ? nil : Descriptor(owning: raw)
  }

  /// What has become of a message.
  public enum Sending: Sendable {
    case sent
    /// The peer has not read enough of the former ones.
    case full
    case gone
  }

  /// Sends a message, whole or not at all, without waiting.
  public static func send(_ message: [UInt8], over socket: FileDescriptor) -> Sending {
    while true {
      let flags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)
      if Glibc.send(socket.rawValue, message, message.count, flags) >= 0 { return .sent }
      if errno == EAGAIN || errno == ENOBUFS { return .full }
      if errno != EINTR { return .gone }
    }
  }

  /// The user of the process that has connected, `SO_PEERCRED`.
  public static func peerUser(_ socket: FileDescriptor) -> uid_t? {
    // struct ucred: pid, uid, gid
    var credentials: (pid_t, uid_t, gid_t) = (0, 0, 0)
    var length = socklen_t(MemoryLayout.size(ofValue: credentials))
    guard getsockopt(socket.rawValue, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else {
      return nil
    }
    return credentials.1
  }

  private static func make(
    _ kind: __socket_type = SOCK_SEQPACKET
  ) throws(SystemError) -> Descriptor {
    let type =
      CInt(kind.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
    return Descriptor(owning: try check("socket", "AF_UNIX", socket(AF_UNIX, type, 0)))
  }

  /// A socket's path has 107 bytes at most, so it is reached by the directory's descriptor.
  private static func call(
    _ call: String, _ name: String, _ directory: FileDescriptor,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) throws(SystemError) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = Array("/proc/self/fd/\(directory.rawValue)/\(name)".utf8)
    precondition(path.count < MemoryLayout.size(ofValue: address.sun_path))
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try check(call, name, result)
  }
}
