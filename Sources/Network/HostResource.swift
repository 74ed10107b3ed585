import Glibc
public import Linux
public import Netlink

/// Something that has to be on the host for an instance's interface: it knows how it is made, how it
/// is undone, and as which command people know it. ``HostResources`` counts who needs it.
public enum HostResource: Hashable, Sendable, Decodable {
  /// A VLAN sub-interface, IEEE 802.1Q: `eth0.20` on `eth0`.
  case vlan(name: String, base: String, id: UInt16)
  /// An interface that leads nowhere, the parent of slaves that are to be among themselves.
  case dummy(name: String)
  /// An ipvlan slave of the host's own, by which the host reaches those of its instances.
  case shim(name: String, parent: String, mode: Ipvlan.Mode, flag: Ipvlan.Flag)
  /// A route to an instance's address, with the host's address that packets there have.
  case route(destination: InterfaceAddress, interface: String, source: IPAddress?)
  /// The MAC address of a neighbour that is not asked for it; `nil`: the host answers for the address.
  case neighbour(address: IPAddress, hardwareAddress: [UInt8]?, interface: String)
  /// A setting below `/proc/sys/net`: `ipv4/conf/eth0/rp_filter`.
  case sysctl(path: String, value: String)
  /// A bridge for instances. Where it has addresses it is their gateway.
  case bridge(name: String, addresses: [InterfaceAddress], hardwareAddress: [UInt8], mtu: UInt32)
  /// A part of the table of rules, ``Nftables``.
  case nftables(table: String, part: Nftables.Part)
  /// An interface forwards IPv4 to and from bridges, and nothing else that it did not.
  case forwarding(interface: String, table: String)
  /// The same of IPv6, which Linux before 6.17 switches on for all interfaces or none.
  case ipv6Forwarding(table: String)

  /// An instance's network namespace has a name in `/run/netns`.
  case namespaceName(name: String, process: ProcessIdentity, inode: UInt64)

  /// What tells it from others; one resource has one key.
  public var key: String {
    switch self {
    case .vlan(let name, _, _), .dummy(let name), .shim(let name, _, _, _),
      .bridge(let name, _, _, _):
      "link \(name)"
    case .route(let destination, let interface, _): "route \(destination) \(interface)"
    case .neighbour(let address, let hardware, let interface):
      "\(hardware == nil ? "proxy" : "neighbour") \(address) \(interface)"
    case .sysctl(let path, _): "sysctl \(path)"
    case .nftables(let table, let part): "nft \(table) \(part.key)"
    case .forwarding(let interface, _): "forwarding \(interface)"
    case .ipv6Forwarding: "forwarding IPv6"
    case .namespaceName(let name, _, _): "netns \(name)"
    }
  }

  /// Whether one that is there, and that no instance of ours is known to need, is in the way.
  var isExclusive: Bool {
    if case .bridge = self { true } else { false }
  }

  /// Whether the host has it already.
  func isPresent(_ host: inout NetlinkSocket) throws -> Bool {
    switch self {
    case .vlan(let name, _, _), .dummy(let name), .shim(let name, _, _, _),
      .bridge(let name, _, _, _):
      return try host.link(named: name) != nil
    case .route(let destination, let interface, _):
      guard let link = try host.link(named: interface) else { return false }
      return try host.routes(ipv4: destination.address.isIPv4, through: link.index)
        .contains { $0.route.destination == destination }
    // An entry that the kernel has learnt is replaced; nobody else sets one for an instance.
    case .neighbour: return false
    case .sysctl(let path, let value): return try Self.read(path) == value
    // Adding it again changes nothing, and brings back what somebody has flushed.
    case .nftables: return false
    case .forwarding(let interface, _):
      return try Self.read(Forwarding.setting(of: interface)) == "1"
    case .ipv6Forwarding: return try Self.read(Forwarding.ipv6) == "1"
    case .namespaceName(let name, _, _):
      return FileIdentity(path: try NamespaceName.path(name)) != nil
    }
  }

  /// What was there before and comes back with ``undo(_:former:)``.
  func former(_ host: inout NetlinkSocket) throws -> String? {
    switch self {
    case .sysctl(let path, _): return try Self.read(path)
    case .forwarding: return try Forwarding.former()
    case .ipv6Forwarding: return try Forwarding.formerIPv6(&host)
    default: return nil
    }
  }

