import Netlink

/// The subnets of a network, checked.
extension NetworkDefinition {
  /// Whether its addresses are a DHCP server's, and then not its own.
  static func usesDhcp(
    _ request: NetworkRequest, _ spec: NetworkSpec, hasLAN: Bool
  ) throws(NetworkError) -> Bool {
    switch request.ipamDriver {
    case nil, "default", "host-local": return false
    case "dhcp": break
    case let driver?:
      throw NetworkError(
        "unknown IPAM driver \(quoted(driver)): it is default (addresses of the subnets) or dhcp")
    }
    guard hasLAN, !request.isInternal, spec.driver?.hasNeighbours == true else {
      throw NetworkError(
        "--ipam-driver dhcp needs a LAN that has a DHCP server: ipvlan in mode l2 or macvlan, with --opt parent=INTERFACE, and not --internal"
      )
    }
    let given = [
      ("--subnet", request.subnets), ("--gateway", request.gateways),
      ("--ip-range", request.ranges), ("--aux-address", request.auxiliary),
    ]
    if let option = given.first(where: { !$0.1.isEmpty })?.0 {
      throw NetworkError(
        "\(option) and --ipam-driver dhcp exclude each other: the server decides about addresses")
    }
    return true
  }

  static func pools(
    _ request: NetworkRequest, hasNeighbours: Bool, _ summary: String
  ) throws(NetworkError) -> [AddressPool] {
    guard !request.subnets.isEmpty else {
      throw NetworkError(
        "the network needs a subnet: --subnet A/PREFIX, for example --subnet 10.20.20.0/24")
    }
    var pools: [AddressPool] = []
    for text in request.subnets {
      let subnet = try self.subnet(text, "subnet")
      if let other = pools.first(where: { overlaps($0.subnet, subnet) }) {
        throw NetworkError("the subnets \(other.subnet) and \(subnet) overlap")
      }
      var pool = AddressPool(subnet: subnet)
      pool.hasNeighbours = hasNeighbours && !request.isInternal
      pools.append(pool)
    }
    /// The subnet that something given beside it belongs to.
    func place(_ address: IPAddress, _ what: String) throws(NetworkError) -> Int {
      guard let index = pools.firstIndex(where: { $0.subnet.contains(address) }) else {
        throw NetworkError("\(what) is outside the subnet \(list(pools.map { "\($0.subnet)" }))")
      }
      return index
    }
    for text in request.gateways {
      if text == "none" {
        guard request.gateways.count == 1 else {
          throw NetworkError("--gateway none and a gateway exclude each other")
        }
        for index in pools.indices { pools[index].gateway = .none }
        continue
      }
      guard !request.isInternal else {
        throw NetworkError(
          "the gateway \(text): an internal network has no way out, and so no gateway. Leave --gateway or --internal out"
        )
      }
      guard hasNeighbours else {
        throw NetworkError(
          "the gateway \(text) has no meaning in \(summary): the host routes there, and the default route is on-link. Leave --gateway out"
        )
      }
      let gateway = try address(text, "gateway")
      let index = try place(gateway, "the gateway \(gateway)")
      guard case .automatic = pools[index].gateway else {
        throw NetworkError("two gateways are given for \(pools[index].subnet); it has one")
      }
      try check(gateway, in: pools[index].subnet, "gateway")
      pools[index].gateway = .address(gateway)
    }
    for text in request.ranges {
      let range = try subnet(text, "range")
      let index = try place(range.address, "the range \(range)")
      guard range.prefix >= pools[index].subnet.prefix else {
        throw NetworkError("the range \(range) is wider than the subnet \(pools[index].subnet)")
      }
      guard pools[index].range == nil else {
        throw NetworkError("two ranges are given for \(pools[index].subnet); it has one")
      }
      pools[index].range = range
      guard pools[index].hasAny else {
        throw NetworkError(
          "the range \(range) has no address that an instance could have: \(pools[index].subnet) keeps its first for itself and its last for broadcasts"
        )
      }
    }
    for text in request.auxiliary {
      let (name, value) = pair(text)
      guard !name.isEmpty, let value else {
        throw NetworkError(
          "--aux-address \(quoted(text)): write it as NAME=ADDRESS, for example printer=10.20.20.9")
      }
      let address = try self.address(value, "auxiliary address")
      let index = try place(address, "the auxiliary address \(address)")
      try check(address, in: pools[index].subnet, "auxiliary address")
      guard pools.allSatisfy({ $0.auxiliary[name] == nil }) else {
        throw NetworkError("two auxiliary addresses are called \(name)")
      }
      pools[index].auxiliary[name] = address
    }
    return pools
  }

  private static func subnet(
    _ text: String, _ what: String
  ) throws(NetworkError) -> InterfaceAddress {
    guard let subnet = InterfaceAddress(text), subnet.prefix > 0 else {
      throw NetworkError(
        "the \(what) \(quoted(text)) is not one; write it as 10.20.20.0/24 or fd00::/64")
    }
    guard subnet.address == subnet.network else {
      throw NetworkError(
        "the \(what) \(subnet) does not begin at its own address; did you mean \(subnet.network)/\(subnet.prefix)?"
      )
    }
    let first = subnet.address
    guard !first.isMulticast, !first.isLoopback, !first.isUnspecified, !first.isLinkLocalIPv6,
      !first.isMappedIPv4, !(first.isIPv4 && first.bytes[0] == 127)
    else {
      throw NetworkError(
        "the \(what) \(subnet) is not one of addresses that instances can have (multicast, loopback, link-local or mapped)"
      )
    }
    return subnet
  }

  private static func address(_ text: String, _ what: String) throws(NetworkError) -> IPAddress {
    guard let address = IPAddress(text) else {
      throw NetworkError("the \(what) \(quoted(text)) is not an IP address")
    }
    return address
  }

  private static func check(
    _ address: IPAddress, in subnet: InterfaceAddress, _ what: String
  ) throws(NetworkError) {
    guard address.isIPv4, subnet.prefix < 31 else { return }
    if address == subnet.network || address == subnet.last {
      throw NetworkError(
        "the \(what) \(address) is the \(address == subnet.last ? "broadcast" : "network") address of \(subnet)"
      )
    }
  }
}
