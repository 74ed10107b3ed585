import CMnl
import Glibc
public import Linux
public import Netlink
import SystemPackage

/// The interfaces of one instance, made and removed from the host's side.
public struct NetworkSetup: ~Copyable {
  let namespace: Namespace
  var inside: NetlinkSocket
  var made: [Made] = []
  var announcer: Announcer?
  /// Tells the temporary names of instances that are made at the same time apart.
  private let id: String
  private var count = 0

  struct Made {
    let name: String
    let index: Int32
    /// The neighbours are told so many times more.
    var announcements: Int
    /// The kernel has told them the first time.
    var isAnnounced: Bool
    var addresses: [InterfaceAddress]
    /// ``InterfacePlan/canBeLeft``
    let canBeLeft: Bool
    /// The index of the parent from which the host tells of them; `nil`: the interface itself does.
    let proxy: Int32?
  }

  /// In a network namespace; the loopback of a new one is set up.
  ///
  /// - Parameters:
  ///   - namespace: the instance's.
  ///   - id: the instance's.
  ///   - isShared: the namespace is that of others too, and stays as they have it.
  public init(in namespace: consuming Namespace, id: String, isShared: Bool) throws {
    var socket = try NetlinkSocket.inside(namespace)
    // The kernel gives lo 127.0.0.1/8 and ::1/128 as it comes up.
    if !isShared { try socket.setLink(index: 1, up: true, named: "lo") }
    inside = socket
    self.namespace = namespace
    self.id = id
  }

  /// Makes an interface as it is planned. Where a step fails, it is removed again.
  ///
  /// - Parameter host: a socket of the namespace that has the parent.
  public mutating func add(_ plan: InterfacePlan, _ host: inout NetlinkSocket) throws {
    do { try make(plan, &host) } catch {
      remove(plan.name)
      throw error
    }
  }

  private mutating func make(_ plan: InterfacePlan, _ host: inout NetlinkSocket) throws {
    guard let driver = plan.spec.driver else { return }
    if !plan.parent.isUp {
      try host.setLink(index: plan.parent.index, up: true, named: plan.parent.name)
    }
    let index = try createWhenFree(plan, driver, &host)
    made.append(
      Made(
        name: plan.name, index: index, announcements: plan.announces ? 3 : 0,
        isAnnounced: plan.kernelAnnounces, addresses: plan.addresses, canBeLeft: plan.canBeLeft,
        proxy: plan.isProxied ? plan.parent.index : nil))
    try FaultPoint.reach("\(driver.kind) on \(plan.parent.name)")
    let hasIPv6 = kernelHasIPv6
    try apply((hasIPv6 ? plan.routerSettings : []) + plan.spec.sysctls, to: plan.name)
    try take(plan.steps(kernelHasIPv6: hasIPv6), of: plan, index)
  }

  /// While the kernel removes slaves of another kind, whose namespace has ended, the parent cannot carry this
  /// one: that is waited for, a second at most.
  private mutating func createWhenFree(
    _ plan: InterfacePlan, _ driver: any LinkDriver, _ host: inout NetlinkSocket
  ) throws -> Int32 {
    let deadline = Clock.monotonic() + 1_000_000_000
    while true {
      do { return try create(plan, driver, &host) } catch let error as NetlinkError {
        guard error.errno == .resourceBusy, Clock.monotonic() < deadline,
          Self.holders(of: plan.parent, &host).isEmpty
        else { throw Self.explain(error, plan, driver, &host) }
        usleep(10_000)
      }
    }
  }

  private static func holders(of parent: Link, _ host: inout NetlinkSocket) -> [Slave] {
    SlaveSearch(kinds: ["ipvlan", "macvlan", "macvtap", "ipvtap"])
      .slaves(of: parent.index, host: &host, except: [])
  }

