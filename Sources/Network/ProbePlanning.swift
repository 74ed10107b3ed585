import Glibc
import Linux
public import Netlink
public import SystemPackage

extension NetworkSpec {
  /// Refuses to ask where there is nobody to ask.
  func checkProbe() throws(NetworkError) {
    guard let driver, !driver.hasNeighbours || hasPrivateParent else { return }
    throw NetworkError(
      hasPrivateParent
        ? "probe has no meaning in a network on a dummy of its own, behind which there is no LAN. Leave it out"
        : "probe has no meaning in \(summary): the host routes there, and an instance has no neighbours who could have its address. Leave it out"
    )
  }

  /// Refuses to ask for addresses that are not known yet.
  func checkProbe(of addresses: [InterfaceAddress]) throws(NetworkError) {
    guard probes == true, !probesByDefault, addresses.isEmpty, !sources.contains(.dhcp) else {
      return
    }
    throw NetworkError(
      "--net \(network ?? summary): probe has no address to ask for: \(withoutAddress ? "ip=none was given" : "who gives the address does that"). Leave it out"
    )
  }
}

extension InterfacePlan {
  /// The addresses that the LAN is asked for.
  var probedAddresses: [IPAddress] {
    probes ? addresses.map(\.address) : []
  }

  private var probes: Bool {
    spec.probes == true && spec.driver?.hasNeighbours == true && !spec.hasPrivateParent
  }

  /// Asks the LAN for an address that a DHCP server has given, where that was asked for: RFC 2131
  /// section 3.1 has the client do it before it uses one.
  ///
  /// - Parameter interruption: a signalfd(2) of signals that end the wait.
  /// - Returns: who has it; `nil` where nobody answers.
  public func probe(
    _ lease: DhcpLease, _ host: inout NetlinkSocket, interruption: FileDescriptor? = nil
  ) throws -> AddressConflict? {
    // What the interface has already it answers for itself.
    guard probes, !addresses.contains(lease.address) else { return nil }
    guard let link = try host.link(index: parent.index) else {
      throw NetworkError("\(parent.name) has gone while the LAN behind it was probed")
    }
    let target = AddressProbe.Target(parent: link, addresses: [lease.address.address])
    do { try AddressProbe([target], interruption: interruption).run() } catch let conflict
      as AddressConflict
    {
      return conflict
    }
    return nil
  }

  /// Whether an address was asked for by its number.
  public func isChosen(_ address: IPAddress) -> Bool {
    spec.addresses.contains { $0.address == address }
  }
}

extension AddressProbe {
  /// What is to be asked for on which parent; empty where nothing is. Parents that are down and may be
  /// set up are.
  public static func targets(
    of plans: [InterfacePlan], _ host: inout NetlinkSocket
  ) throws -> [Target] {
    var targets: [Target] = []
    for plan in plans where !plan.probedAddresses.isEmpty {
      var parent = plan.parent
      if !parent.isUp, plan.spec.bringParentUp {
        try host.setLink(index: parent.index, up: true, named: parent.name)
        parent = try awaitCarrier(parent, &host)
      }
      targets.append(Target(parent: parent, addresses: plan.probedAddresses))
    }
    return targets
  }

  /// A network card agrees with its peer on a speed first, for some seconds; five at most are given.
  private static func awaitCarrier(_ parent: Link, _ host: inout NetlinkSocket) throws -> Link {
    let deadline = Clock.monotonic() + 5_000_000_000
    while true {
      guard let link = try host.link(index: parent.index) else {
        throw NetworkError("\(parent.name) has gone while the instance was made")
      }
      if link.hasCarrier || Clock.monotonic() > deadline { return link }
      usleep(20_000)
    }
  }
}
