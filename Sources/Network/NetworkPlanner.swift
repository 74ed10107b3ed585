import Glibc
import Linux
public import Netlink

/// Turns what was asked for into what will be made, or says why it cannot be; changes nothing.
public struct NetworkPlanner: ~Copyable {
  private var host: NetlinkSocket
  private let known: [Slave]
  private var hostAddresses: [AssignedAddress]?

  /// - Parameters:
  ///   - host: a socket of the namespace that has the parents, this process's own.
  ///   - known: the slaves of instances that live, from their state.
  public init(host: consuming NetlinkSocket, known: [Slave]) {
    self.host = host
    self.known = known
  }

  /// Gives the socket back, for the work.
  public consuming func finish() -> NetlinkSocket { host }

  /// Plans all interfaces of an instance, in the order asked for.
  public mutating func plan(_ specs: [NetworkSpec]) throws -> [InterfacePlan] {
    if specs.count > 1, specs.contains(where: { $0.kind == .none }) {
      throw NetworkError("--net none stands alone: it means that there is no other interface")
    }
    var plans: [InterfacePlan] = []
    for spec in specs {
      if case .named(let name) = spec.kind {
        preconditionFailure("the network \(name) was not looked up")
      }
      guard let driver = spec.driver else { continue }
      try plans.append(plan(spec, driver, before: plans))
    }
    return plans
  }

  private mutating func plan(
    _ spec: NetworkSpec, _ driver: any LinkDriver, before: [InterfacePlan]
  ) throws -> InterfacePlan {
    let parent = try fitParent(spec, driver)
    let name = try freeName(spec, before)
    let others = self.others(on: parent, before)
    let addresses = try self.addresses(spec, on: parent, others)
    for address in addresses {
      if let twin = before.first(where: { $0.addresses.contains { $0.address == address.address } })
      {
        throw NetworkError("the address \(address.address) is asked for twice, on \(twin.name) too")
      }
    }
    try checkOthers(others, driver, parent, addresses)
    var routes: [InterfacePlan.DefaultRoute] = []
    for ipv4 in [true, false] {
      guard let route = try route(spec, driver, ipv4: ipv4, addresses, parent) else { continue }
      // One default route a family: the first interface that has one leads out.
      let taken = before.contains { $0.routes.contains { $0.isIPv4 == ipv4 } }
      if !taken { routes.append(route) }
    }
    return InterfacePlan(
      spec: spec, parent: parent, name: name, addresses: addresses, routes: routes)
  }

  private func freeName(_ spec: NetworkSpec, _ before: [InterfacePlan]) throws -> String {
    let taken = before.map(\.name)
    if let name = spec.interfaceName {
      guard !taken.contains(name) else {
        throw NetworkError("two interfaces cannot both be called \(name); give one another ifname=")
      }
      return name
    }
    return (0...taken.count).map { "eth\($0)" }.first { !taken.contains($0) } ?? "eth0"
  }

  private mutating func fitParent(_ spec: NetworkSpec, _ driver: any LinkDriver) throws -> Link {
    let name = driver.parent
    guard name.utf8.count <= 15, let parent = try host.link(named: name) else {
      let others = try host.links().filter { !$0.isLoopback }.map(\.name)
      let there =
        others.isEmpty
        ? "this network namespace has no interface but lo"
        : "there is \(others.joined(separator: ", "))"
      throw NetworkError(
        "no interface is called \(quoted(name))\(suggestion(for: name, in: others)): \(there)")
    }
    if parent.isLoopback {
      throw NetworkError(
        "\(name) is the loopback and cannot carry \(driver.kind). Use an Ethernet interface")
    }
    guard parent.isEthernet else {
      throw NetworkError(
        "\(name) is not an Ethernet interface and cannot carry \(driver.kind). Use another parent")
    }
    if let master = parent.master {
      let masterName = try host.link(index: master)?.name ?? "#\(master)"
      let kind = parent.memberOf ?? "bridge"
      throw NetworkError(
        "\(name) cannot carry \(driver.kind): it is in the \(kind) \(masterName), which takes all its frames. Use --net \(driver.kind):\(masterName), or another parent"
      )
    }
    try driver.check(parent)
    if let mtu = spec.mtu, mtu > parent.mtu {
      throw NetworkError("mtu \(mtu) is more than the \(parent.mtu) of the parent \(name)")
    }
    guard parent.isUp || spec.bringParentUp else {
      throw NetworkError(
        "\(name) is down. Set it up (ip link set \(name) up), or have swrun do it: --net \(spec.summary),up"
      )
    }
    return parent
  }

