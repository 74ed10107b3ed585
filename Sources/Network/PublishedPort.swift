public import JSON
public import Netlink

/// Ports of an instance that are to be reached by the host's addresses, as `-p` says it:
/// `[[HOSTIP:]HOSTPORT:]PORT[/tcp|udp|sctp]`, ports also as `FIRST-LAST`.
public struct PublishedPort: Hashable, Sendable {
  public enum Transport: String, CaseIterable, Hashable, Sendable, Decodable {
    case tcp, udp, sctp
  }

  /// `nil`: all of the host's.
  public let hostAddress: IPAddress?
  /// `nil`: one that is free, chosen when the instance is run.
  public let hostPort: UInt16?
  /// The instance's own.
  public let port: UInt16
  public let transport: Transport

  /// What a binding that has been decided was made of, for another address of the instance.
  public init(_ binding: PortBinding) {
    self.init(
      hostAddress: binding.hostAddress, hostPort: binding.hostPort, port: binding.port,
      transport: binding.transport)
  }

  init(
    hostAddress: IPAddress?, hostPort: UInt16?, port: UInt16, transport: Transport
  ) {
    self.hostAddress = hostAddress
    self.hostPort = hostPort
    self.port = port
    self.transport = transport
  }

  /// Reads `-p`'s text, which a range makes several of.
  public static func parse(_ text: String) throws(NetworkError) -> [PublishedPort] {
    func refuse(_ reason: String) -> NetworkError {
      NetworkError(
        "-p \(quoted(text)): \(reason); write it as [[HOSTIP:]HOSTPORT:]PORT[/tcp|udp|sctp], for example 8080:80"
      )
    }
    var rest = text[...]
    var transport = Transport.tcp
    if let slash = rest.lastIndex(of: "/") {
      let word = String(rest[rest.index(after: slash)...])
      guard let known = Transport(rawValue: word) else {
        throw refuse("unknown protocol \(quoted(word))")
      }
      transport = known
      rest = rest[..<slash]
    }
    var hostAddress: IPAddress?
    if rest.first == "[" {
      // RFC 3986: an IPv6 address has colons of its own.
      guard let end = rest.firstIndex(of: "]"),
        let address = IPAddress(String(rest[rest.index(after: rest.startIndex)..<end])),
        !address.isIPv4, rest[end...].hasPrefix("]:")
      else { throw refuse("what is in brackets is an IPv6 address, followed by a colon") }
      hostAddress = address
      rest = rest[end...].dropFirst(2)
    }
    var words = rest.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    if hostAddress == nil, words.count == 3 {
      guard let address = IPAddress(words[0]), address.isIPv4 else {
        throw refuse("\(quoted(words[0])) is not an address of the host")
      }
      hostAddress = address
      words.removeFirst()
    } else if hostAddress != nil, words.count == 1 {
      throw refuse("the host's port is missing before the instance's (leave it empty for any)")
    }
    guard words.count == 1 || words.count == 2 else {
      throw refuse(
        words.count > 3 ? "an IPv6 address is written in brackets" : "it has too many colons")
    }
    guard let ports = range(words[words.count - 1]) else {
      throw refuse("\(quoted(words[words.count - 1])) is not a port from 1 to 65535")
    }
    var hostPorts: ClosedRange<UInt16>?
    // `127.0.0.1::80`: any port of that address.
    if words.count == 2, !(words[0].isEmpty && hostAddress != nil) {
      guard let found = range(words[0]) else {
        throw refuse("\(quoted(words[0])) is not a port from 1 to 65535")
      }
      guard found.count == ports.count else {
        throw refuse("\(found.count) ports of the host do not fit \(ports.count) of the instance")
      }
      hostPorts = found
    }
    guard ports.count <= 1000 else {
      throw refuse("it is more than 1000 ports; use --net host, or ipvlan, for so many")
    }
    return ports.map { port in
      PublishedPort(
        hostAddress: hostAddress,
        hostPort: hostPorts.map { $0.lowerBound + (port - ports.lowerBound) },
        port: port, transport: transport)
    }
  }

