public import Netlink

/// What a DHCP server has given an instance for some time. What does not fit is not in it: the server
/// may be anybody on the LAN.
public struct DhcpLease: Hashable, Sendable {
  public let address: InterfaceAddress
  /// The server's address (option 54).
  public let server: IPAddress
  /// Where default routes may lead, the best first (option 3).
  public let routers: [IPAddress]
  /// Option 121; where there are some, ``routers`` does not count (RFC 3442).
  public let classlessRoutes: [Hop]
  public let nameServers: [IPAddress]
  /// Option 119, else option 15.
  public let searchDomains: [String]
  /// Bytes.
  public let mtu: UInt32?
  /// Seconds from the request on; `nil`: for ever.
  public let duration: UInt32?
  /// Seconds until the server is asked to prolong it (T1), and until any server is (T2).
  public let renewal: UInt32
  public let rebinding: UInt32

  /// A route: to the gateway, or on-link where there is none.
  public struct Hop: Hashable, Sendable {
    public let destination: InterfaceAddress
    public let gateway: IPAddress?

    public init(_ destination: InterfaceAddress, gateway: IPAddress?) {
      self.destination = destination
      self.gateway = gateway
    }
  }

  /// The routes that the lease asks for, in the order in which they can be made: a gateway that no
  /// route before leads to has one of its own first.
  public var hops: [Hop] {
    var wanted = classlessRoutes
    if wanted.isEmpty, let router = routers.first,
      let everywhere = InterfaceAddress(DhcpMessage.unspecified, prefix: 0)
    {
      wanted = [Hop(everywhere, gateway: router)]
    }
    var onLink = [address] + wanted.filter { $0.gateway == nil }.map(\.destination)
    var made = wanted.filter { $0.gateway == nil }
    for hop in wanted {
      guard let gateway = hop.gateway else { continue }
      if !onLink.contains(where: { $0.contains(gateway) }),
        let alone = InterfaceAddress(gateway, prefix: 32)
      {
        onLink.append(alone)
        made.append(Hop(alone, gateway: nil))
      }
      made.append(hop)
    }
    return made
  }

  /// Whether an instance has to be changed to go from the one to the other.
  public func configures(like other: DhcpLease) -> Bool {
    address == other.address && hops == other.hops && nameServers == other.nameServers
      && searchDomains == other.searchDomains && mtu == other.mtu
  }
}

extension DhcpLease {
  /// The least duration, in seconds, that is worth having.
  private static let shortest: UInt32 = 10

  /// Reads what an offer or an acknowledgement gives.
  ///
  /// - Throws: why an instance cannot use it.
  init(_ message: DhcpMessage) throws(NetworkError) {
    let options = message.options
    let address = message.offeredAddress
    guard let server = options[.serverIdentifier].flatMap(IPAddress.init(bytes:)),
      Self.isHost(server)
    else { throw NetworkError("it does not say which server it is") }
    guard Self.isHost(address) else {
      throw NetworkError("it gives \(address), which no machine can have")
    }
    guard let interface = InterfaceAddress(address, prefix: try Self.prefix(options, address)),
      Self.fits(interface)
    else {
      throw NetworkError("it gives \(address), which is no machine's address in its subnet")
    }
    guard address != server else { throw NetworkError("it gives away its own address, \(address)") }
    guard let seconds = options.number(.leaseTime, as: UInt32.self) else {
      throw NetworkError("it does not say for how long it gives \(address)")
    }
    guard seconds >= Self.shortest else {
      throw NetworkError("it gives \(address) for \(seconds) seconds only")
    }
    self.address = interface
    self.server = server
    // RFC 2131 section 4.4.5
    duration = seconds == .max ? nil : seconds
    let defaults = (UInt32(UInt64(seconds) / 2), UInt32(UInt64(seconds) * 7 / 8))
    let asked = (
      options.number(.renewalTime, as: UInt32.self) ?? defaults.0,
      options.number(.rebindingTime, as: UInt32.self) ?? defaults.1
    )
    let inOrder = asked.0 > 0 && asked.0 < asked.1 && asked.1 < seconds
    (renewal, rebinding) = inOrder ? asked : defaults
    routers = unique(options.addresses(.routers).filter { Self.isHost($0) && $0 != address })
    classlessRoutes = Self.hops(options[.classlessRoutes] ?? [], from: address)
    nameServers = unique(options.addresses(.nameServers).filter(Self.isHost))
    var domains = DomainNames.list(options[.searchDomains] ?? [])
    if domains.isEmpty, let domain = options.text(.domain), DomainNames.isName(domain) {
      domains = [domain]
    }
    searchDomains = domains
    // RFC 791: what every host has to take. Less is no network, but a way to harm one.
    mtu = options.number(.mtu, as: UInt16.self).flatMap { $0 >= 576 ? UInt32($0) : nil }
  }

