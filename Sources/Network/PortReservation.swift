import CLinux
import Glibc
import Linux
import SystemPackage

/// Ports of the host that are kept for an instance as long as this lives: by sockets that are bound and
/// do nothing, so that no process of the host can listen there in vain, and none that listens loses its
/// port to an instance.
public final class PortReservation {
  private var sockets: [FileDescriptor] = []

  public init() {}

  deinit {
    for socket in sockets { close(socket.rawValue) }
  }

  /// Keeps the ports, and chooses those that are open: of the kernel's ephemeral ones, the same for
  /// both families.
  ///
  /// - Returns: the bindings with their ports.
  /// - Throws: for a port that is in use; then none is kept.
  public func reserve(_ bindings: [PortBinding]) throws -> [PortBinding] {
    var decided: [PortBinding] = []
    var rest = bindings[...]
    do {
      while let first = rest.popFirst() {
        guard first.hostPort == 0 else {
          try keep(first)
          decided.append(first)
          continue
        }
        var pair = [first]
        if let second = rest.first, second.hostPort == 0, second.port == first.port,
          second.transport == first.transport, first.hostAddress.isUnspecified,
          second.hostAddress.isUnspecified, first.hostAddress.isIPv4, !second.hostAddress.isIPv4
        {
          pair.append(second)
          rest.removeFirst()
        }
        decided += try choose(pair)
      }
    } catch {
      for socket in sockets { close(socket.rawValue) }
      sockets = []
      throw error
    }
    return decided
  }

  private func choose(_ pair: [PortBinding]) throws -> [PortBinding] {
    for attempt in 1... {
      let before = sockets.count
      var chosen = pair
      do {
        for index in chosen.indices {
          if index > 0 { chosen[index].hostPort = chosen[0].hostPort }
          chosen[index].hostPort = try keep(chosen[index])
        }
        return chosen
      } catch {
        // Free for one family, and not for the other.
        guard pair.count > 1, sockets.count > before, attempt < 64 else { throw error }
        for socket in sockets[before...] { close(socket.rawValue) }
        sockets.removeSubrange(before...)
      }
    }
    return pair
  }

  /// - Returns: the port that it is.
  @discardableResult
  private func keep(_ binding: PortBinding) throws -> UInt16 {
    let isIPv4 = binding.hostAddress.isIPv4
    let (type, number) =
      switch binding.transport {
      case .tcp: (SOCK_STREAM, CInt(IPPROTO_TCP))
      case .udp: (SOCK_DGRAM, CInt(IPPROTO_UDP))
      case .sctp: (SOCK_STREAM, CInt(IPPROTO_SCTP))
      }
    let raw = Glibc.socket(
      isIPv4 ? AF_INET : AF_INET6, CInt(type.rawValue) | CInt(SOCK_CLOEXEC.rawValue), number)
    // Where the host itself has no such protocol, none of its processes can have the port; only a
    // number cannot be chosen.
    if raw < 0, binding.hostPort != 0,
      [EPROTONOSUPPORT, ESOCKTNOSUPPORT, EAFNOSUPPORT].contains(errno)
    {
      return binding.hostPort
    }
    guard raw >= 0 else { throw Self.explain(binding, errno) }
    let socket = Descriptor(owning: raw)
    var port: UInt16
    if isIPv4 {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = binding.hostPort.bigEndian
      withUnsafeMutableBytes(of: &address.sin_addr) {
        $0.copyBytes(from: binding.hostAddress.bytes)
      }
      port = try Self.bound(socket.fd, &address, binding).sin_port
    } else {
      var only: CInt = 1
      // IPV6_V6ONLY: the same port of IPv4 is another.
      setsockopt(raw, CInt(IPPROTO_IPV6), 26, &only, socklen_t(MemoryLayout<CInt>.size))
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = binding.hostPort.bigEndian
      withUnsafeMutableBytes(of: &address.sin6_addr) {
        $0.copyBytes(from: binding.hostAddress.bytes)
      }
      port = try Self.bound(socket.fd, &address, binding).sin6_port
    }
    sockets.append(socket.release())
    port = UInt16(bigEndian: port)
    return port
  }

  private static func bound<Address>(
    _ socket: FileDescriptor, _ address: inout Address, _ binding: PortBinding
  ) throws -> Address {
    var length = socklen_t(MemoryLayout<Address>.size)
    return try withUnsafeMutablePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        guard bind(socket.rawValue, $0, length) == 0, getsockname(socket.rawValue, $0, &length) == 0
        else { throw explain(binding, errno) }
      }
      return pointer.pointee
    }
  }

  private static func explain(_ binding: PortBinding, _ code: CInt) -> NetworkError {
    let what = "the host's port \(binding.hostText)/\(binding.transport.rawValue)"
    switch code {
    case EADDRINUSE where binding.hostPort == 0:
      return NetworkError("no port of the host is free at \(binding.hostAddress)")
    case EADDRINUSE:
      let option = binding.transport == .tcp ? "t" : binding.transport == .udp ? "u" : "S"
      return NetworkError(
        "\(what) is in use by a process of the host (ss -ln\(option)p 'sport = :\(binding.hostPort)' shows which). Use another port, or stop it"
      )
    case EADDRNOTAVAIL:
      return NetworkError(
        "\(what): the host has no address \(binding.hostAddress) (ip addr). Use one of its own, or leave it out"
      )
    case EACCES, EPERM:
      return NetworkError("\(what) needs CAP_NET_BIND_SERVICE. Run swrun as root")
    case EMFILE:
      return NetworkError(
        "\(what): more ports are published than one process may have files open (ulimit -n). Publish fewer, or raise it"
      )
    default:
      return NetworkError("\(what) cannot be kept: \(Errno(rawValue: code))")
    }
  }
}
