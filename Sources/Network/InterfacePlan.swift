public import Netlink

/// One interface of an instance, with everything decided: making it is a straight walk.
public struct InterfacePlan: Hashable, Sendable {
  public internal(set) var spec: NetworkSpec
  /// The parent as it was when the plan was made; without an index where it is yet to be made.
  public internal(set) var parent: Link
  /// The name inside, `eth0`.
  public let name: String
  public internal(set) var addresses: [InterfaceAddress]
  /// Default and other routes by this interface.
  public internal(set) var routes: [Route] = []
  /// Default routes that it would have, were it not for another interface's.
  public internal(set) var spareRoutes: [Route] = []
  /// What a DHCP server has given, whose address and routes are among the others.
  public internal(set) var lease: DhcpLease?
  /// Whether a router that advertises itself becomes the default route.
  var followsRouter = false
  /// Neighbours that the instance cannot ask for their MAC address.
  public internal(set) var neighbours: [Neighbour] = []
  /// The host's ports that lead to this interface.
  public internal(set) var published: [PortBinding] = []
  /// What has to be on the host before the interface is made, in this order.
  public internal(set) var hostResources: [HostResource] = []

  init(spec: NetworkSpec, parent: Link, name: String, addresses: [InterfaceAddress]) {
    self.spec = spec
    self.parent = parent
    self.name = name
    self.addresses = addresses
  }

  /// Whether the neighbours have to be told of the addresses.
  public var announces: Bool {
    !addresses.isEmpty && (spec.driver?.hasNeighbours == true || isProxied)
  }

  /// Whether the kernel can tell the neighbours first, of IPv4 addresses that are known. A bridge takes no
  /// frames yet as its port comes up.
  var kernelAnnounces: Bool {
    announces && !isProxied && !isPort && addresses.allSatisfy(\.address.isIPv4)
  }

  /// Whether the host answers the LAN for the addresses, and so tells it of them too.
  var isProxied: Bool {
    hostResources.contains { resource in
      if case .neighbour(_, .none, parent.name) = resource { true } else { false }
    }
  }

  /// Whether it is a port of a bridge.
  public var isPort: Bool { if case .bridge = spec.kind { true } else { false } }

  /// Whether nobody has to wait until the kernel removes it, once it has lost its addresses: those are all known,
  /// and it keeps no MAC address and no parent from the next.
  var canBeLeft: Bool {
    guard !spec.withoutAddress, spec.sources.isEmpty, spec.hardwareAddress == nil else {
      return false
    }
    return switch spec.kind {
    case .ipvlan: true
    case .macvlan(let macvlan): macvlan.mode != .passthru
    default: false
    }
  }

  public var usesIPv6: Bool {
    spec.withoutAddress || spec.sources.contains(.slaac)
      || addresses.contains { !$0.address.isIPv4 }
  }

  /// The parent as it is now: it may have been made since the plan was.
  public mutating func refreshParent(_ host: inout NetlinkSocket) throws {
    guard let link = try host.link(named: parent.name) else {
      throw NetworkError("\(parent.name) has gone while the instance was made")
    }
    parent = link
  }

  /// The parent, and what it is on where swrun makes it: when one of them is there again, it may be
  /// made anew.
  public var parentNames: [String] {
    [parent.name]
      + hostResources.compactMap {
        if case .vlan(let name, let base, _) = $0, name == parent.name { base } else { nil }
      }
  }

  /// The parent has changed; what depends on its name and MAC address changes with it.
  public mutating func adopt(_ link: Link) {
    let former = parent.hardwareAddress
    parent = link
    spec.renameParent(link.name)
    guard former != link.hardwareAddress else { return }
    neighbours = neighbours.map { Neighbour($0.address, hardwareAddress: link.hardwareAddress) }
    hostResources = hostResources.map { resource in
      guard case .neighbour(let address, former, let interface) = resource else { return resource }
      return .neighbour(
        address: address, hardwareAddress: link.hardwareAddress, interface: interface)
    }
  }

  /// A spare route has become the default route.
  public mutating func useSpare(_ route: Route) {
    spareRoutes.removeAll { $0 == route }
    routes.append(route)
  }

  /// The same as commands of ip(8), to be run with `PID` in the instance's network namespace.
  public var explanation: [String] {
    guard let driver = spec.driver else { return [] }
    let inside = "ip -n INSTANCE"
    var lines = hostResources.flatMap { $0.explanation.split(separator: "\n").map(String.init) }
    if !parent.isUp { lines.append("ip link set \(parent.name) up") }
    for address in probedAddresses {
      lines.append(
        address.isIPv4
          ? "arping -D -c 3 -I \(parent.name) \(address)"
          : "# three neighbour solicitations for \(address) from :: by \(parent.name)")
    }
    let mtu = self.mtu.map { " mtu \($0)" } ?? ""
    let address = spec.hardwareAddress.map { " address \(hardwareText($0))" } ?? ""
    if case .bridge = spec.kind {
      lines.append(
        "ip link add vINSTANCE mtu \(parent.mtu) master \(parent.name) type veth peer name \(name) netns INSTANCE mtu \(spec.mtu ?? parent.mtu)\(address)"
      )
      if !published.isEmpty { lines.append("bridge link set dev vINSTANCE hairpin on") }
      lines.append("ip link set vINSTANCE addrgenmode none")
      lines.append("ip link set vINSTANCE up")
    } else {
      lines.append(
        "ip link add link \(parent.name) name \(name) netns INSTANCE\(mtu)\(address) \(driver.explanation)"
      )
    }
    if !usesIPv6 { lines.append("\(inside) link set \(name) addrgenmode none") }
    for sysctl in routerSettings + spec.sysctls {
      lines.append("ip netns exec INSTANCE sysctl -w net/\(sysctl.path(of: name))=\(sysctl.value)")
    }
    if kernelAnnounces {
      lines.append("ip netns exec INSTANCE sysctl -w net/ipv4/conf/\(name)/arp_notify=1")
    }
    let up = "\(inside) link set \(name) up"
    if !kernelAnnounces { lines.append(up) }
    for address in addresses {
      let broadcast = address.address.isIPv4 && address.prefix < 31 ? " broadcast +" : ""
      let noDetection = address.address.isIPv4 ? "" : " nodad"
      lines.append("\(inside) addr add \(address)\(broadcast) dev \(name)\(noDetection)")
    }
    if kernelAnnounces { lines.append(up) }
    if usesDhcp {
      lines.append("ip netns exec INSTANCE udhcpc -B -i \(name)  # and its address and routes")
    }
    for neighbour in neighbours {
      let hardware = neighbour.hardwareAddress.map(hardwareText) ?? ""
      lines.append("\(inside) neigh replace \(neighbour.address) lladdr \(hardware) dev \(name)")
    }
    for route in routes {
      let family = route.isIPv4 ? "" : " -6"
      let metric = route.metric.map { " metric \($0)" } ?? ""
      lines.append("\(inside)\(family) route add \(route.text) dev \(name)\(metric)")
    }
    let (command, sender) =
      isProxied ? ("arping", parent.name) : ("ip netns exec INSTANCE arping", name)
    for address in addresses where announces {
      lines.append(
        address.address.isIPv4
          ? "\(command) -U -c \(kernelAnnounces ? 2 : 3) -I \(sender) \(address.address)"
          : "# three unsolicited neighbour advertisements of \(address.address) from \(sender)")
    }
    return lines
  }
}

extension NetworkSpec.Sysctl {
  /// Below `/proc/sys/net`.
  func path(of interface: String) -> String { "\(table)/\(interface)/\(key)" }
}