  /// The prefix of option 1; of the address's class where there is none (RFC 950).
  private static func prefix(
    _ options: DhcpOptions, _ address: IPAddress
  ) throws(NetworkError) -> Int {
    guard options[.subnetMask] != nil else {
      return address.bytes[0] < 128 ? 8 : address.bytes[0] < 192 ? 16 : 24
    }
    guard let mask = options.number(.subnetMask, as: UInt32.self), mask != 0,
      mask.leadingZeroBitCount == 0, (~mask).leadingZeroBitCount == mask.nonzeroBitCount
    else { throw NetworkError("it gives \(address) with a subnet mask that is none") }
    return mask.nonzeroBitCount
  }

  /// Whether a machine on a network can have the address: not one of RFC 6890's for other ends.
  private static func isHost(_ address: IPAddress) -> Bool {
    guard address.isIPv4 else { return false }
    let first = address.bytes[0]
    // 0/8, 127/8, multicast, 240/4 with the broadcast address; 169.254/16 nobody gives (RFC 3927
    // section 1.6).
    return first != 0 && first != 127 && first < 224
      && !(first == 169 && address.bytes[1] == 254)
  }

  /// Whether the address is neither the first nor the last of its subnet; RFC 3021 has no such.
  private static func fits(_ address: InterfaceAddress) -> Bool {
    address.prefix >= 31
      || (address.address != address.network && address.address != address.last)
  }

  /// Reads option 121: the prefix, its significant bytes, the router; 0.0.0.0 is on-link. Broken from
  /// somewhere on, all of it is dropped.
  private static func hops(_ bytes: [UInt8], from own: IPAddress) -> [Hop] {
    var rest = ArraySlice(bytes)
    var hops: [Hop] = []
    while let width = rest.popFirst() {
      let count = (Int(width) + 7) / 8
      guard width <= 32, rest.count >= count + 4 else { return [] }
      let network = Array(rest.prefix(count)) + [UInt8](repeating: 0, count: 4 - count)
      rest = rest.dropFirst(count)
      let router = Array(rest.prefix(4))
      rest = rest.dropFirst(4)
      guard let address = IPAddress(bytes: network)?.masked(Int(width)),
        let destination = InterfaceAddress(address, prefix: Int(width)),
        let gateway = IPAddress(bytes: router)
      else { return [] }
      // 0.0.0.0/0, and 0.0.0.0/1 as one half of it.
      let wide = address.isUnspecified && width < 8
      guard wide || isHost(address), gateway.isUnspecified || isHost(gateway), gateway != own,
        !hops.contains(where: { $0.destination == destination })
      else { continue }
      hops.append(Hop(destination, gateway: gateway.isUnspecified ? nil : gateway))
    }
    return hops
  }
}

/// The elements without those that were there before.
private func unique(_ addresses: [IPAddress]) -> [IPAddress] {
  var seen: Set<IPAddress> = []
  return addresses.filter { seen.insert($0).inserted }
}