  private static func range(_ text: String) -> ClosedRange<UInt16>? {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    func port(_ text: Substring) -> UInt16? {
      guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = UInt16(text), number > 0
      else { return nil }
      return number
    }
    guard let first = ends.first.flatMap(port) else { return nil }
    if ends.count == 1 { return first...first }
    guard ends.count == 2, let last = port(ends[1]), last >= first else { return nil }
    return first...last
  }
}

/// One port of one address of the host, and where it leads.
public struct PortBinding: Hashable, Sendable, Decodable {
  /// `0.0.0.0` or `::` for all of its family.
  public let hostAddress: IPAddress
  /// 0 until one is chosen.
  public var hostPort: UInt16
  public let transport: PublishedPort.Transport
  /// The instance's address.
  public let address: IPAddress
  /// The instance's port.
  public let port: UInt16

  public init(
    hostAddress: IPAddress, hostPort: UInt16, transport: PublishedPort.Transport,
    address: IPAddress, port: UInt16
  ) {
    self.hostAddress = hostAddress
    self.hostPort = hostPort
    self.transport = transport
    self.address = address
    self.port = port
  }

  /// Whether both would take the same packets.
  public func collides(with other: PortBinding) -> Bool {
    hostPort != 0 && hostPort == other.hostPort && transport == other.transport
      && hostAddress.isIPv4 == other.hostAddress.isIPv4
      && (hostAddress == other.hostAddress || hostAddress.isUnspecified
        || other.hostAddress.isUnspecified)
  }

  /// `0.0.0.0:8080`, `[::]:8080`
  public var hostText: String {
    (hostAddress.isIPv4 ? "\(hostAddress)" : "[\(hostAddress)]")
      + ":" + (hostPort == 0 ? "any" : "\(hostPort)")
  }

  /// `80/tcp`
  public var portText: String { "\(port)/\(transport.rawValue)" }

  /// `0.0.0.0:8080->80/tcp`, as Docker writes it.
  public var text: String { "\(hostText)->\(portText)" }

  /// The bindings of ports that are published for an instance with `addresses`: of a port without a
  /// host address, one for each family that the instance has.
  ///
  /// - Throws: for a port that cannot be reached at the host's address.
  public static func bindings(
    _ ports: [PublishedPort], addresses: [IPAddress]
  ) throws(NetworkError) -> [PortBinding] {
    var found: [PortBinding] = []
    for port in ports {
      if let host = port.hostAddress {
        guard !host.isLoopback || host.isIPv4 else {
          throw NetworkError(
            "-p [\(host)]:…: IPv6 has no way from the loopback to another interface (no route_localnet). Use 127.0.0.1, or another address of the host"
          )
        }
        guard !host.isMulticast, !host.isMappedIPv4, !host.isLinkLocalIPv6 else {
          throw NetworkError("-p \(host):…: that is not an address that ports are published at")
        }
      }
      var fitting: [PortBinding] = []
      for ipv4 in [true, false] where port.hostAddress.map({ $0.isIPv4 == ipv4 }) ?? true {
        guard let address = addresses.first(where: { $0.isIPv4 == ipv4 && !$0.isLinkLocalIPv6 })
        else { continue }
        fitting.append(
          PortBinding(
            hostAddress: port.hostAddress ?? IPAddress(value: 0, isIPv4: ipv4),
            hostPort: port.hostPort ?? 0, transport: port.transport, address: address,
            port: port.port))
      }
      guard !fitting.isEmpty else {
        let family = port.hostAddress.map { $0.isIPv4 ? "IPv4 " : "IPv6 " } ?? ""
        throw NetworkError(
          "port \(port.port)/\(port.transport.rawValue) cannot be published: the instance has no \(family)address on a bridge. Use a network with a \(family)subnet"
        )
      }
      if let twin = found.first(where: { old in fitting.contains { $0.collides(with: old) } }) {
        throw NetworkError(
          "the host's port \(twin.hostText)/\(twin.transport.rawValue) is published twice")
      }
      found += fitting
    }
    return found
  }
}

extension PortBinding: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("address", address.description)
    json.add("hostAddress", hostAddress.description)
    json.add("hostPort", hostPort)
    json.add("port", port)
    json.add("transport", transport.rawValue)
  }
}
