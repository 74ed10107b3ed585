public import JSON

// As the compiler reads an enum: an object with the case's name, and in it an object with what comes with it.

extension HostResource: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    switch self {
    case .vlan(let name, let base, let id):
      json.add("vlan") {
        $0.add("base", base)
        $0.add("id", id)
        $0.add("name", name)
      }
    case .dummy(let name): json.add("dummy") { $0.add("name", name) }
    case .shim(let name, let parent, let mode, let flag):
      json.add("shim") {
        $0.add("flag", flag.rawValue)
        $0.add("mode", mode.rawValue)
        $0.add("name", name)
        $0.add("parent", parent)
      }
    case .route(let destination, let interface, let source):
      json.add("route") {
        $0.add("destination", destination.description)
        $0.add("interface", interface)
        $0.add("source", source?.description)
      }
    case .neighbour(let address, let hardwareAddress, let interface):
      json.add("neighbour") {
        $0.add("address", address.description)
        $0.add("hardwareAddress", hardwareAddress)
        $0.add("interface", interface)
      }
    case .sysctl(let path, let value):
      json.add("sysctl") {
        $0.add("path", path)
        $0.add("value", value)
      }
    case .bridge(let name, let addresses, let hardwareAddress, let mtu):
      json.add("bridge") {
        $0.add("addresses", addresses.map(\.description))
        $0.add("hardwareAddress", hardwareAddress)
        $0.add("mtu", mtu)
        $0.add("name", name)
      }
    case .nftables(let table, let part):
      json.add("nftables") {
        $0.add("part", part)
        $0.add("table", table)
      }
    case .forwarding(let interface, let table):
      json.add("forwarding") {
        $0.add("interface", interface)
        $0.add("table", table)
      }
    case .ipv6Forwarding(let table): json.add("ipv6Forwarding") { $0.add("table", table) }
    case .namespaceName(let name, let process, let inode):
      json.add("namespaceName") {
        $0.add("inode", inode)
        $0.add("name", name)
        $0.add("process", process)
      }
    }
  }
}

extension Nftables.Part: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    switch self {
    case .table: json.add("table") { _ in }
    case .network(let bridge, let masqueraded, let isInternal):
      json.add("network") {
        $0.add("bridge", bridge)
        $0.add("isInternal", isInternal)
        $0.add("masqueraded", masqueraded.map(\.description))
      }
    case .ports(let bindings): json.add("ports") { $0.add("_0", bindings) }
    }
  }
}
