import Netlink
import Network

/// Parents that change, vanish and come back while the instance runs.
extension InterfaceMonitor {
  /// Hears, from the first interface on, of what becomes of parents; and looks, since something may have
  /// become of them before.
  func followParents() throws {
    if news == nil {
      if plans.isEmpty { return }
      let news = try ParentNews(
        record.store, on: record.state.hostNamespace.identity, in: epoll, word: Key.news.rawValue,
        links: Key.links.rawValue)
      self.news = news
      // Who does not listen is given word at once.
      if !news.listens { return }
    }
    lookAgain()
  }

  /// Somebody has listened, and gives word; or has ended.
  func hearNews() {
    do { try news?.takePlace(in: epoll, key: Key.links.rawValue) } catch {
      record.warn("what becomes of parents is not heard of any more: \(error)")
    }
    lookAgain()
  }

  /// Looks at all parents: what has become of them is not said.
  func lookAgain() {
    for plan in plans {
      if lost.contains(plan.name) {
        if plan.parentNames.contains(where: { (try? host.link(named: $0)) != nil }) {
          rebuild(plan)
        }
        continue
      }
      let link: Link?
      // Where that cannot be found out, nothing is done.
      do { link = try host.link(index: plan.parent.index) } catch { continue }
      guard let link else {
        // A parent that goes into another network namespace takes its slaves along.
        // A bridge that goes lets go of its ports, which stay.
        if plan.isPort || network.link(plan.name) == nil { lose(plan) }
        continue
      }
      // Who is inside may have removed the interface; or another parent has been given the index.
      if link.hardwareAddress != plan.parent.hardwareAddress, network.link(plan.name) == nil {
        lose(plan)
      } else {
        keepMTU(of: plan, on: link)
        adopt(link, plan)
      }
    }
  }

  /// The kernel gives slaves the parent's MTU when that changes, and it may have changed twice.
  private func keepMTU(of plan: InterfacePlan, on link: Link) {
    guard let wanted = plan.mtu.map({ min($0, link.mtu) }), let own = network.link(plan.name),
      own.mtu != wanted
    else { return }
    try? network.setMTU(wanted, of: plan.name)
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