  /// Makes the interface under its name, straight in the instance's namespace, where nobody else sees it.
  ///
  /// - Returns: its index. It is chosen, which saves asking for it. Before Linux 6.15 it has to be free in
  ///   the sender's namespace too, and so has the name where no index is chosen (`__rtnl_newlink`,
  ///   net/core/rtnetlink.c): where one is taken, the slave is made under a name that is free in both and
  ///   renamed, which costs as much as making it.
  private mutating func create(
    _ plan: InterfacePlan, _ driver: any LinkDriver, _ host: inout NetlinkSocket
  ) throws -> Int32 {
    let temporaryName = "sw\(id.prefix(10))-\(count)"
    let chosen = Self.firstIndex + Int32(count)
    count = (count + 1) % 100
    if case .bridge = plan.spec.kind {
      try host.createVeth(
        Self.vethPair(plan, "v\(temporaryName.dropFirst(2))"), namespace: namespace.fd,
        reflects: !plan.published.isEmpty, hasIPv6: kernelHasIPv6)
      return try indexInside(of: plan.name, plan)
    }
    do {
      try host.request(Self.createMessage(plan, driver, plan.name, chosen, namespace.fd))
      return chosen
    } catch {
      guard error.errno == .fileExists || error.errno == .resourceBusy else { throw error }
      try host.request(Self.createMessage(plan, driver, temporaryName, 0, namespace.fd))
    }
    let index = try indexInside(of: temporaryName, plan)
    do { try inside.rename(index: index, to: plan.name) } catch {
      try? inside.deleteLink(index: index, named: temporaryName)
      throw error
    }
    return index
  }

  /// Above those that a host's own interfaces have where few have come and gone.
  private static let firstIndex: Int32 = 100_000

  private mutating func indexInside(of name: String, _ plan: InterfacePlan) throws -> Int32 {
    guard let link = try inside.link(named: name) else {
      throw NetworkError("the kernel has made no interface on \(plan.parent.name)")
    }
    return link.index
  }

  private func apply(_ sysctls: [NetworkSpec.Sysctl], to name: String) throws {
    if sysctls.isEmpty { return }
    try namespace.visit {
      for sysctl in sysctls {
        do { try HostResource.write(sysctl.path(of: name), sysctl.value) } catch let error
          as SystemError
        {
          throw NetworkError(
            "sysctl net/\(sysctl.path(of: name)): \(error.errno); this kernel has no such setting of an interface"
          )
        }
      }
    }
  }

  /// The end that stays on the host is called by the instance, and so by what `ps` shows.
  static func vethPair(_ plan: InterfacePlan, _ name: String) -> VethPair {
    VethPair(
      name: name, bridge: plan.parent.index, mtu: plan.parent.mtu,
      peerName: plan.name, peerMTU: plan.spec.mtu ?? plan.parent.mtu,
      peerHardwareAddress: plan.spec.hardwareAddress)
  }

