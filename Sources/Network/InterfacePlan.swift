public import Netlink

/// One interface of an instance, with everything decided: making it is a straight walk.
public struct InterfacePlan: Hashable, Sendable {
  public let spec: NetworkSpec
  /// The parent as it was when the plan was made.
  public let parent: Link
  /// The name inside, `eth0`.
  public let name: String
  public let addresses: [InterfaceAddress]
  public let routes: [DefaultRoute]

  /// A default route of one family.
  public struct DefaultRoute: Hashable, Sendable {
    public let isIPv4: Bool
    /// `nil`: on-link, `default dev eth0`.
    public let gateway: IPAddress?
  }

  /// Whether the neighbours have to be told of the addresses.
  public var announces: Bool { spec.driver?.hasNeighbours == true && !addresses.isEmpty }

  public var usesIPv6: Bool { spec.withoutAddress || addresses.contains { !$0.address.isIPv4 } }

  /// The same as commands of ip(8), to be run with `PID` in the instance's network namespace.
  public var explanation: [String] {
    guard let driver = spec.driver else { return [] }
    let inside = "ip -n INSTANCE"
    var lines: [String] = []
    if !parent.isUp { lines.append("ip link set \(parent.name) up") }
    let mtu = spec.mtu.map { " mtu \($0)" } ?? ""
    lines.append(
      "ip link add link \(parent.name) name \(name) netns INSTANCE\(mtu) \(driver.explanation)")
    if !usesIPv6 { lines.append("\(inside) link set \(name) addrgenmode none") }
    lines.append("\(inside) link set \(name) up")
    for address in addresses {
      let broadcast = address.address.isIPv4 && address.prefix < 31 ? " broadcast +" : ""
      let noDetection = address.address.isIPv4 ? "" : " nodad"
      lines.append("\(inside) addr add \(address)\(broadcast) dev \(name)\(noDetection)")
    }
    for route in routes {
      let family = route.isIPv4 ? "" : " -6"
      let via = route.gateway.map { " via \($0)" } ?? ""
      lines.append("\(inside)\(family) route add default\(via) dev \(name)")
    }
    for address in addresses where announces {
      lines.append(
        address.address.isIPv4
          ? "ip netns exec INSTANCE arping -U -c 3 -I \(name) \(address.address)"
          : "# three unsolicited neighbour advertisements of \(address.address) from \(name)")
    }
    return lines
  }
}
