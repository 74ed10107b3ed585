import CMnl
import Glibc

/// An address that an interface has.
public struct AssignedAddress: Hashable, Sendable {
  public let interface: Int32
  public let address: InterfaceAddress
}

extension NetlinkSocket {
  /// All addresses of the namespace, of both families.
  public mutating func addresses() throws(NetlinkError) -> [AssignedAddress] {
    try dump {
      var message = Message(.getAddress, .dump, about: "addresses")
      message.putHeader(ifaddrmsg())
      return message
    } _: { payload in
      guard payload.count >= 8 else { return nil }
      let attributes = Attributes(payload.dropFirst(8))
      // On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL is always ours.
      guard let bytes = attributes.bytes(.addressLocal) ?? attributes.bytes(.address),
        let address = IPAddress(bytes: bytes),
        let assigned = InterfaceAddress(
          address, prefix: Int(payload.integer(at: 1, as: UInt8.self)))
      else { return nil }
      return AssignedAddress(
        interface: Int32(bitPattern: payload.integer(at: 4, as: UInt32.self)), address: assigned)
    }
  }

  /// Gives an interface an address, usable at once: IPv6 does not wait for duplicate address
  /// detection.
  public mutating func addAddress(
    _ address: InterfaceAddress, to index: Int32
  ) throws(NetlinkError) {
    var message = Message(.newAddress, [.create, .exclusive], about: "\(address)")
    var header = ifaddrmsg()
    header.ifa_family = address.address.family
    header.ifa_prefixlen = UInt8(address.prefix)
    header.ifa_index = UInt32(bitPattern: index)
    // IFA_F_NODAD
    if !address.address.isIPv4 { header.ifa_flags = 0x02 }
    message.putHeader(header)
    message.put(.addressLocal, address.address.bytes)
    message.put(.address, address.address.bytes)
    // RFC 3021: a /31 has no broadcast address, and a /32 is alone.
    if address.address.isIPv4, address.prefix < 31 {
      message.put(.addressBroadcast, address.last.bytes)
    }
    try request(message)
  }

  /// The gateways of the default routes that leave through an interface, best metric first.
  public mutating func defaultGateways(
    through index: Int32, ipv4: Bool
  ) throws(NetlinkError) -> [IPAddress] {
    let found: [(UInt32, IPAddress)] = try dump {
      var message = Message(.getRoute, .dump, about: "routes")
      var header = rtmsg()
      header.rtm_family = UInt8(ipv4 ? AF_INET : AF_INET6)
      message.putHeader(header)
      message.put(.routeInterface, index)
      return message
    } _: { payload in
      guard payload.count >= 12, payload.integer(at: 1, as: UInt8.self) == 0 else { return nil }
      let attributes = Attributes(payload.dropFirst(12))
      // A kernel that does not filter sends the routes of all interfaces.
      guard attributes.int32(.routeInterface) == index,
        let gateway = attributes.bytes(.routeGateway).flatMap(IPAddress.init(bytes:))
      else { return nil }
      return (attributes.uint32(.routePriority) ?? 0, gateway)
    }
    return found.sorted { $0.0 < $1.0 }.map(\.1)
  }

  /// Adds a default route.
  ///
  /// - Parameter gateway: `nil` makes it on-link, `default dev eth0`.
  public mutating func addDefaultRoute(
    gateway: IPAddress?, ipv4: Bool, through index: Int32
  ) throws(NetlinkError) {
    var message = Message(
      .newRoute, [.create, .exclusive], about: "default via \(gateway.map { "\($0)" } ?? "link")")
    var header = rtmsg()
    header.rtm_family = UInt8(ipv4 ? AF_INET : AF_INET6)
    header.rtm_table = 254  // RT_TABLE_MAIN
    header.rtm_protocol = 3  // RTPROT_BOOT, as ip-route(8)
    header.rtm_type = 1  // RTN_UNICAST
    // RT_SCOPE_LINK where the target is a neighbour, else RT_SCOPE_UNIVERSE
    header.rtm_scope = gateway == nil && ipv4 ? 253 : 0
    message.putHeader(header)
    if let gateway { message.put(.routeGateway, gateway.bytes) }
    message.put(.routeInterface, index)
    try request(message)
  }
}
