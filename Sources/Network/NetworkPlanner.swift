import Glibc
import Linux
public import Netlink

/// Turns what was asked for into what will be made, or says why it cannot be; changes nothing.
public struct NetworkPlanner: ~Copyable {
  var host: NetlinkSocket
  private let known: [Slave]
  private let isSummary: Bool
  private var hostAddresses: [AssignedAddress]?
  /// The table of rules that bridges have, ``Nftables/table(root:)``.
  let table: String

  /// - Parameters:
  ///   - host: a socket of the namespace that has the parents, this process's own.
  ///   - known: the slaves of instances that live, from their state.
  ///   - isSummary: some of those are put together, so that their owners and namespaces are not known.
  ///     What has to know them is refused then, and so may be what stands in nobody's way; what is
  ///     planned is planned as if all were known.
  ///   - table: see ``Nftables/table(root:)``.
  public init(
    host: consuming NetlinkSocket, known: [Slave], isSummary: Bool = false, table: String = "swrun"
  ) {
    self.host = host
    self.table = table
    self.known = known
    self.isSummary = isSummary
  }

  /// Gives the socket back, for the work.
  public consuming func finish() -> NetlinkSocket { host }

  /// Plans interfaces of an instance, in the order asked for.
  ///
  /// - Parameters:
  ///   - existing: those that it has already.
  ///   - ports: what is to be reached by the host's addresses.
  public mutating func plan(
    _ specs: [NetworkSpec], beside existing: [InterfacePlan] = [],
    publishing ports: [PublishedPort] = []
  ) throws -> [InterfacePlan] {
    if !ports.isEmpty, !specs.contains(where: { $0.ownBridge != nil && !$0.isInternal }) {
      throw Self.cannotPublish(specs)
    }
    if specs.count > 1, let alone = specs.first(where: { !$0.kind.makesInterface }) {
      throw NetworkError(
        "--net \(alone.summary) stands alone: with it there is no other interface")
    }
    var plans = existing
    for spec in specs {
      switch spec.kind {
      case .none, .host, .container, .namespace: continue
      case .named(let name): preconditionFailure("the network \(name) was not looked up")
      case .ipvlan, .macvlan, .bridge: break
      }
      guard let driver = spec.driver else { continue }
      try plans.append(plan(spec, driver, before: plans))
    }
    try publish(ports, on: &plans, from: existing.count, specs)
    return RouteChoice.settle(plans, decided: existing.count)
  }

  private mutating func plan(
    _ spec: NetworkSpec, _ driver: any LinkDriver, before: [InterfacePlan]
  ) throws -> InterfacePlan {
    let (parent, parentResource) = try fitParent(spec, driver)
    let name = try freeName(spec, before)
    try checkKeys(spec, driver)
    let others = self.others(on: parent, before)
    let addresses = try self.addresses(spec, on: parent, others)
    for address in addresses {
      if let twin = before.first(where: { $0.addresses.contains { $0.address == address.address } })
      {
        throw NetworkError("the address \(address.address) is asked for twice, on \(twin.name) too")
      }
    }
    try spec.checkProbe(of: addresses)
    try checkOthers(others, driver, parent, addresses)
    var plan = InterfacePlan(spec: spec, parent: parent, name: name, addresses: addresses)
    for ipv4 in [true, false] {
      if let route = try defaultRoute(spec, driver, ipv4: ipv4, addresses, parent) {
        plan.routes.append(route)
      }
    }
    plan.routes += try staticRoutes(spec, driver, addresses)
    plan.followsRouter = followsRouter(spec)
    if let parentResource { plan.hostResources.append(parentResource) }
    try planHost(&plan)
    return plan
  }

  /// What the host needs beside the parent, and the instance to know of it.
  mutating func planHost(_ plan: inout InterfacePlan) throws {
    if let own = plan.spec.ownBridge { try planBridge(&plan, own) }
    guard plan.spec.hasHostAccess || plan.spec.hasProxyArp,
      case .ipvlan(let ipvlan) = plan.spec.kind
    else { return }
    let parent = plan.parent
    let own = try ownAddresses().filter { $0.interface == parent.index }.map(\.address)
    if plan.spec.hasHostAccess {
      plan.hostResources += try HostAccess.resources(
        ipvlan, parent, plan.addresses, hostAddresses: own)
      plan.neighbours = HostAccess.neighbours(ipvlan, parent, hostAddresses: own)
    }
    if plan.spec.hasProxyArp {
      plan.hostResources += try ProxyArp.resources(
        on: parent.name, plan.addresses, isRouted: plan.spec.hasHostAccess)
    }
  }

