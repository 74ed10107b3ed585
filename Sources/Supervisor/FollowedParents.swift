import Netlink
import Network

/// Parents that change, vanish and come back while the instance runs.
extension InterfaceMonitor {
  func follow(_ event: LinkEvent) {
    switch event {
    case .missed: lookAgain()
    case .removed(let link):
      for plan in plans where plan.parent.index == link.index && !lost.contains(plan.name) {
        // A parent that goes into another network namespace takes its slaves along.
        // A bridge that goes lets go of its ports, which stay.
        if network.link(plan.name) == nil || plan.isPort { lose(plan) }
      }
    case .changed(let link):
      for plan in plans {
        if lost.contains(plan.name) {
          if plan.parentNames.contains(link.name) { rebuild(plan) }
        } else if plan.parent.index == link.index {
          adopt(link, plan)
        }
      }
    }
  }

  /// Looks at all parents, where it is not known what has happened to them.
  func lookAgain() {
    for plan in plans {
      if lost.contains(plan.name) {
        rebuild(plan)
      } else if network.link(plan.name) == nil || isOrphan(plan) {
        lose(plan)
      } else if let link = (try? host.link(index: plan.parent.index)).flatMap({ $0 }) {
        adopt(link, plan)
      }
    }
  }

  /// Whether it was a port of a bridge that has gone.
  private func isOrphan(_ plan: InterfacePlan) -> Bool {
    plan.isPort && (try? host.link(index: plan.parent.index)) == .some(nil)
  }

  /// The kernel has removed the interface with its parent.
  private func lose(_ plan: InterfacePlan) {
    network.remove(plan.name)
    lost.insert(plan.name)
    update(plan.name) { $0.lose(.gone) }
    // A dummy or a VLAN is swrun's own to make again.
    rebuild(plan)
  }

  /// Makes the interface again as it was: same name, addresses and routes. What does not work now is
  /// tried again with the next that is heard of the parent.
  private func rebuild(_ former: InterfacePlan) {
    guard let position = plans.firstIndex(where: { $0.name == former.name }) else { return }
    do {
      let lock = try claims.hold([])
      let others = plans.filter { $0.name != former.name && !lost.contains($0.name) }
      let plan = try claims.replan(former, beside: others)
      let ready = try claims.takeResources([plan], &host)
      _ = consume lock
      guard let plan = ready.first else { return }
      try network.add(plan, &host)
      lost.remove(plan.name)
      plans[position] = plan
      let renewed = InstanceState.NetworkRecord(plan)
      update(plan.name) {
        $0.recover()
        $0.parentIndex = renewed.parentIndex
      }
      announce()
      resumeLease(plan.name)
    } catch {
      update(former.name) { $0.lose(.gone, "\(error)") }
    }
  }

  /// The parent is there and has changed: its name, MTU, MAC address, or it is up or down.
  private func adopt(_ link: Link, _ former: InterfacePlan) {
    guard let position = plans.firstIndex(where: { $0.name == former.name }),
      link != former.parent
    else { return }
    plans[position].adopt(link)
    let plan = plans[position]
    if link.mtu != former.parent.mtu, let wanted = plan.mtu {
      // The kernel has given the slaves the parent's.
      try? network.setMTU(min(wanted, link.mtu), of: plan.name)
    }
    if link.hardwareAddress != former.parent.hardwareAddress {
      followHardwareAddress(plan)
      resumeLease(plan.name)
    }
    if plan.announces, link.isUp,
      !former.parent.isUp || link.hardwareAddress != former.parent.hardwareAddress
    {
      network.announceAgain(plan.name)
      announce()
    }
    if link.name != former.parent.name || link.isUp != former.parent.isUp {
      update(plan.name) {
        $0.parent = link.name
        $0.network = plan.spec.summary
        if link.isUp { $0.recover() } else { $0.lose(.down) }
      }
    }
  }

  /// Who has the slave's MAC address by heart has to learn the new one.
  private func followHardwareAddress(_ plan: InterfacePlan) {
    try? network.set(plan.neighbours, of: plan.name)
    guard let lock = try? claims.hold([]), let resources = try? record.store.hostResources() else {
      return
    }
    for resource in plan.hostResources {
      try? resources.renew(resource, for: "\(record.state.id)/\(plan.name)", &host)
    }
    _ = consume lock
  }
}
