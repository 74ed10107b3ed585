import Linux
import Netlink
import Network

/// What an instance takes for its interfaces that others could take too: addresses, and what has to
/// be on the host. Decided and taken while nobody else can, and given back however the instance ends.
struct NetworkClaims {
  let store: InstanceStore
  let id: String

  /// The networks as they are, held.
  func hold(_ specs: [NetworkSpec]) throws -> FileLock {
    let lock = try store.networks.hold()
    if specs.contains(where: Self.isBuiltIn) {
      try store.networks.checkLeases(BuiltInBridge.network)
      var host = try NetlinkSocket()
      try store.networks.prepareBuiltIn(&host, created: Timestamp.now.text)
    }
    for spec in specs {
      if case .named(let name) = spec.kind { try store.networks.checkLeases(name) }
    }
    return lock
  }

  /// Plans interfaces. To be called under ``hold(_:)``, if the plan is to be carried out.
  ///
  /// - Parameters:
  ///   - existing: the interfaces that the instance has.
  ///   - ports: `-p`
  ///   - isQuick: what the others have is taken from their records, which name no owner and may be of
  ///     instances that were killed: what is refused may be free.
  /// - Returns: the new ones.
  func plan(
    _ specs: [NetworkSpec], beside existing: [InterfacePlan] = [],
    publishing ports: [PublishedPort] = [], isQuick: Bool = false
  ) throws -> [InterfacePlan] {
    // Who gets no interface is in nobody's way, and need not read what all others have.
    let makesInterface = specs.contains { $0.kind.makesInterface }
    let recorded = isQuick && makesInterface ? store.recordedSlaves(except: id) : nil
    let others = try recorded ?? (makesInterface ? store.knownSlaves(except: id) : [])
    var host = try NetlinkSocket()
    let resolved = try specs.map {
      Self.isBuiltIn($0)
        ? try store.networks.resolveBuiltIn($0, &host) : try store.networks.resolve($0)
    }
    var planner = NetworkPlanner(
      host: host, known: others, isSummary: recorded != nil,
      table: Nftables.table(root: store.root))
    let plans = try planner.plan(resolved, beside: existing, publishing: ports)
    try store.checkPorts(plans.flatMap(\.published), except: id)
    return Array(plans.dropFirst(existing.count))
  }

  /// The plan of an interface whose parent has gone and may be there again.
  func replan(
    _ former: InterfacePlan, beside others: [InterfacePlan]
  ) throws -> InterfacePlan {
    func replan(_ known: [Slave], isSummary: Bool) throws -> InterfacePlan {
      var planner = NetworkPlanner(
        host: try NetlinkSocket(), known: known, isSummary: isSummary,
        table: Nftables.table(root: store.root))
      return try planner.replan(former, beside: others)
    }
    if let recorded = store.recordedSlaves(except: id) {
      do { return try replan(recorded, isSummary: true) } catch is NetworkError {}
    }
    return try replan(try store.knownSlaves(except: id), isSummary: false)
  }

  private static func isBuiltIn(_ spec: NetworkSpec) -> Bool {
    spec.kind == .named(BuiltInBridge.network)
  }

  /// Sees to what the plans need of the host; to be called under ``hold(_:)``.
  ///
  /// - Parameter ports: keeps the published ports.
  /// - Returns: the plans with their parents, which are there now.
  func takeResources(
    _ plans: [InterfacePlan], _ host: inout NetlinkSocket, ports: PortReservation? = nil
  ) throws -> [InterfacePlan] {
    var ready: [InterfacePlan] = []
    for var plan in plans {
      if let ports, !plan.published.isEmpty { plan.publish(try ports.reserve(plan.published)) }
      for resource in plan.hostResources {
        try store.hostResources().acquire(resource, for: "\(id)/\(plan.name)", &host)
      }
      try plan.refreshParent(&host)
      ready.append(plan)
    }
    return ready
  }

  /// Leases the addresses of defined networks; to be called under ``hold(_:)``, after the instance's
  /// state tells of them, so that whatever kills us is put right by what the state says.
  func takeLeases(_ plans: [InterfacePlan]) throws {
    for plan in plans {
      guard let network = plan.spec.network else { continue }
      for address in plan.addresses {
        try store.networks.claim("\(address.address)", of: network, for: store.directory(id))
        try FaultPoint.reach("lease of \(address.address)")
      }
    }
    try HostsFiles(store).change(Set(plans.compactMap(\.spec.network)), of: id)
    try FaultPoint.reach("the hosts files")
  }

  /// Gives back all that the instance has.
  func releaseAll(_ records: [InstanceState.NetworkRecord]) {
    // Who has nothing that others could have waits for nobody.
    let hasResources = (try? store.hostResources().hasAny(id)) == true
    guard hasResources || records.contains(where: { $0.name != nil }),
      let lock = try? store.networks.hold(), var host = try? NetlinkSocket()
    else { return }
    giveBack(records, user: id, &host)
    _ = consume lock
  }

  /// Gives back what one interface has.
  func release(_ record: InstanceState.NetworkRecord) {
    guard let lock = try? store.networks.hold(), var host = try? NetlinkSocket() else { return }
    giveBack([record], user: "\(id)/\(record.interface)", &host)
    _ = consume lock
  }

  /// The same for who holds the lock.
  ///
  /// - Parameter user: whose host resources go: an interface's, or with the id all of the instance's.
  func giveBack(
    _ records: [InstanceState.NetworkRecord], user: String, _ host: inout NetlinkSocket
  ) {
    for record in records {
      guard let network = record.name else { continue }
      for address in record.addresses {
        try? store.networks.release(
          String(address.prefix { $0 != "/" }), of: network, from: store.directory(id))
        FaultPoint.mark("the end of the lease of \(address)")
      }
    }
    try? store.hostResources().release(user, &host)
    // Nothing that the others' files lack keeps the instance from its end.
    try? HostsFiles(store).change(
      Set(records.compactMap(\.name)), of: id, leaving: records)
  }
}

extension InstanceStore {
  /// What swrun's instances need of the host's network namespace, which this process is in.
  func hostResources() throws -> HostResources {
    guard let host = FileIdentity(path: "/proc/self/ns/net") else {
      throw SupervisorError("/proc is not mounted; swrun needs it")
    }
    return HostResources(root: root, namespace: host, report: report)
  }

  /// Refuses ports that another instance has of the same host.
  func checkPorts(_ wanted: [PortBinding], except id: String) throws {
    guard !wanted.isEmpty, let host = FileIdentity(path: "/proc/self/ns/net") else { return }
    for state in states() where state.id != id && state.hostNamespace.identity == host {
      for binding in state.publishedPorts {
        guard let twin = wanted.first(where: { $0.collides(with: binding) }), isAlive(state.id)
        else { continue }
        throw NetworkError(
          "the host's port \(twin.hostText)/\(twin.transport.rawValue) is published for \(state.name). Use another port, or stop \(state.name)"
        )
      }
    }
  }
}