  /// - Throws: what the kernel refuses, with what was to be made.
  func make(_ host: inout NetlinkSocket) throws {
    do {
      switch self {
      case .vlan(let name, let base, let id):
        let parent = try Self.index(of: base, &host)
        try host.createLink(name, kind: "vlan", parent: parent, alias: Self.alias) {
          $0.put(.vlanID, id)
        }
      case .dummy(let name):
        try host.createLink(name, kind: "dummy", alias: Self.alias)
      case .shim(let name, let parent, let mode, let flag):
        let slave = Ipvlan(parent: parent, mode: mode, flag: flag)
        try host.createLink(
          name, kind: slave.kind, parent: try Self.index(of: parent, &host), alias: Self.alias
        ) { slave.putData(into: &$0) }
      case .route(let destination, let interface, let source):
        let index = try Self.index(of: interface, &host)
        try host.addRoute(Route(to: destination, source: source), through: index)
      case .neighbour(let address, let hardware, let interface):
        let index = try Self.index(of: interface, &host)
        try host.setNeighbour(Neighbour(address, hardwareAddress: hardware), on: index)
      case .sysctl(let path, let value): try Self.write(path, value)
      case .bridge(let name, let addresses, let hardwareAddress, let mtu):
        try Self.makeBridge(name, addresses, hardwareAddress, mtu, &host)
      // Each of the others brings it along.
      case .nftables(_, .table): break
      case .nftables(let table, let part):
        try NftablesProgram.apply(Nftables.adding(part, to: table))
      case .forwarding(let interface, let table): try Forwarding.open(interface, table)
      case .ipv6Forwarding(let table): try Forwarding.openIPv6(table, &host)
      case .namespaceName(let name, let process, let inode):
        try NamespaceName.make(name, process, inode: inode)
      }
    } catch let error as NetlinkError {
      if error.errno.rawValue == EOPNOTSUPP, let module {
        throw NetworkError(
          "this kernel cannot do \(title): the driver \(module) is missing (the kernel says: \(error.reason)). Load it: modprobe \(module)"
        )
      }
      throw NetworkError("\(title): \(error.reason)")
    }
  }

  /// The kernel's module that it needs.
  private var module: String? {
    switch self {
    case .vlan: "8021q"
    case .dummy: "dummy"
    case .shim: "ipvlan"
    case .bridge: "bridge"
    case .route, .neighbour, .sysctl, .nftables, .forwarding, .ipv6Forwarding, .namespaceName:
      nil
    }
  }

  /// Makes it unmade; what has gone meanwhile, or is no longer as it was made, is left alone.
  func undo(_ host: inout NetlinkSocket, former: String?) throws {
    switch self {
    case .vlan(let name, _, _): try Self.delete(name, kind: "vlan", &host)
    case .dummy(let name): try Self.delete(name, kind: "dummy", &host)
    case .shim(let name, _, _, _): try Self.delete(name, kind: "ipvlan", &host)
    case .route(let destination, let interface, let source):
      guard let link = try host.link(named: interface) else { return }
      try host.deleteRoute(Route(to: destination, source: source), through: link.index)
    case .neighbour(let address, let hardware, let interface):
      guard let link = try host.link(named: interface) else { return }
      try host.deleteNeighbour(Neighbour(address, hardwareAddress: hardware), on: link.index)
    case .sysctl(let path, let value):
      // Somebody who has set something else since means it.
      guard let former, (try? Self.read(path)) == value else { return }
      try Self.write(path, former)
    case .bridge(let name, _, _, _): try Self.delete(name, kind: "bridge", &host)
    case .nftables(let table, let part):
      try NftablesProgram.apply(Nftables.removing(part, from: table))
    case .forwarding(let interface, let table):
      try Forwarding.close(interface, table, former: former)
    case .ipv6Forwarding(let table): try Forwarding.closeIPv6(table, former: former)
    case .namespaceName(let name, _, let inode): try NamespaceName.undo(name, inode: inode)
    }
  }

  /// Whether by it the host answers on an interface for others.
  public func isProxy(on parent: String) -> Bool {
    if case .neighbour(_, nil, parent) = self { return true }
    return false
  }

  /// The first of the commands that make it, for one line.
  public var title: String { String(explanation.prefix { $0 != "\n" }) }

