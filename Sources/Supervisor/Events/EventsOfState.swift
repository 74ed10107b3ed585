extension Event {
  /// What lies between two states of an instance, in its order.
  ///
  /// - Parameters:
  ///   - former: `nil` where nothing has been told of the instance.
  static func changes(
    from former: InstanceState?, to state: InstanceState, at time: Timestamp
  ) -> [Event] {
    func event(_ action: String, _ more: [String: String] = [:]) -> Event {
      Event(
        .container, action, id: state.id, more.merging(["name": state.name]) { first, _ in first },
        at: time)
    }
    var events: [Event] = []
    if former == nil { events.append(event("create")) }
    if let old = former?.name, old != state.name {
      events.append(event("rename", ["oldName": old]))
    }
    if let health = state.health?.status, health != .starting, former?.health?.status != health {
      events.append(event("health_status: \(health.rawValue)"))
    }
    if state.oomKilled == true, former?.oomKilled != true { events.append(event("oom")) }
    events += interfaces(from: former, to: state, at: time)
    let wasRunning = former?.isRunning == true
    switch state.status {
    case .running where !wasRunning:
      events.append(event("start"))
      if former?.status == .restarting { events.append(event("restart")) }
    case .running where former?.status == .paused: events.append(event("unpause"))
    case .paused where former?.status == .running: events.append(event("pause"))
    case .restarting where wasRunning, .exited where former?.hasEnded != true,
      .dead where former?.hasEnded != true:
      var more = ["exitCode": "\(state.exitCode ?? -1)"]
      more["error"] = state.error
      events.append(event("die", more))
    default: break
    }
    return events
  }

  /// The instance and all that is recorded of it is gone.
  static func removal(of state: InstanceState, at time: Timestamp) -> Event {
    Event(.container, "destroy", id: state.id, ["name": state.name], at: time)
  }

  /// Interfaces that have come, gone, lost their parent or got it back.
  private static func interfaces(
    from former: InstanceState?, to state: InstanceState, at time: Timestamp
  ) -> [Event] {
    func event(
      _ action: String, _ network: InstanceState.NetworkRecord, _ more: [String: String] = [:]
    ) -> Event {
      let attributes = [
        "name": network.name ?? network.network, "container": state.id,
        "containerName": state.name, "interface": network.interface, "parent": network.parent,
      ]
      return Event(
        .network, action, id: network.name ?? network.network,
        attributes.merging(more) { $1 }, at: time)
    }
    /// Those that the instance has, and not those that it had when it ended.
    func present(_ state: InstanceState?) -> [InstanceState.NetworkRecord] {
      state?.isRunning == true ? state?.networks ?? [] : []
    }
    let (before, now) = (present(former), present(state))
    var events = before.filter { old in !now.contains { $0.interface == old.interface } }
      .map { event("disconnect", $0) }
    for network in now {
      let old = before.first { $0.interface == network.interface }
      if old == nil { events.append(event("connect", network)) }
      if let fault = network.fault, old?.fault == nil {
        events.append(event("down", network, ["reason": fault]))
      }
      if network.fault == nil, old?.fault != nil { events.append(event("up", network)) }
    }
    return events
  }
}
