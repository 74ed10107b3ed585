import Network

/// Interfaces that come and go while the instance runs: `network connect` and `disconnect`.
extension InterfaceMonitor {
  /// Gives the instance an interface.
  ///
  /// - Parameter text: as after `--net`.
  /// - Throws: why not; then nothing has changed.
  func connect(_ text: String) throws -> InstanceState.NetworkRecord {
    let spec = try NetworkSpec(parsing: text)
    guard spec.kind.makesInterface else {
      throw NetworkError(
        "\(spec.summary) is nothing that a running instance can be connected to; give a network, or ipvlan:PARENT"
      )
    }
    if let shared = record.state.shared {
      throw NetworkError(
        "\(record.state.name) shares the network of others (\(shared)) and cannot be connected")
    }
    if case .named(let name) = spec.kind, plans.contains(where: { $0.spec.network == name }) {
      throw NetworkError("\(record.state.name) is on the network \(name) already")
    }
    let former = record.state.networks
    let lock = try claims.hold([spec])
    var new: [InterfacePlan] = []
    do {
      do { new = try claims.plan([spec], beside: plans, isQuick: true) } catch is NetworkError {
        new = try claims.plan([spec], beside: plans)
      }
      new = try claims.takeResources(new, &host)
      let records = new.map(InstanceState.NetworkRecord.init)
      try record.update { $0.networks += records }
      try claims.takeLeases(new)
    } catch {
      for plan in new {
        claims.giveBack(
          [InstanceState.NetworkRecord(plan)], user: "\(record.state.id)/\(plan.name)", &host)
      }
      try? record.update { $0.networks = former }
      throw error
    }
    _ = consume lock
    do {
      new = try claims.probe(new, [spec], beside: plans, record, &host)
      for plan in new { try network.add(plan, &host) }
    } catch {
      let taken = record.state.networks.filter { !former.contains($0) }
      try? record.update { $0.networks = former }
      for own in taken { claims.release(own) }
      throw error
    }
    guard let own = record.state.networks.last, !new.isEmpty else {
      throw NetworkError("\(text) makes no interface")
    }
    plans += new
    announce()
    for plan in new {
      do {
        try followParents()
        try seek(plan)
      } catch {
        _ = try? disconnect(plan.name)
        throw error
      }
    }
    return own
  }

  /// Takes an interface away. A default route that went with it is found anew, by the first interface
  /// that has one to offer.
  ///
  /// - Parameter text: the network's name, what `--net` was given, or the interface's name inside.
  func disconnect(_ text: String) throws -> InstanceState.NetworkRecord {
    let records = record.state.networks
    guard
      let position = records.firstIndex(where: { $0.name == text })
        ?? records.firstIndex(where: { $0.interface == text || $0.network == text })
    else {
      let names = records.map { $0.name ?? $0.network }
      throw NetworkError(
        "\(record.state.name) is not on \(text): it is on \(names.isEmpty ? "no network" : names.joined(separator: ", "))"
      )
    }
    let gone = records[position]
    releaseLeases(of: gone.interface)
    network.remove(gone.interface)
    lost.remove(gone.interface)
    let former = plans.first { $0.name == gone.interface }
    plans.removeAll { $0.name == gone.interface }
    try followParents()
    try record.update { $0.networks.remove(at: position) }
    claims.release(gone)
    for route in former?.routes ?? [] where route.isDefault && route.metric == nil {
      replaceDefaultRoute(ipv4: route.isIPv4)
    }
    return gone
  }

  func replaceDefaultRoute(ipv4: Bool) {
    for index in plans.indices {
      guard let spare = plans[index].spareRoutes.first(where: { $0.isIPv4 == ipv4 }) else {
        continue
      }
      guard (try? network.add(spare, of: plans[index].name)) != nil else { continue }
      plans[index].useSpare(spare)
      let gateways = InstanceState.NetworkRecord(plans[index]).gateways
      update(plans[index].name) { $0.gateways = gateways }
      return
    }
  }
}