  /// - Parameter index: 0 where the kernel chooses one.
  static func createMessage(
    _ plan: InterfacePlan, _ driver: any LinkDriver, _ name: String, _ index: Int32,
    _ namespace: FileDescriptor
  ) -> Message {
    var message = Message(
      .newLink, [.create, .exclusive], about: "\(driver.kind) on \(plan.parent.name)")
    var header = ifinfomsg()
    header.ifi_index = index
    message.putHeader(header)
    message.put(.linkName, name)
    if let mtu = plan.mtu { message.put(.linkMTU, mtu) }
    if let address = plan.spec.hardwareAddress { message.put(.linkAddress, address) }
    message.put(.linkParent, plan.parent.index)
    message.nest(.linkInfo) {
      $0.put(.infoKind, driver.kind)
      $0.nest(.infoData) { driver.putData(into: &$0) }
    }
    message.put(.linkNamespaceDescriptor, namespace.rawValue)
    return message
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
      let holders = holders(of: plan.parent, &host)
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

  /// Tells the neighbours of addresses that are new; to be called a second apart.
  ///
  /// - Parameter host: a socket of the namespace that has the parents, in which this process is.
  public mutating func announce(_ host: inout NetlinkSocket) {
    for position in made.indices where made[position].announcements > 0 {
      made[position].announcements -= 1
      if made[position].isAnnounced {
        made[position].isAnnounced = false
        continue
      }
      let own = made[position]
      // Asked for each time: that of the parent may have changed.
      if let proxy = own.proxy {
        guard let link = try? host.link(index: proxy) else { continue }
        try? Announcer().send(own.addresses.map(\.address), from: link)
      } else {
        guard let link = try? inside.link(index: own.index) else { continue }
        // Made with its first use, when the workload runs already.
        if announcer == nil { announcer = try? namespace.visit { try Announcer() } }
        announcer?.send(own.addresses.map(\.address), from: link)
      }
    }
  }

  /// Whether there is more to be told.
  public var hasMoreToAnnounce: Bool { made.contains { $0.announcements > 0 } }

  /// Whether it still has what the announcements were sent by.
  public var isAnnouncing: Bool { announcer != nil }

  /// Lets go of it. The kernel has who closes a packet socket wait until no CPU looks at it any more
  /// (`packet_release`, net/packet/af_packet.c), for up to some 20 ms.
  public mutating func restFromAnnouncing() { announcer = nil }

  /// The neighbours of an interface that has some have to be told anew.
  public mutating func announceAgain(_ name: String) {
    guard let position = made.firstIndex(where: { $0.name == name }) else { return }
    made[position].announcements = 3
    made[position].isAnnounced = false
  }

  /// An interface as it is now; `nil` where it has gone, with its parent.
  public mutating func link(_ name: String) -> Link? {
    guard let own = made.first(where: { $0.name == name }) else { return nil }
    return (try? inside.link(index: own.index)).flatMap { $0 }
  }

  public mutating func setMTU(_ mtu: UInt32, of name: String) throws {
    guard let own = made.first(where: { $0.name == name }) else { return }
    try inside.setMTU(mtu, index: own.index, named: name)
  }

  /// Adds a route to those of an interface.
  public mutating func add(_ route: Route, of name: String) throws {
    guard let own = made.first(where: { $0.name == name }) else { return }
    try inside.addRoute(route, through: own.index)
  }

  public mutating func set(_ neighbours: [Neighbour], of name: String) throws {
    guard let own = made.first(where: { $0.name == name }) else { return }
    for neighbour in neighbours { try inside.setNeighbour(neighbour, on: own.index) }
  }

  /// Removes one interface.
  public mutating func remove(_ name: String) {
    guard let position = made.firstIndex(where: { $0.name == name }) else { return }
    // What fails here is gone, or goes with the namespace all the same.
    try? inside.deleteLink(index: made[position].index, named: name)
    FaultPoint.mark("the end of \(name)")
    made.remove(at: position)
  }

  /// Removes the interfaces now.
  public mutating func remove() {
    for name in made.map(\.name).reversed() { remove(name) }
  }

  /// Ends the interfaces of an instance that has ended, so that their addresses are free when this returns.
  ///
  /// Who asks the kernel to remove an interface waits until no CPU looks at it any more (`netdev_run_todo`,
  /// net/core/dev.c), for some 20 ms. What is in a namespace that has ended it removes by itself, all at
  /// once, and nobody waits.
  ///
  /// - Parameter namespaceEnds: nobody else is in the namespace.
  public mutating func end(namespaceEnds: Bool) {
    guard namespaceEnds else { return remove() }
    for own in made.reversed() where own.canBeLeft {
      // What is refused here has gone with the parent.
      _ = try? inside.request(each: own.addresses) {
        NetlinkSocket.message(deleting: $0, from: own.index)
      }
      FaultPoint.mark("the end of \(own.name)")
    }
    made.removeAll(where: \.canBeLeft)
    remove()
  }
}

/// Whether this process's network namespace has IPv6. Below `/proc/sys/net` the kernel would look through the
/// directories of all namespaces for it (`proc_sys_compare`, fs/proc/proc_sysctl.c).
var kernelHasIPv6: Bool { access("/proc/self/net/if_inet6", F_OK) == 0 }
