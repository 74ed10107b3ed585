import Netlink

/// Which addresses an interface gets.
extension NetworkPlanner {
  mutating func addresses(
    _ spec: NetworkSpec, on parent: Link, _ others: [Slave]
  ) throws -> [InterfaceAddress] {
    if spec.network != nil { return try pooledAddresses(spec, on: parent, others) }
    if spec.addresses.isEmpty, !spec.withoutAddress, spec.sources.isEmpty {
      throw NetworkError(
        "--net \(spec.summary) needs an address: add --ip, for example --ip 10.20.20.2/24, --ip dhcp, or ip=none for an interface without one"
      )
    }
    if spec.withoutAddress, !spec.addresses.isEmpty {
      throw NetworkError("--net \(spec.summary): ip=none and an address exclude each other")
    }
    let own = try ownAddresses()
    return try spec.addresses.map { wanted in
      let subnet = own.first {
        $0.interface == parent.index && $0.address.contains(wanted.address)
      }
      let prefix = wanted.prefix ?? subnet?.address.prefix ?? (wanted.address.isIPv4 ? 24 : 64)
      guard let address = InterfaceAddress(wanted.address, prefix: prefix) else {
        throw NetworkError("\(wanted.address): the prefix \(prefix) is out of range")
      }
      try Self.check(address)
      try refuseOwn(wanted.address)
      return address
    }
  }

  /// The addresses of an interface on a defined network: those asked for, and the lowest that is free
  /// of each family that none was asked of.
  private mutating func pooledAddresses(
    _ spec: NetworkSpec, on parent: Link, _ others: [Slave]
  ) throws -> [InterfaceAddress] {
    let name = spec.network ?? ""
    if spec.withoutAddress {
      guard spec.addresses.isEmpty else {
        throw NetworkError("--net \(name): ip=none and an address exclude each other")
      }
      return []
    }
    let own = Set(try ownAddresses().map(\.address.address))
    let routers = try self.routers(spec, on: parent)
    var found: [InterfaceAddress] = []
    for wanted in spec.addresses {
      guard let pool = spec.pools.first(where: { $0.subnet.contains(wanted.address) }) else {
        let family = wanted.address.isIPv4 ? "IPv4" : "IPv6"
        let fitting = spec.pools.filter { $0.subnet.address.isIPv4 == wanted.address.isIPv4 }
        throw NetworkError(
          fitting.isEmpty
            ? "the network \(name) has no \(family) subnet, and \(wanted.address) is an \(family) address"
            : "\(wanted.address) is outside the network \(name), which is \(list(fitting.map { "\($0.subnet)" }))"
        )
      }
      guard wanted.prefix == nil || wanted.prefix == pool.subnet.prefix else {
        throw NetworkError(
          "the prefix of \(wanted.address) is that of the network \(name), \(pool.subnet.prefix); leave it out"
        )
      }
      guard let address = InterfaceAddress(wanted.address, prefix: pool.subnet.prefix) else {
        throw NetworkError("\(wanted.address): the prefix \(pool.subnet.prefix) is out of range")
      }
      try Self.check(address)
      try refuseOwn(wanted.address)
      if wanted.address == pool.reservedGateway || routers.contains(wanted.address) {
        throw NetworkError(
          "\(wanted.address) is the gateway of the network \(name). Use another address, or leave --ip out"
        )
      }
      if let entry = pool.auxiliary.first(where: { $0.value == wanted.address }) {
        throw NetworkError(
          "\(wanted.address) is kept for \(entry.key) in the network \(name). Use another address, or leave --ip out"
        )
      }
      let holder = others.first { $0.addresses.contains(wanted.address) }
      if pool.leased.contains(wanted.address), holder == nil {
        throw NetworkError(
          "\(wanted.address) of the network \(name) is leased to another instance (swrun network inspect \(name) shows which). Use another address, or leave --ip out"
        )
      }
      found.append(address)
    }
    let avoided = own.union(routers).union(others.flatMap(\.addresses)).union(found.map(\.address))
      .union(spec.avoided)
    for ipv4 in [true, false] where !spec.sources.contains(ipv4 ? .dhcp : .slaac) {
      let pools = spec.pools.filter { $0.subnet.address.isIPv4 == ipv4 }
      guard !pools.isEmpty, !found.contains(where: { $0.address.isIPv4 == ipv4 }) else { continue }
      guard
        let address = pools.lazy.compactMap({ pool in
          pool.lowestFree(avoiding: avoided).flatMap {
            InterfaceAddress($0, prefix: pool.subnet.prefix)
          }
        }).first
      else {
        let full = list(pools.map { "\($0.range ?? $0.subnet)" })
        throw NetworkError(
          "the network \(name) is full: no address of \(full) is free\(spec.avoided.isEmpty ? "" : " (\(spec.avoided.count) in use by others on the LAN)"). Stop an instance of it (swrun ps --filter network=\(name)), or make a wider network"
        )
      }
      found.append(address)
    }
    return found
  }

  /// The host's own gateways, where the instance will have them for want of a better.
  private mutating func routers(_ spec: NetworkSpec, on parent: Link) throws -> Set<IPAddress> {
    guard parent.index > 0 else { return [] }
    var found: Set<IPAddress> = []
    for ipv4 in [true, false] {
      let asks = spec.pools.contains {
        $0.subnet.address.isIPv4 == ipv4 && $0.hasNeighbours && $0.gateway == .automatic
      }
      if asks { found.formUnion(try host.defaultGateways(through: parent.index, ipv4: ipv4)) }
    }
    return found
  }

  /// Refuses what cannot be the address of one interface.
  static func check(_ wanted: InterfaceAddress) throws(NetworkError) {
    let address = wanted.address
    if address.isUnspecified || address.isMulticast || address.isLoopback || address.isMappedIPv4 {
      let what =
        address.isUnspecified
        ? "no address"
        : address.isMulticast
          ? "a multicast address"
          : address.isLoopback ? "a loopback address" : "an IPv4 address written as IPv6"
      throw NetworkError(
        "\(address) is \(what) and cannot be an instance's. Use an address of the parent's subnet")
    }
    if wanted.prefix < address.bitCount - 1 {
      if address == wanted.network {
        throw NetworkError(
          "\(address) is the network address of \(wanted.network)/\(wanted.prefix). Use an address after it"
        )
      }
      if address.isIPv4, address == wanted.last {
        throw NetworkError(
          "\(address) is the broadcast address of \(wanted.network)/\(wanted.prefix). Use an address before it"
        )
      }
    }
  }
}
