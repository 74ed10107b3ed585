import Linux

/// The options of a network's driver, `--opt KEY=VALUE`.
public struct NetworkOptions: Hashable, Sendable {
  /// `nil`: the network has a dummy of its own.
  public private(set) var parent: String?
  /// The name of a bridge network's own bridge; `nil`: one by the network's name.
  public private(set) var bridge: String?
  public private(set) var mode: String?
  public private(set) var flag: String?
  /// Bytes.
  public private(set) var mtu: UInt32?
  public private(set) var probes: Bool?
  public private(set) var hostAccess = false
  public private(set) var proxyArp = false

  /// Docker's spellings of the same options, by our own.
  private static let common = [
    "mtu": "mtu", "com.docker.network.driver.mtu": "mtu", "probe": "probe",
  ]
  private static let spellings = [
    "ipvlan": [
      "parent": "parent", "mode": "mode", "ipvlan_mode": "mode", "flag": "flag",
      "ipvlan_flag": "flag",
      "host-access": "host-access", "proxy-arp": "proxy-arp",
    ],
    "macvlan": ["parent": "parent", "mode": "mode", "macvlan_mode": "mode"],
    "bridge": ["bridge": "bridge", "com.docker.network.bridge.name": "bridge"],
  ]

  /// - Throws: for an option that the driver does not have.
  init(_ texts: [String], driver: String) throws(NetworkError) {
    let spellings = Self.common.merging(Self.spellings[driver] ?? [:]) { $1 }
    var given: Set<String> = []
    for text in texts {
      let (word, value) = NetworkDefinition.pair(text)
      guard let key = spellings[word] else {
        let own = Set(spellings.values).sorted()
        throw NetworkError(
          "unknown option \(quoted(word)) of the driver \(driver)\(suggestion(for: word, in: own)): the options are "
            + own.joined(separator: ", "))
      }
      guard given.insert(key).inserted else {
        throw NetworkError("the option \(key) is given twice")
      }
      switch key {
      case "probe": probes = try NetworkSpec.truth(value, of: key)
      case "host-access": hostAccess = try NetworkSpec.truth(value, of: key)
      case "proxy-arp": proxyArp = try NetworkSpec.truth(value, of: key)
      default:
        guard let value, !value.isEmpty else {
          throw NetworkError("--opt \(word) needs a value: --opt \(word)=VALUE")
        }
        try take(key, value)
      }
    }
    if flag != nil, mode == nil, driver == "ipvlan" { mode = "l2" }
  }

  private mutating func take(_ key: String, _ value: String) throws(NetworkError) {
    switch key {
    case "parent":
      parent = try NetworkSpec.checkedInterfaceName(value)
      _ = try VLANName(value)
    case "bridge":
      bridge = try NetworkSpec.checkedInterfaceName(value)
      guard Nftables.isWritable(value) else {
        throw NetworkError("the bridge's name \(quoted(value)) cannot stand in a rule of nftables")
      }
    case "mode": mode = value
    case "flag": flag = value
    case "mtu": mtu = try NetworkSpec.checkedMTU(value)
    default: preconditionFailure("the option \(key) is not taken")
    }
  }

  /// The kind of slave, read from the same words as after `--net`, and so with the same checks.
  func kind(driver: String, parent: String) throws(NetworkError) -> NetworkSpec.Kind {
    if driver == "bridge" { return .bridge(Bridge(parent: parent)) }
    let words = [driver, parent] + [mode, flag].compactMap { $0 }
    return driver == "ipvlan" ? .ipvlan(try Ipvlan(words)) : .macvlan(try Macvlan(words))
  }

  /// Refuses options that have no meaning together.
  func check(_ spec: NetworkSpec, isInternal: Bool) throws(NetworkError) {
    if probes == true {
      var probing = spec
      probing.hasPrivateParent = isInternal || parent == nil
      try probing.checkProbe()
    }
    guard case .ipvlan(let ipvlan) = spec.kind else { return }
    if hostAccess, ipvlan.flag != .bridge {
      throw NetworkError(
        "host-access has no meaning with the flag \(ipvlan.flag.rawValue), with which the slaves of a parent do not reach one another, and the host reaches its instances by a slave. Use flag=bridge"
      )
    }
    if proxyArp, ipvlan.mode != .l3s {
      throw NetworkError(
        "proxy-arp is for mode l3s: \(ipvlan.mode == .l2 ? "in l2 the instances answer for themselves" : "in l3 the kernel hands questions for an instance's address to the instance, which does not answer"). Use mode=l3s"
      )
    }
  }
}