  private func checkKeys(_ spec: NetworkSpec, _ driver: any LinkDriver) throws {
    if spec.hardwareAddress != nil, !driver.hasOwnHardwareAddress {
      throw NetworkError(
        "--net \(spec.summary): mac= has no meaning with \(driver.kind), whose slaves all have the parent's MAC address. Use macvlan"
      )
    }
    try checkSources(spec)
    if spec.probes == true { try spec.checkProbe() }
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

  /// The parent, and what makes it where it is swrun's to make.
  mutating func fitParent(
    _ spec: NetworkSpec, _ driver: any LinkDriver
  ) throws -> (Link, HostResource?) {
    let name = driver.parent
    let found = name.utf8.count <= 15 ? try host.link(named: name) : nil
    if let own = spec.ownBridge {
      let parent = try fitOwnBridge(spec, own, named: name, found: found)
      try check(parent, spec, driver)
      return (parent, nil)
    }
    if spec.hasPrivateParent {
      let parent = found ?? Link(expected: name, kind: "dummy", mtu: 1500)
      try check(parent, spec, driver)
      return (parent, .dummy(name: name))
    }
    if let vlan = try VLANName(name), let base = try host.link(named: vlan.base),
      found == nil || (found?.vlanID == vlan.id && found?.parent == base.index)
    {
      try checkBase(base, vlan)
      let parent = found ?? Link(expected: name, kind: "vlan", mtu: base.mtu)
      try check(parent, spec, driver)
      return (parent, .vlan(name: name, base: base.name, id: vlan.id))
    }
    guard let found else {
      let others = try host.links().filter { !$0.isLoopback }.map(\.name)
      let there =
        others.isEmpty
        ? "this network namespace has no interface but lo"
        : "there is \(others.joined(separator: ", "))"
      let network = spec.network.map { " (the parent of the network \($0))" } ?? ""
      throw NetworkError(
        "no interface is called \(quoted(name))\(network)\(suggestion(for: name, in: others)): \(there)"
      )
    }
    try check(found, spec, driver)
    return (found, nil)
  }

  /// Refuses what cannot carry the VLAN of a sub-interface that is missing.
  private func checkBase(_ base: Link, _ vlan: VLANName) throws {
    guard base.isEthernet, !base.isLoopback, base.kind != "ipvlan" else {
      throw NetworkError(
        "\(base.name) cannot carry the VLAN \(vlan.id): it is \(base.kind == "ipvlan" ? "an ipvlan slave" : "not an Ethernet interface"). Use another parent"
      )
    }
    guard base.isUp else {
      throw NetworkError(
        "\(base.name) is down, and so would be its VLAN \(vlan.id). Set it up: ip link set \(base.name) up"
      )
    }
  }

  private mutating func check(
    _ parent: Link, _ spec: NetworkSpec, _ driver: any LinkDriver
  ) throws {
    let name = parent.name
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
  }

  mutating func refuseOwn(_ address: IPAddress) throws {
    guard let twin = try ownAddresses().first(where: { $0.address.address == address }) else {
      return
    }
    let interface = try host.link(index: twin.interface)?.name ?? "#\(twin.interface)"
    throw NetworkError(
      "\(address) is the host's own address (on \(interface)); an instance with it would take the host's traffic. Use another address"
    )
  }

  /// The addresses that the host has itself.
  mutating func ownAddresses() throws -> [AssignedAddress] {
    if let hostAddresses { return hostAddresses }
    let found = try host.addresses()
    hostAddresses = found
    return found
  }

  /// The slaves that swrun knows of on a parent: other instances', and this one's own.
  func others(on parent: Link, _ before: [InterfacePlan]) -> [Slave] {
    known.filter { $0.parent == parent.index }
      + before.filter { $0.parent.index == parent.index }.map {
        Slave(
          owner: "\($0.name) of this instance", spec: $0.spec, parent: parent.index,
          addresses: $0.addresses.map(\.address), namespace: nil)
      }
  }

  mutating func checkOthers(
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
      if isSummary, !self.known.isEmpty {
        throw NetworkError("whose slaves are known to hang on \(parent.name) has to be looked up")
      }
      others = SlaveSearch(kinds: ["ipvlan"])
        .slaves(of: parent.index, host: &host, except: Set(self.known.compactMap(\.namespace)))
    }
    try driver.checkAgainst(others.filter { $0.kind == driver.kind })
  }
}

extension NetworkPlanner {
  /// The plan of an interface whose parent has gone and is there again: the same, on the parent as it
  /// is now.
  ///
  /// - Parameter others: the instance's other interfaces.
  public mutating func replan(
    _ former: InterfacePlan, beside others: [InterfacePlan]
  ) throws -> InterfacePlan {
    guard let driver = former.spec.driver else { return former }
    let (parent, parentResource) = try fitParent(former.spec, driver)
    try checkOthers(self.others(on: parent, others), driver, parent, former.addresses)
    var plan = former
    plan.parent = parent
    plan.hostResources = parentResource.map { [$0] } ?? []
    plan.neighbours = []
    try planHost(&plan)
    return plan
  }
}
