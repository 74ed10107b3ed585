import Linux
import Netlink

/// How the host and an instance on an ipvlan parent reach each other, which the kernel alone does not
/// let them: what the host sends goes out by the parent and never meets a slave, and what a slave
/// broadcasts never meets the host.
///
/// The host gets a slave of its own, the shim, and a route to each instance's address by it. Towards
/// the host nothing is needed: what a slave sends to the MAC that it shares with its parent and that
/// is no slave's address the driver hands to the parent (`ipvlan_xmit_mode_l2`). The shim answers the
/// instance's ARP for the host. For IPv6, where an interface answers only for addresses of its own,
/// the instance is told.
enum HostAccess {
  /// The shim's name: `swh-eth0`, with a fingerprint for a parent whose name is long.
  static func shim(on parent: String) -> String {
    parent.utf8.count <= 11 ? "swh-\(parent)" : "swh-\(shortFingerprint(parent))"
  }

  /// What the host needs for an interface with `addresses`.
  ///
  /// - Parameter hostAddresses: those of the host on the parent.
  static func resources(
    _ ipvlan: Ipvlan, _ parent: Link, _ addresses: [InterfaceAddress],
    hostAddresses: [InterfaceAddress]
  ) throws -> [HostResource] {
    let shim = shim(on: parent.name)
    var resources: [HostResource] = [
      .shim(name: shim, parent: parent.name, mode: ipvlan.mode, flag: ipvlan.flag)
    ]
    for address in addresses.map(\.address) {
      let family = hostAddresses.filter {
        $0.address.isIPv4 == address.isIPv4 && !$0.address.isLinkLocalIPv6
      }
      guard let source = family.first(where: { $0.contains(address) }) ?? family.first else {
        throw NetworkError(
          "host-access: the host has no \(address.isIPv4 ? "IPv4" : "IPv6") address on \(parent.name) by which \(address) could reach it. Give it one, or leave host-access out"
        )
      }
      if address.isIPv4, try isStrict(parent.name) {
        // What an instance sends comes in by the parent, while the route back is by the shim.
        resources.append(.sysctl(path: "ipv4/conf/\(parent.name)/rp_filter", value: "2"))
      }
      if ipvlan.mode == .l2 {
        resources.append(
          .neighbour(
            address: address, hardwareAddress: parent.hardwareAddress, interface: shim))
      }
      resources.append(
        .route(
          destination: InterfaceAddress(single: address), interface: shim, source: source.address))
    }
    return resources
  }

  /// Whether the host drops what comes in by another way than the answer would take, RFC 3704: the
  /// larger of two settings counts (`IN_DEV_RPFILTER`).
  private static func isStrict(_ interface: String) throws -> Bool {
    let all = try HostResource.read("ipv4/conf/all/rp_filter")
    let own = try HostResource.read("ipv4/conf/\(interface)/rp_filter")
    return max(all, own) == "1"
  }

  /// What the instance has to be told of the host.
  static func neighbours(
    _ ipvlan: Ipvlan, _ parent: Link, hostAddresses: [InterfaceAddress]
  ) -> [Neighbour] {
    guard ipvlan.mode == .l2 else { return [] }
    return hostAddresses.map(\.address).filter { !$0.isIPv4 && !$0.isLinkLocalIPv6 }
      .map { Neighbour($0, hardwareAddress: parent.hardwareAddress) }
  }
}

/// How the LAN reaches instances in l3s without a route: the host answers ARP and neighbour
/// solicitations for their addresses. In l3s, unlike l3, both reach the host.
enum ProxyArp {
  /// What the host needs for an interface with `addresses`. The kernel answers for an address whose
  /// route leads elsewhere than the question came from, on an interface that forwards (`arp_process`,
  /// net/ipv4/arp.c; `ndisc_recv_ns`, net/ipv6/ndisc.c).
  ///
  /// - Parameter isRouted: a route to each address is there otherwise, ``HostAccess``.
  static func resources(
    on parent: String, _ addresses: [InterfaceAddress], isRouted: Bool
  ) throws -> [HostResource] {
    var resources: [HostResource] = []
    for address in addresses.map(\.address) {
      if address.isIPv4 {
        resources.append(.sysctl(path: "ipv4/conf/\(parent)/forwarding", value: "1"))
      } else {
        // An interface that forwards ignores router advertisements unless it is told not to.
        if try HostResource.read("ipv6/conf/\(parent)/accept_ra") == "1" {
          resources.append(.sysctl(path: "ipv6/conf/\(parent)/accept_ra", value: "2"))
        }
        resources.append(.sysctl(path: "ipv6/conf/\(parent)/forwarding", value: "1"))
        resources.append(.sysctl(path: "ipv6/conf/\(parent)/proxy_ndp", value: "1"))
      }
      if !isRouted {
        resources.append(
          .route(destination: InterfaceAddress(single: address), interface: "lo", source: nil))
      }
      resources.append(.neighbour(address: address, hardwareAddress: nil, interface: parent))
    }
    return resources
  }
}
