import Netlink

/// What the host has to have for an interface on a bridge of swrun's own.
extension NetworkPlanner {
  /// The bridge as it is or will be.
  mutating func fitOwnBridge(
    _ spec: NetworkSpec, _ own: OwnBridge, named name: String, found: Link?
  ) throws -> Link {
    guard Nftables.isWritable(name) else {
      throw NetworkError("the bridge's name \(quoted(name)) cannot stand in a rule of nftables")
    }
    if let found { return found }
    let taken = try host.occupied(except: name)
    for pool in spec.pools {
      guard let twin = taken.first(where: { NetworkDefinition.overlaps($0, pool.subnet) }) else {
        continue
      }
      throw NetworkError(
        "the subnet \(pool.subnet) of the network \(spec.network ?? "") overlaps \(twin.network)/\(twin.prefix), which the host has an address in or a route to (ip route). Make the network with another subnet"
      )
    }
    return Link(expected: name, kind: "bridge", mtu: own.mtu)
  }

  /// In this order: rules first, so that nothing passes before they hold.
  mutating func planBridge(_ plan: inout InterfacePlan, _ own: OwnBridge) throws {
    let spec = plan.spec
    let bridge = plan.parent.name
    let gateways =
      spec.isInternal
      ? []
      : spec.pools.compactMap { pool in
        pool.reservedGateway.flatMap { InterfaceAddress($0, prefix: pool.subnet.prefix) }
      }
    let routed =
      spec.isInternal ? [] : spec.pools.filter { $0.reservedGateway != nil }.map(\.subnet)
    plan.hostResources += [
      .nftables(table: table, part: .table),
      .nftables(
        table: table,
        part: .network(bridge: bridge, masqueraded: routed, isInternal: spec.isInternal)),
      .bridge(
        name: bridge, addresses: gateways,
        hardwareAddress: Bridge.hardwareAddress(gateways.first?.address), mtu: own.mtu),
    ]
    let links = try host.links().filter {
      $0.isUp && !$0.isLoopback && $0.master == nil && $0.name != bridge
    }
    if routed.contains(where: \.address.isIPv4) {
      // What answers an instance comes in there, and has to be forwarded.
      plan.hostResources += links.filter { Nftables.isWritable($0.name) }.map {
        .forwarding(interface: $0.name, table: table)
      }
    }
    if routed.contains(where: { !$0.address.isIPv4 }) {
      // A host that forwards ignores router advertisements, and forgets what it has of them, unless
      // it is told not to (addrconf_fixup_forwarding, net/ipv6/addrconf.c).
      for name in links.map(\.name) + ["default"] {
        let setting = "ipv6/conf/\(name)/accept_ra"
        guard let value = try? HostResource.read(setting), value == "1" || value == "2" else {
          continue
        }
        plan.hostResources.append(.sysctl(path: setting, value: "2"))
      }
      plan.hostResources.append(.ipv6Forwarding(table: table))
    }
    if !plan.published.isEmpty {
      plan.hostResources.append(.nftables(table: table, part: .ports(plan.published)))
    }
  }

  /// Decides whose the published ports are: the first interface on a bridge of swrun's own.
  ///
  /// - Throws: why there is none.
  mutating func publish(
    _ ports: [PublishedPort], on plans: inout [InterfacePlan], from first: Int,
    _ specs: [NetworkSpec]
  ) throws {
    if ports.isEmpty { return }
    let position = plans.indices.first {
      $0 >= first && plans[$0].spec.ownBridge != nil && !plans[$0].spec.isInternal
    }
    guard let position else { throw Self.cannotPublish(specs) }
    let bindings = try PortBinding.bindings(
      ports, addresses: plans[position].addresses.map(\.address))
    plans[position].published = bindings
    plans[position].hostResources.append(.nftables(table: table, part: .ports(bindings)))
  }

  static func cannotPublish(_ specs: [NetworkSpec]) -> NetworkError {
    guard let spec = specs.first(where: { $0.kind != .none }) else {
      return NetworkError("-p publishes ports of an instance on a bridge: add --net bridge")
    }
    let reason =
      switch spec.kind {
      case .host: "the instance has the host's own ports"
      case .container, .namespace: "the network is another's, whose ports are not this instance's"
      case .bridge where spec.isInternal:
        "the network \(spec.network ?? "") is internal, and nothing leads into it"
      default:
        "the instance has its own address on the LAN, where all of its ports are reached"
      }
    return NetworkError(
      "-p has no meaning with --net \(spec.network ?? spec.summary): \(reason). Leave -p out, or use --net bridge"
    )
  }
}

extension InterfacePlan {
  /// The ports as they have been chosen.
  public mutating func publish(_ bindings: [PortBinding]) {
    published = bindings
    hostResources = hostResources.map { resource in
      guard case .nftables(let table, .ports) = resource else { return resource }
      return .nftables(table: table, part: .ports(bindings))
    }
  }
}
