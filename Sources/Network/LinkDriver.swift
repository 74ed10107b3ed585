import Netlink

/// What a kind of slave adds to the way that all kinds share.
protocol LinkDriver {
  /// `IFLA_INFO_KIND`.
  var kind: String { get }
  var parent: String { get }
  /// Whether the slave resolves neighbours, and so has gateways and announces itself.
  var hasNeighbours: Bool { get }
  /// Whether each slave has a MAC address of its own, which can be chosen.
  var hasOwnHardwareAddress: Bool { get }
  /// The arguments of ip-link(8) from `type` on.
  var explanation: String { get }
  /// Puts what goes into `IFLA_INFO_DATA`.
  func putData(into message: inout Message)
  /// Refuses a parent that cannot carry this kind.
  func check(_ parent: Link) throws(NetworkError)
  /// Refuses to change what other slaves of the parent rely on.
  func checkAgainst(_ others: [Slave]) throws(NetworkError)
}

extension NetworkSpec {
  /// `nil` for what makes no interface, and for a network that has not been looked up.
  var driver: (any LinkDriver)? {
    switch kind {
    case .none, .host, .container, .namespace, .named: nil
    case .ipvlan(let ipvlan): ipvlan
    case .macvlan(let macvlan): macvlan
    case .bridge(let bridge): bridge
    }
  }
}

/// `a`, `a and b`, `a, b and 3 more`.
func list(_ names: [String]) -> String {
  switch names.count {
  case 0: ""
  case 1: names[0]
  case 2: "\(names[0]) and \(names[1])"
  case 3: "\(names[0]), \(names[1]) and \(names[2])"
  default: "\(names[0]), \(names[1]) and \(names.count - 2) more"
  }
}
