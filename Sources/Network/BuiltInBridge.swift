public import Netlink

/// The network `bridge`, which is there without `swrun network create`: its subnet is chosen when it is
/// first used, and anew when it is used again and no longer fits the host.
public enum BuiltInBridge {
  public static let network = "bridge"

  /// Marks a definition whose subnet nobody has asked for.
  static let label = "swrun.subnet"

  /// Private subnets, RFC 1918, that home routers, VPNs and other tools seldom have.
  static let candidates = [
    "10.66.0.0/16", "10.166.0.0/16", "172.27.0.0/16", "10.226.0.0/16", "172.21.0.0/16",
    "192.168.166.0/24", "192.168.226.0/24",
  ]

  /// Its definition, with the first subnet that overlaps none of `taken`.
  static func request(avoiding taken: [InterfaceAddress]) throws(NetworkError) -> NetworkRequest {
    let free = candidates.first { text in
      guard let subnet = InterfaceAddress(text) else { return false }
      return !taken.contains { NetworkDefinition.overlaps($0, subnet) }
    }
    guard let free else {
      throw NetworkError(
        "the network bridge finds no free subnet (\(candidates.joined(separator: ", ")) are all taken by the host's addresses and routes or by other networks). Make one: swrun network create --driver bridge --subnet A/PREFIX bridge"
      )
    }
    var request = NetworkRequest(name: network)
    request.driver = "bridge"
    request.subnets = [free]
    request.labels = ["\(label)=automatic"]
    return request
  }
}

extension NetworkStore {
  /// The built-in network as it is or would be; makes nothing.
  ///
  /// - Parameter taken: addresses and routes of the host.
  func builtInRequest(avoiding taken: [InterfaceAddress]) throws -> NetworkRequest? {
    let others = all().networks.filter { $0.name != BuiltInBridge.network }
    let everything = taken + others.flatMap(\.pools).map(\.subnet)
    guard exists(BuiltInBridge.network) else {
      return try BuiltInBridge.request(avoiding: everything)
    }
    let current = try network(BuiltInBridge.network)
    let isOwn = current.labels[BuiltInBridge.label] != nil
    let fits = !current.pools.contains { pool in
      everything.contains { NetworkDefinition.overlaps($0, pool.subnet) }
    }
    let isUsed = try pools(of: current, living: true).contains { !$0.leased.isEmpty }
    return !isOwn || fits || isUsed ? nil : try BuiltInBridge.request(avoiding: everything)
  }

  /// Looks up the built-in network and makes nothing.
  public func resolveBuiltIn(_ spec: NetworkSpec, _ host: inout NetlinkSocket) throws -> NetworkSpec
  {
    guard let request = try builtInRequest(avoiding: host.occupied()) else {
      return try resolve(spec)
    }
    let network = try NetworkDefinition(request)
    var spec = spec
    try network.apply(to: &spec)
    spec.pools = network.pools
    return spec
  }

  /// Defines the built-in network where it is missing or no longer fits; to be called under
  /// ``hold()``.
  public func prepareBuiltIn(_ host: inout NetlinkSocket, created: String) throws {
    guard var request = try builtInRequest(avoiding: host.occupied()) else { return }
    request.created = created
    if exists(BuiltInBridge.network) { try remove(BuiltInBridge.network) }
    try create(request)
  }
}

extension NetlinkSocket {
  /// The subnets that this host has addresses in or routes to, but for those that are everything or
  /// half of it (a VPN's way to lead all to itself) and those of bridges of our own.
  mutating func occupied(
    except interface: String = Bridge.builtIn
  ) throws(NetlinkError) -> [InterfaceAddress] {
    let own = try link(named: interface)?.index
    let addresses = try addresses().filter { $0.interface != own }.map(\.address)
    var destinations: [InterfaceAddress] = []
    for ipv4 in [true, false] {
      destinations += try routes(ipv4: ipv4).filter { $0.interface != own || own == nil }
        .map(\.route.destination)
    }
    return (addresses + destinations).filter { $0.prefix > 1 }
  }
}
