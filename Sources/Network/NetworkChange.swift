import Glibc
public import Linux
public import Netlink
public import SystemPackage

/// Interfaces that change while the instance lives.
extension NetworkSetup {
  /// Another handle of the instance's network namespace.
  public borrowing func namespaceHandle() throws -> Namespace {
    try Namespace(path: "/proc/self/fd/\(namespace.fd.rawValue)")
  }

  /// Makes an interface as `plan` has it, which `former` had otherwise: its addresses, routes and MTU.
  /// One that has gone is made as planned when it comes again.
  public mutating func change(from former: InterfacePlan, to plan: InterfacePlan) throws {
    guard let position = made.firstIndex(where: { $0.name == plan.name }) else { return }
    let index = made[position].index
    let gone = former.addresses.filter { !plan.addresses.contains($0) }
    let new = plan.addresses.filter { !former.addresses.contains($0) }
    // With the last address of a family the kernel takes the routes of the interface.
    let affected = Set(gone.map(\.address.isIPv4))
    func stays(_ route: Route) -> Bool {
      former.routes.contains(route) && plan.routes.contains(route)
        && !affected.contains(route.isIPv4)
    }
    for route in former.routes.reversed() where !stays(route) {
      try inside.deleteRoute(route, through: index)
    }
    for address in gone { try inside.deleteAddress(address, from: index) }
    if plan.mtu != former.mtu {
      try inside.setMTU(plan.mtu ?? plan.parent.mtu, index: index, named: plan.name)
    }
    for address in new {
      try add(address, to: index, plan)
      try FaultPoint.reach("\(plan.name) has \(address)")
    }
    for route in plan.routes where !stays(route) {
      do { try inside.addRoute(route, through: index) } catch {
        // What the server calls a route the kernel may have made with the address.
        if error.errno == .fileExists, !route.isDefault { continue }
        throw NetworkError("\(plan.name) cannot have the route \(route.text): \(error.reason)")
      }
      try FaultPoint.reach("\(plan.name) has the route \(route.text)")
    }
    made[position].addresses = plan.addresses
    guard plan.announces, !new.isEmpty else { return }
    made[position].announcements = 3
    made[position].isAnnounced = false
  }

  /// What routers have advertised on an interface, as the kernel has carried it out.
  public struct Advertised: Hashable, Sendable {
    public var addresses: [InterfaceAddress] = []
    /// Where the default routes lead.
    public var gateways: [IPAddress] = []

    public init() {}
  }

  public mutating func advertised(_ name: String) -> Advertised {
    guard let own = made.first(where: { $0.name == name }) else { return Advertised() }
    var found = Advertised()
    found.addresses = ((try? inside.addresses()) ?? []).filter {
      $0.interface == own.index && $0.isAdvertised
    }.map(\.address)
    found.gateways = (try? inside.defaultGateways(through: own.index, ipv4: false)) ?? []
    return found
  }

  /// Waits until a router has given the interface an address.
  ///
  /// - Parameters:
  ///   - seconds: the longest wait.
  ///   - interruption: a signalfd(2) of signals that end the wait.
  public mutating func awaitRouter(
    _ plan: InterfacePlan, seconds: Int, interruption: FileDescriptor? = nil
  ) throws {
    let watch = try namespace.visit { try LinkWatch([.ipv6Addresses]) }
    let wait = try Wait(seconds: seconds, interruption: interruption)
    try wait.add(watch.fd)
    while advertised(plan.name).addresses.isEmpty {
      guard try wait.next(for: "a router's advertisement on \(plan.parent.name)") else {
        throw NetworkError(
          "no router has given \(plan.name) an IPv6 address on the LAN of \(plan.parent.name) within \(seconds) seconds. Does one advertise a prefix there? An address of your choice is given with --ip A/P"
        )
      }
      _ = watch.events()
    }
    try addAdvertisedRoutes(plan)
  }

  /// Makes the routes that need the address which a router gives, once it is there.
  public mutating func addAdvertisedRoutes(_ plan: InterfacePlan) throws {
    guard let own = made.first(where: { $0.name == plan.name }), !plan.advertisedRoutes.isEmpty,
      !advertised(plan.name).addresses.isEmpty
    else { return }
    for route in plan.advertisedRoutes {
      do { try inside.addRoute(route, through: own.index) } catch {
        if error.errno == .fileExists { continue }
        throw NetworkError("\(plan.name) cannot have the route \(route.text): \(error.reason)")
      }
    }
  }
}

/// A bounded wait for something of the LAN, which the user may break off.
struct Wait: ~Copyable {
  private let epoll: Epoll
  private let limit: Alarm
  private let interruption: FileDescriptor?

  init(seconds: Int, interruption: FileDescriptor?) throws {
    let epoll = try Epoll()
    let limit = try Alarm()
    try limit.set(Clock.boottime() + Int64(seconds) * 1_000_000_000)
    try epoll.add(limit.fd, key: 1)
    if let interruption { try epoll.add(interruption, key: 2) }
    self.epoll = epoll
    self.limit = limit
    self.interruption = interruption
  }

  borrowing func add(_ fd: FileDescriptor) throws { try epoll.add(fd, key: 0) }

  /// Waits until something has happened.
  ///
  /// - Returns: false at the end of the time.
  /// - Throws: that it was broken off.
  borrowing func next(for what: String) throws -> Bool {
    let ready = try epoll.wait()
    if ready.contains(2) { try Self.checkSignals(interruption, for: what) }
    return ready.contains(0) || !ready.contains(1)
  }

  /// - Throws: that one of the signals has come which break a wait off.
  static func checkSignals(
    _ interruption: FileDescriptor?, for what: String
  ) throws(NetworkError) {
    if let interruption, Signal.takeInterruption(from: interruption) {
      throw NetworkError("interrupted while waiting for \(what)")
    }
  }
}