  private mutating func addresses(
    _ spec: NetworkSpec, on parent: Link, _ others: [Slave]
  ) throws -> [InterfaceAddress] {
    if spec.network != nil { return try pooledAddresses(spec, others) }
    if spec.addresses.isEmpty, !spec.withoutAddress {
      throw NetworkError(
        "--net \(spec.summary) needs an address: add --ip, for example --ip 10.20.20.2/24, or ip=none for an interface without one"
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
    _ spec: NetworkSpec, _ others: [Slave]
  ) throws -> [InterfaceAddress] {
    let name = spec.network ?? ""
    if spec.withoutAddress {
      guard spec.addresses.isEmpty else {
        throw NetworkError("--net \(name): ip=none and an address exclude each other")
      }
      return []
    }
    let own = Set(try ownAddresses().map(\.address.address))
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
      if wanted.address == pool.reservedGateway {
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
          "\(wanted.address) of the network \(name) is leased to another instance. Use another address, or leave --ip out"
        )
      }
      found.append(address)
    }
    let avoided = own.union(others.flatMap(\.addresses)).union(found.map(\.address))
    for ipv4 in [true, false] {
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
          "the network \(name) is full: no address of \(full) is free. Stop an instance of it (swrun ps --filter network=\(name)), or make a wider network"
        )
      }
      found.append(address)
    }
    return found
  }

  private mutating func refuseOwn(_ address: IPAddress) throws {
    guard let twin = try ownAddresses().first(where: { $0.address.address == address }) else {
      return
    }
    let interface = try host.link(index: twin.interface)?.name ?? "#\(twin.interface)"
    throw NetworkError(
      "\(address) is the host's own address (on \(interface)); an instance with it would take the host's traffic. Use another address"
    )
  }

  private mutating func ownAddresses() throws -> [AssignedAddress] {
    if let hostAddresses { return hostAddresses }
    let found = try host.addresses()
    hostAddresses = found
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

  /// The slaves that swrun knows of on a parent: other instances', and this one's own.
  private func others(on parent: Link, _ before: [InterfacePlan]) -> [Slave] {
    known.filter { $0.parent == parent.index }
      + before.filter { $0.parent.index == parent.index }.map {
        Slave(
          owner: "\($0.name) of this instance", spec: $0.spec, parent: parent.index,
          addresses: $0.addresses.map(\.address), namespace: nil)
      }
  }

  private mutating func checkOthers(
    _ known: [Slave], _ driver: any LinkDriver, _ parent: Link, _ addresses: [InterfaceAddress]
  ) throws {
    var others = known
    for address in addresses {
      if let holder = others.first(where: { $0.addresses.contains(address.address) }) {
        throw NetworkError(
          "\(address.address) is in use by \(holder.owner). Use another address, or stop \(holder.owner)"
        )
      }
    }
    if let other = others.first(where: { $0.kind != driver.kind }) {
      throw NetworkError(
        "\(parent.name) cannot carry \(driver.kind): it already carries \(other.kind) (\(other.owner)). Use another parent, or --net \(other.kind):\(parent.name)"
      )
    }
    // One slave whose mode is known tells that of all; only a parent that is new to us is searched,
    // and only if the driver is there that could have made slaves.
    if others.isEmpty, driver.kind == "ipvlan", FileIdentity(path: "/sys/module/ipvlan") != nil {
      others = SlaveSearch(kinds: ["ipvlan"])
        .slaves(of: parent.index, host: &host, except: Set(self.known.compactMap(\.namespace)))
    }
    try driver.checkAgainst(others.filter { $0.kind == driver.kind })
  }

  private mutating func route(
    _ spec: NetworkSpec, _ driver: any LinkDriver, ipv4: Bool,
    _ addresses: [InterfaceAddress], _ parent: Link
  ) throws -> InterfacePlan.DefaultRoute? {
    let subnets = addresses.filter { $0.address.isIPv4 == ipv4 }
    var wanted =
      spec.gateways.isEmpty
      ? spec.pools.first { pool in subnets.contains { pool.subnet.contains($0.address) } }?.gateway
        ?? .automatic : .automatic
    if wanted == NetworkSpec.Gateway.none { return nil }
    for gateway in spec.gateways {
      switch gateway {
      case .automatic: break
      case .none: return nil
      case .address(let address) where address.isIPv4 == ipv4:
        if case .address = wanted {
          throw NetworkError("two gateways of one family are given; a default route has one")
        }
        wanted = gateway
      case .address: break
      }
    }
    if case .address(let gateway) = wanted {
      guard driver.hasNeighbours else {
        throw NetworkError(
          "the gateway \(gateway) has no meaning in \(spec.summary): the host routes there, and the default route is on-link. Leave --gateway out"
        )
      }
      let linkLocal = gateway.isLinkLocalIPv6 && !subnets.isEmpty
      guard linkLocal || subnets.contains(where: { $0.contains(gateway) }) else {
        let place = subnets.map { "\($0.network)/\($0.prefix)" }
        throw NetworkError(
          "the gateway \(gateway) is outside the subnet\(place.isEmpty ? "" : " " + list(place)). Use one inside it, or --gateway none"
        )
      }
      if let own = subnets.first(where: { $0.address == gateway }) {
        throw NetworkError("\(own.address) cannot be both the instance's address and its gateway")
      }
      if let subnet = subnets.first(where: { $0.contains(gateway) }) {
        try checkGateway(gateway, in: subnet)
      }
      return InterfacePlan.DefaultRoute(isIPv4: ipv4, gateway: gateway)
    }
    guard let subnet = subnets.first else { return nil }
    guard driver.hasNeighbours else {
      return InterfacePlan.DefaultRoute(isIPv4: ipv4, gateway: nil)
    }
    let hosts = try host.defaultGateways(through: parent.index, ipv4: ipv4)
    if let gateway = hosts.first(where: { gateway in
      gateway.isLinkLocalIPv6 || subnets.contains { $0.contains(gateway) }
    }) {
      return InterfacePlan.DefaultRoute(isIPv4: ipv4, gateway: gateway)
    }
    // No router can be told from the subnet of a single address or of a pair.
    let first = subnet.network.next
    guard subnet.prefix < subnet.address.bitCount - 1, first != subnet.address else { return nil }
    return InterfacePlan.DefaultRoute(isIPv4: ipv4, gateway: first)
  }

  private func checkGateway(
    _ gateway: IPAddress, in subnet: InterfaceAddress
  ) throws(NetworkError) {
    guard gateway.isIPv4, subnet.prefix < 31 else { return }
    if gateway == subnet.network || gateway == subnet.last {
      throw NetworkError(
        "the gateway \(gateway) is the \(gateway == subnet.last ? "broadcast" : "network") address of \(subnet.network)/\(subnet.prefix). Use a router's address"
      )
    }
  }
}
