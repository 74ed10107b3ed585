import CMnl
import Glibc

/// A route of the main table, ip-route(8).
public struct Route: Hashable, Sendable {
  /// Where it leads: a network and its prefix, 0 for a default route.
  public let destination: InterfaceAddress
  /// `nil`: the destination's hosts are on the link itself.
  public let gateway: IPAddress?
  /// Of routes to one destination the least goes first; `nil` for the kernel's default.
  public let metric: UInt32?
  /// The address that packets have which this host sends there; `nil`: the kernel chooses.
  public let source: IPAddress?

  public init(
    to destination: InterfaceAddress, gateway: IPAddress? = nil, metric: UInt32? = nil,
    source: IPAddress? = nil
  ) {
    self.destination = destination
    self.gateway = gateway
    self.metric = metric
    self.source = source
  }

  /// A default route of one family.
  public static func defaultRoute(
    ipv4: Bool, gateway: IPAddress?, metric: UInt32? = nil
  ) -> Route {
    Route(to: .everything(ipv4: ipv4), gateway: gateway, metric: metric)
  }

  public var isDefault: Bool { destination.prefix == 0 }
  public var isIPv4: Bool { destination.address.isIPv4 }

  /// `default via 10.20.20.1 metric 5`, as ip-route(8) writes it, without the interface.
  public var text: String {
    (isDefault ? "default" : "\(destination)") + (gateway.map { " via \($0)" } ?? "")
  }
}

/// A route as the kernel lists it.
public struct ListedRoute: Hashable, Sendable {
  public let route: Route
  /// `nil` for one without, such as `unreachable`.
  public let interface: Int32?
  /// `RTPROT_*`: 2 the kernel itself, 3 ip(8), 9 router advertisements.
  public let `protocol`: UInt8
}

extension NetlinkSocket {
  /// The unicast routes of the main table.
  ///
  /// - Parameter interface: only those that leave through it.
  public mutating func routes(
    ipv4: Bool, through interface: Int32? = nil
  ) throws(NetlinkError) -> [ListedRoute] {
    try dump {
      var message = Message(.getRoute, .dump, about: "routes")
      var header = rtmsg()
      header.rtm_family = UInt8(ipv4 ? AF_INET : AF_INET6)
      message.putHeader(header)
      if let interface { message.put(.routeInterface, interface) }
      return message
    } _: { payload in
      // Without RT_TABLE_MAIN and RTN_UNICAST it is the kernel's own bookkeeping.
      guard payload.count >= 12, payload.integer(at: 4, as: UInt8.self) == 254,
        payload.integer(at: 7, as: UInt8.self) == 1
      else { return nil }
      let attributes = Attributes(payload.dropFirst(12))
      let through = attributes.int32(.routeInterface)
      // A kernel that does not filter sends the routes of all interfaces.
      guard interface == nil || through == interface else { return nil }
      let prefix = Int(payload.integer(at: 1, as: UInt8.self))
      let address = attributes.bytes(.routeDestination).flatMap(IPAddress.init(bytes:))
      guard
        let destination = InterfaceAddress(
          address ?? InterfaceAddress.everything(ipv4: ipv4).address, prefix: prefix)
      else { return nil }
      let route = Route(
        to: destination,
        gateway: attributes.bytes(.routeGateway).flatMap(IPAddress.init(bytes:)),
        metric: attributes.uint32(.routePriority),
        source: attributes.bytes(.routeSource).flatMap(IPAddress.init(bytes:)))
      return ListedRoute(
        route: route, interface: through, protocol: payload.integer(at: 5, as: UInt8.self))
    }
  }

  /// The gateways of the default routes that leave through an interface, best metric first.
  public mutating func defaultGateways(
    through index: Int32, ipv4: Bool
  ) throws(NetlinkError) -> [IPAddress] {
    let found = try routes(ipv4: ipv4, through: index).map(\.route).filter(\.isDefault)
    return found.sorted { ($0.metric ?? 0) < ($1.metric ?? 0) }.compactMap(\.gateway)
  }

  /// Adds a route; one that is there already is an error, `EEXIST`.
  public mutating func addRoute(_ route: Route, through index: Int32) throws(NetlinkError) {
    try request(Self.message(adding: route, through: index))
  }

  public static func message(adding route: Route, through index: Int32) -> Message {
    message(.newRoute, [.create, .exclusive], route, through: index)
  }

  /// Removes a route; one that is gone is fine.
  public mutating func deleteRoute(_ route: Route, through index: Int32) throws(NetlinkError) {
    do { try request(Self.message(.deleteRoute, [], route, through: index)) } catch {
      if error.errno.rawValue != ESRCH && error.errno.rawValue != ENODEV { throw error }
    }
  }

  static func message(
    _ type: MessageType, _ flags: MessageFlags, _ route: Route, through index: Int32
  ) -> Message {
    var message = Message(type, flags, about: route.text)
    var header = rtmsg()
    header.rtm_family = UInt8(route.isIPv4 ? AF_INET : AF_INET6)
    header.rtm_dst_len = UInt8(route.destination.prefix)
    header.rtm_table = 254  // RT_TABLE_MAIN
    header.rtm_protocol = 3  // RTPROT_BOOT, as ip-route(8)
    header.rtm_type = 1  // RTN_UNICAST
    // RT_SCOPE_LINK where the target is a neighbour, else RT_SCOPE_UNIVERSE
    header.rtm_scope = route.gateway == nil && route.isIPv4 ? 253 : 0
    message.putHeader(header)
    if !route.isDefault { message.put(.routeDestination, route.destination.address.bytes) }
    if let gateway = route.gateway { message.put(.routeGateway, gateway.bytes) }
    if let source = route.source { message.put(.routeSource, source.bytes) }
    message.put(.routeInterface, index)
    if let metric = route.metric { message.put(.routePriority, metric) }
    return message
  }
}
