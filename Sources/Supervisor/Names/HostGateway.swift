import Netlink
import Network
import OCI

/// `--add-host NAME:host-gateway`: where an instance reaches the host.
enum HostGateway {
  /// The host's addresses on the parent (of a bridge's instance: on the bridge), of the families that
  /// the instance has; those in its own subnet where there are some.
  static func addresses(
    _ plans: [InterfacePlan], sharesHost: Bool, _ host: inout NetlinkSocket
  ) throws -> [IPAddress] {
    if sharesHost { return [IPAddress("127.0.0.1")].compactMap(\.self) }
    guard let plan = plans.first else {
      throw NetworkError(
        "--add-host host-gateway: the instance has no interface by which it could reach the host; add a --net"
      )
    }
    let own = try host.addresses().filter { $0.interface == plan.parent.index }
      .map(\.address.address).filter { !$0.isLinkLocalIPv6 }
    let near = own.filter { address in plan.addresses.contains { $0.contains(address) } }
    let fitting =
      near.isEmpty
      ? own.filter { address in
        plan.addresses.contains { $0.address.isIPv4 == address.isIPv4 }
      } : near
    guard !fitting.isEmpty else {
      throw NetworkError(
        "--add-host host-gateway: the host has no address on \(plan.parent.name) by which the instance could reach it; give one: --add-host NAME:ADDRESS"
      )
    }
    return fitting
  }
}