  /// The commands that make it, one a line.
  public var explanation: String {
    switch self {
    case .vlan(let name, let base, let id):
      return "ip link add link \(base) name \(name) up type vlan id \(id)"
    case .dummy(let name): return "ip link add \(name) up type dummy"
    case .shim(let name, let parent, let mode, let flag):
      let slave = Ipvlan(parent: parent, mode: mode, flag: flag)
      return "ip link add link \(parent) name \(name) up \(slave.explanation)"
    case .route(let destination, let interface, let source):
      let from = source.map { " src \($0)" } ?? ""
      return "ip route add \(destination) dev \(interface)\(from)"
    case .neighbour(let address, let hardware?, let interface):
      return "ip neigh replace \(address) lladdr \(hardwareText(hardware)) dev \(interface)"
    case .neighbour(let address, nil, let interface):
      return "ip neigh add proxy \(address) dev \(interface)"
    case .sysctl(let path, let value):
      return "sysctl -w net/\(path)=\(value)"
    case .bridge(let name, let addresses, let hardwareAddress, let mtu):
      let address = hardwareText(hardwareAddress)
      var lines = ["ip link add \(name) address \(address) mtu \(mtu) type bridge"]
      if addresses.allSatisfy(\.address.isIPv4) {
        lines.append("ip link set \(name) addrgenmode none")
      }
      lines += Self.bridgeSettings(name, addresses).map { "sysctl -w net/\($0.0)=\($0.1)" }
      lines += addresses.map { "ip addr add \($0) dev \(name)" }
      return (lines + ["ip link set \(name) up"]).joined(separator: "\n")
    case .nftables(let table, .table):
      return "nft -f - <<END\n\(Nftables.base(table))END"
    case .nftables(let table, let part):
      return Nftables.elements(part).map { "nft add element inet \(table) '\($0.full)'" }
        .joined(separator: "\n")
    case .forwarding(let interface, let table):
      return
        "nft add element inet \(table) 'opened4 { \"\(interface)\" }'\nsysctl -w net/\(Forwarding.setting(of: interface))=1"
    case .ipv6Forwarding:
      return "sysctl -w net/\(Forwarding.ipv6)=1"
    case .namespaceName(let name, let process, _):
      return "ip netns attach \(name) \(process.pid)"
    }
  }

  /// What the host does, and does not do, on a bridge of its own: instances there are no routers of
  /// the host's, CVE-2020-13401, and reach it neither as 127.0.0.1 (``Nftables``), though it reaches
  /// them from there.
  private static func bridgeSettings(
    _ name: String, _ addresses: [InterfaceAddress]
  ) -> [(String, String)] {
    var settings: [(String, String)] = []
    if kernelHasIPv6 {
      settings.append(("ipv6/conf/\(name)/accept_ra", "0"))
    }
    if addresses.contains(where: \.address.isIPv4) {
      settings.append(("ipv4/conf/\(name)/forwarding", "1"))
      settings.append(("ipv4/conf/\(name)/route_localnet", "1"))
    }
    return settings
  }

  private static func makeBridge(
    _ name: String, _ addresses: [InterfaceAddress], _ hardwareAddress: [UInt8], _ mtu: UInt32,
    _ host: inout NetlinkSocket
  ) throws {
    try host.createBridge(name, hardwareAddress: hardwareAddress, mtu: mtu, alias: alias)
    do {
      let index = try Self.index(of: name, &host)
      let usesIPv6 = addresses.contains { !$0.address.isIPv4 }
      if kernelHasIPv6, !usesIPv6 {
        try host.request(NetlinkSocket.withoutLinkLocalMessage(index: index, named: name))
      }
      for (path, value) in bridgeSettings(name, addresses) { try write(path, value) }
      for address in addresses { try host.addAddress(address, to: index) }
      try host.setLink(index: index, up: true, named: name)
    } catch {
      try? delete(name, kind: "bridge", &host)
      throw error
    }
  }

  /// `ip -d link` shows it beside each interface of ours.
  static let alias = "made by swrun"

  private static func index(
    of name: String, _ host: inout NetlinkSocket
  ) throws -> Int32 {
    guard let link = try host.link(named: name) else {
      throw NetworkError("the interface \(name) has gone while the instance was made")
    }
    return link.index
  }

  private static func delete(
    _ name: String, kind: String, _ host: inout NetlinkSocket
  ) throws {
    guard let link = try host.link(named: name), link.kind == kind else { return }
    try host.deleteLink(index: link.index, named: name)
  }

  /// A setting's value; the network namespace is the one that this thread is in.
  static func read(_ path: String) throws -> String {
    String(try readText("/proc/sys/net/\(path)").prefix { $0 != "\n" })
  }

  static func write(_ path: String, _ value: String) throws {
    let file = try Descriptor.open("/proc/sys/net/\(path)", O_WRONLY)
    do { try file.fd.writeEverything(Array(value.utf8)) } catch {
      throw NetworkError("net/\(path) cannot be set to \(quoted(value)): \(error.errno)")
    }
  }
}

/// `02:00:00:00:00:01`
public func hardwareText(_ address: [UInt8]) -> String {
  address.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
}
