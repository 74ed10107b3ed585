import Glibc
import Linux
public import Netlink

/// Something that has to be on the host for an instance's interface: it knows how it is made, how it
/// is undone, and as which command people know it. ``HostResources`` counts who needs it.
public enum HostResource: Hashable, Sendable, Codable {
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

  /// What tells it from others; one resource has one key.
  public var key: String {
    switch self {
    case .vlan(let name, _, _), .dummy(let name), .shim(let name, _, _, _): "link \(name)"
    case .route(let destination, let interface, _): "route \(destination) \(interface)"
    case .neighbour(let address, let hardware, let interface):
      "\(hardware == nil ? "proxy" : "neighbour") \(address) \(interface)"
    case .sysctl(let path, _): "sysctl \(path)"
    }
  }

  /// Whether the host has it already.
  func isPresent(_ host: inout NetlinkSocket) throws -> Bool {
    switch self {
    case .vlan(let name, _, _), .dummy(let name), .shim(let name, _, _, _):
      return try host.link(named: name) != nil
    case .route(let destination, let interface, _):
      guard let link = try host.link(named: interface) else { return false }
      return try host.routes(ipv4: destination.address.isIPv4, through: link.index)
        .contains { $0.route.destination == destination }
    // An entry that the kernel has learnt is replaced; nobody else sets one for an instance.
    case .neighbour: return false
    case .sysctl(let path, let value): return try Self.read(path) == value
    }
  }

  /// What was there before and comes back with ``undo(_:former:)``.
  func former() throws -> String? {
    guard case .sysctl(let path, _) = self else { return nil }
    return try Self.read(path)
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
      }
    } catch let error as NetlinkError {
      if error.errno.rawValue == EOPNOTSUPP, let module {
        throw NetworkError(
          "this kernel cannot do \(explanation): the driver \(module) is missing (the kernel says: \(error.reason)). Load it: modprobe \(module)"
        )
      }
      throw NetworkError("\(explanation): \(error.reason)")
    }
  }

  /// The kernel's module that it needs.
  private var module: String? {
    switch self {
    case .vlan: "8021q"
    case .dummy: "dummy"
    case .shim: "ipvlan"
    case .route, .neighbour, .sysctl: nil
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
    }
  }

  /// The command that makes it.
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
