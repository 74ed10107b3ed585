import CMnl
import Glibc
public import Linux
public import Netlink
import SystemPackage

/// The interfaces of one instance, made and removed from the host's side.
public struct NetworkSetup: ~Copyable {
  private var inside: NetlinkSocket
  private var made: [(index: Int32, name: String)] = []
  private let announcer: Announcer?

  /// Makes the plan come true in a new network namespace: the loopback, then each interface. Where
  /// one step fails, what was made before is removed again.
  ///
  /// - Parameters:
  ///   - namespace: the instance's.
  ///   - host: a socket of the namespace that has the parents.
  ///   - id: tells the temporary names of instances that are made at the same time apart.
  public static func make(
    _ plans: [InterfacePlan], in namespace: borrowing Namespace, host: inout NetlinkSocket,
    id: String
  ) throws -> NetworkSetup {
    var setup = NetworkSetup(
      inside: try NetlinkSocket.inside(namespace),
      announcer: plans.contains(where: \.announces)
        ? try namespace.visit { try Announcer(plans) } : nil)
    do {
      // The kernel gives lo 127.0.0.1/8 and ::1/128 as it comes up.
      try setup.inside.setLink(index: 1, up: true, named: "lo")
      for (position, plan) in plans.enumerated() {
        try setup.make(plan, temporaryName: "sw\(id.prefix(10))-\(position)", namespace, &host)
      }
    } catch {
      setup.remove()
      throw error
    }
    return setup
  }

  private init(inside: consuming NetlinkSocket, announcer: Announcer?) {
    self.inside = inside
    self.announcer = announcer
  }

  private mutating func make(
    _ plan: InterfacePlan, temporaryName: String, _ namespace: borrowing Namespace,
    _ host: inout NetlinkSocket
  ) throws {
    guard let driver = plan.spec.driver else { return }
    if !plan.parent.isUp {
      try host.setLink(index: plan.parent.index, up: true, named: plan.parent.name)
    }
    do {
      try host.request(Self.createMessage(plan, driver, temporaryName, namespace.fd))
    } catch {
      throw Self.explain(error, plan, driver, &host)
    }
    guard let link = try inside.link(named: temporaryName) else {
      throw NetworkError("the kernel has made no \(driver.kind) slave of \(plan.parent.name)")
    }
    made.append((link.index, plan.name))
    let kernelHasIPv6 = FileIdentity(path: "/proc/sys/net/ipv6") != nil
    try inside.setUp(
      index: link.index, name: plan.name, ipv6: kernelHasIPv6 ? plan.usesIPv6 : nil)
    for address in plan.addresses { try add(address, to: link.index, plan) }
    for route in plan.routes {
      try inside.addDefaultRoute(gateway: route.gateway, ipv4: route.isIPv4, through: link.index)
    }
    announcer?.watch(link.index, named: plan.name, hardwareAddress: link.hardwareAddress)
  }

  /// The slave is made straight in the instance's namespace, where nobody else sees it. Before
  /// Linux 6.15 its name is looked up in the sender's namespace, hence a name that is free in both.
  static func createMessage(
    _ plan: InterfacePlan, _ driver: any LinkDriver, _ name: String, _ namespace: FileDescriptor
  ) -> Message {
    var message = Message(
      .newLink, [.create, .exclusive], about: "\(driver.kind) on \(plan.parent.name)")
    message.putHeader(ifinfomsg())
    message.put(.linkName, name)
    if let mtu = plan.spec.mtu { message.put(.linkMTU, mtu) }
    message.put(.linkParent, plan.parent.index)
    message.nest(.linkInfo) {
      $0.put(.infoKind, driver.kind)
      $0.nest(.infoData) { driver.putData(into: &$0) }
    }
    message.put(.linkNamespaceDescriptor, namespace.rawValue)
    return message
  }

  /// The kernel removes the slaves of a namespace that has ended some time after: an address that
  /// such a one still holds is waited for, a second at most.
  private mutating func add(
    _ address: InterfaceAddress, to index: Int32, _ plan: InterfacePlan
  ) throws {
    let deadline = Clock.monotonic() + 1_000_000_000
    while true {
      do {
        try inside.addAddress(address, to: index)
        return
      } catch {
        if error.errno == .addressInUse, Clock.monotonic() < deadline {
          usleep(10_000)
          continue
        }
        if error.errno == .addressInUse {
          throw NetworkError(
            "\(address.address) is in use by another slave of \(plan.parent.name) (the kernel says: \(error.reason)). Use another address"
          )
        }
        if error.errno == .permissionDenied, !address.address.isIPv4 {
          throw NetworkError(
            "IPv6 is switched off in this kernel (net.ipv6.conf.*.disable_ipv6); use an IPv4 address"
          )
        }
        if error.errno.rawValue == EOPNOTSUPP || error.errno.rawValue == EAFNOSUPPORT {
          throw NetworkError("this kernel has no IPv6; use an IPv4 address")
        }
        throw NetworkError("\(plan.name) cannot have the address \(address): \(error.reason)")
      }
    }
  }

  /// What a refusal to make the slave means, and what to do.
  private static func explain(
    _ error: NetlinkError, _ plan: InterfacePlan, _ driver: any LinkDriver,
    _ host: inout NetlinkSocket
  ) -> NetworkError {
    let parent = plan.parent.name
    let kernel = "the kernel says: \(error.reason)"
    switch error.errno.rawValue {
    case EBUSY:
      let holders = SlaveSearch(kinds: ["ipvlan", "macvlan", "macvtap", "ipvtap"])
        .slaves(of: plan.parent.index, host: &host, except: [])
      if let first = holders.first {
        return NetworkError(
          "\(parent) cannot carry \(driver.kind): it already carries \(first.kind) (\(list(holders.map(\.owner)))). Use another parent, or --net \(first.kind):\(parent)"
        )
      }
      return NetworkError(
        "\(parent) cannot carry \(driver.kind): something else takes its frames (a bridge, a bond, a macvlan slave; \(kernel)). Use another parent"
      )
    case EOPNOTSUPP:
      return NetworkError(
        "this kernel has no \(driver.kind) driver (\(kernel)). Load it (modprobe \(driver.kind)), or install a kernel that has CONFIG_\(driver.kind.uppercased())"
      )
    case EPERM, EACCES:
      return NetworkError(
        "no privilege to make \(driver.kind) on \(parent): CAP_NET_ADMIN is missing. Run swrun as root"
      )
    case ENODEV:
      return NetworkError("\(parent) has gone while the instance was made")
    default:
      return NetworkError("\(parent) cannot carry \(driver.kind): \(error.reason)")
    }
  }

  /// Tells the neighbours once; see ``Announcer``.
  public borrowing func announce() { announcer?.send() }

  public var announces: Bool { announcer != nil }

  /// Removes the interfaces now, so that their addresses are free when this returns. The kernel
  /// would do it as well once the namespace has ended, but some time later.
  public mutating func remove() {
    for (index, name) in made.reversed() {
      // What fails here is gone with the namespace all the same.
      try? inside.deleteLink(index: index, named: name)
    }
    made = []
  }
}
