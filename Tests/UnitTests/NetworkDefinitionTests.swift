import Testing

@testable import Network

@Suite("network definitions")
struct NetworkDefinitionTests {
  /// A request as `swrun network create` makes it of its words.
  static func request(_ words: String, name: String = "lan") -> NetworkRequest {
    var request = NetworkRequest(name: name)
    var words = words.split(separator: " ").map(String.init)[...]
    while let word = words.popFirst() {
      if word == "--internal" {
        request.isInternal = true
        continue
      }
      guard let value = words.popFirst() else { break }
      switch word {
      case "--driver": request.driver = value
      case "--subnet": request.subnets.append(value)
      case "--gateway": request.gateways.append(value)
      case "--ip-range": request.ranges.append(value)
      case "--aux-address": request.auxiliary.append(value)
      case "--opt": request.options.append(value)
      case "--label": request.labels.append(value)
      default: Issue.record("\(word) is no option of create")
      }
    }
    return request
  }

  @Test("the issue's example is read in full")
  func example() throws {
    let network = try NetworkDefinition(
      Self.request(
        "--driver ipvlan --subnet 10.20.20.0/24 --gateway 10.20.20.1 --opt mode=l2 --opt parent=eth0"
      ))
    #expect(network.kind == .ipvlan(Ipvlan(parent: "eth0", mode: .l2, flag: .bridge)))
    #expect(network.parent == "eth0" && !network.hasPrivateParent)
    #expect(network.pools.map { "\($0.subnet)" } == ["10.20.20.0/24"])
    #expect(network.pools[0].reservedGateway.map { "\($0)" } == "10.20.20.1")
  }

  @Test("each thing belongs to the subnet that holds it")
  func dualStack() throws {
    let network = try NetworkDefinition(
      Self.request(
        """
        --subnet fd20::/64 --subnet 10.20.20.0/24 --gateway 10.20.20.254 --gateway fd20::1
        --ip-range 10.20.20.128/25 --aux-address printer=10.20.20.130 --aux-address nas=fd20::9
        --opt parent=eth0 --opt mtu=1400 --label owner=me --label bare
        """.replacing("\n", with: " ")))
    #expect(network.pools[0].range == nil)
    #expect(network.pools[0].auxiliary.mapValues { "\($0)" } == ["nas": "fd20::9"])
    #expect(network.pools[1].range.map { "\($0)" } == "10.20.20.128/25")
    #expect(network.pools[1].reservedGateway.map { "\($0)" } == "10.20.20.254")
    #expect(network.options.mtu == 1400)
    #expect(network.labels == ["owner": "me", "bare": ""])
  }

  @Test("Docker's spellings mean the same")
  func spellings() throws {
    let docker = try NetworkDefinition(
      Self.request(
        "--subnet 10.0.0.0/24 --opt parent=eth0 --opt ipvlan_mode=l3 --opt ipvlan_flag=vepa"))
    let own = try NetworkDefinition(
      Self.request("--subnet 10.0.0.0/24 --opt parent=eth0 --opt mode=l3 --opt flag=vepa"))
    #expect(docker == own)
    let macvlan = try NetworkDefinition(
      Self.request(
        "--driver macvlan --subnet 10.0.0.0/24 --opt parent=eth0 --opt macvlan_mode=vepa"))
    #expect(macvlan.kind == .macvlan(Macvlan(parent: "eth0", mode: .vepa)))
  }

  @Test("an internal network, and one without a parent, has a dummy of its own")
  func privateParent() throws {
    for words in ["--subnet 10.0.0.0/24", "--subnet 10.0.0.0/24 --internal --opt parent=eth0"] {
      let network = try NetworkDefinition(Self.request(words))
      #expect(network.hasPrivateParent)
      #expect(network.parent.hasPrefix("swd-") && network.parent.utf8.count <= 15)
    }
    let other = try NetworkDefinition(Self.request("--subnet 10.0.0.0/24", name: "other"))
    #expect(other.parent != (try NetworkDefinition(Self.request("--subnet 10.0.0.0/24")).parent))
  }

  static let subnet = "--subnet 10.20.20.0/24"
  static let refusals: [(String, String)] = [
    ("", "needs a subnet"),
    ("--subnet 10.20.20.0", "write it as 10.20.20.0/24"),
    ("--subnet 10.20.20.5/24", "did you mean 10.20.20.0/24?"),
    ("--subnet 10.20.20.0/33", "is not one"),
    ("--subnet 224.0.0.0/24", "not one of addresses that instances can have"),
    ("--subnet 127.0.0.0/8", "not one of addresses that instances can have"),
    ("--subnet fe80::/64", "not one of addresses that instances can have"),
    ("\(subnet) --subnet 10.20.0.0/16", "the subnets 10.20.20.0/24 and 10.20.0.0/16 overlap"),
    ("\(subnet) --gateway 10.9.9.1", "the gateway 10.9.9.1 is outside the subnet 10.20.20.0/24"),
    ("\(subnet) --gateway fd00::1", "is outside the subnet"),
    ("\(subnet) --gateway 10.20.20.255", "is the broadcast address of 10.20.20.0/24"),
    ("\(subnet) --gateway 10.20.20.0", "is the network address of 10.20.20.0/24"),
    ("\(subnet) --gateway x", "the gateway \"x\" is not an IP address"),
    ("\(subnet) --gateway 10.20.20.1 --gateway 10.20.20.2", "two gateways"),
    ("\(subnet) --gateway none --gateway 10.20.20.2", "exclude each other"),
    ("\(subnet) --opt mode=l3 --gateway 10.20.20.1", "the default route is on-link"),
    ("\(subnet) --internal --gateway 10.20.20.1", "an internal network has no way out"),
    ("\(subnet) --ip-range 10.9.9.0/25", "the range 10.9.9.0/25 is outside the subnet"),
    ("\(subnet) --ip-range 10.20.0.0/16", "outside the subnet"),
    ("--subnet 10.20.0.0/24 --ip-range 10.20.0.0/16", "is wider than the subnet"),
    ("\(subnet) --ip-range 10.20.20.255/32", "has no address that an instance could have"),
    ("\(subnet) --ip-range 10.20.20.0/32", "has no address that an instance could have"),
    ("\(subnet) --ip-range 10.20.20.0/25 --ip-range 10.20.20.128/25", "two ranges"),
    ("\(subnet) --aux-address printer=10.9.9.9", "is outside the subnet"),
    ("\(subnet) --aux-address 10.20.20.9", "write it as NAME=ADDRESS"),
    ("\(subnet) --aux-address a=10.20.20.9 --aux-address a=10.20.20.8", "are called a"),
    ("\(subnet) --driver ipvlam", "unknown driver \"ipvlam\" (did you mean ipvlan?)"),
    (
      "\(subnet) --opt mood=l2", "unknown option \"mood\" of the driver ipvlan (did you mean mode?)"
    ),
    ("\(subnet) --driver macvlan --opt flag=vepa", "unknown option \"flag\" of the driver macvlan"),
    ("\(subnet) --opt mode=l4", "unknown ipvlan mode \"l4\""),
    ("\(subnet) --opt flag=brige", "unknown ipvlan flag \"brige\" (did you mean bridge?)"),
    ("\(subnet) --opt mode=l2 --opt ipvlan_mode=l3", "the option mode is given twice"),
    ("\(subnet) --opt mtu=67", "not a number of bytes from 68 to 65535"),
    ("\(subnet) --opt parent=sixteen-bytes-xx", "it has 1 to 15 bytes"),
    ("\(subnet) --opt parent=eth0.4095", "the VLAN id 4095 is out of range; it is 1 to 4094"),
    ("\(subnet) --opt parent=eth0.0", "the VLAN id 0 is out of range"),
    ("\(subnet) --opt parent", "needs a value"),
    ("\(subnet) --opt host-access --opt flag=private", "host-access has no meaning"),
    ("\(subnet) --opt proxy-arp", "proxy-arp is for mode l3s"),
    ("\(subnet) --label =x", "has no key"),
  ]

  @Test("what is wrong is refused in one line that says so", arguments: refusals)
  func refused(_ words: String, _ text: String) {
    let error = #expect(throws: NetworkError.self) {
      try NetworkDefinition(Self.request(words))
    }
    let line = error?.description ?? ""
    #expect(line.contains(text), "\(line)")
    #expect(!line.contains("\n"))
  }

  @Test(
    "a name that is a path, too long, or a word of --net is refused",
    arguments: [
      "", "../x", "a/b", "-x", ".x", "a b", "ipvlan", "none", "host", "ns",
      String(repeating: "a", count: 64),
    ])
  func name(_ name: String) {
    #expect(throws: NetworkError.self) {
      try NetworkDefinition(Self.request(Self.subnet, name: name))
    }
  }

  static let neighbours: [(String, String?)] = [
    ("--subnet 10.30.30.0/24 --opt parent=eth0", nil),
    ("--subnet 10.20.20.0/24 --opt parent=eth1", nil),
    ("--subnet 10.20.20.0/24 --opt parent=eth0.20 --opt mode=l3", nil),
    (
      "--subnet 10.20.0.0/16 --opt parent=eth0",
      "the subnet 10.20.0.0/16 overlaps 10.20.20.0/24 of the network lan on eth0"
    ),
    (
      "--subnet 10.30.30.0/24 --opt parent=eth0 --opt mode=l3",
      "the network lan has the mode l2 on eth0"
    ),
    (
      "--subnet 10.30.30.0/24 --opt parent=eth0 --opt flag=vepa",
      "the network lan has the flag bridge on eth0"
    ),
    (
      "--subnet 10.30.30.0/24 --opt parent=eth0 --driver macvlan",
      "eth0 is the parent of the network lan, which is ipvlan"
    ),
  ]

  @Test("networks on one parent agree, and do not overlap", arguments: neighbours)
  func beside(_ words: String, _ text: String?) throws {
    let lan = try NetworkDefinition(Self.request("\(Self.subnet) --opt parent=eth0"))
    let other = try NetworkDefinition(Self.request(words, name: "other"))
    guard let text else { return try other.check(beside: lan) }
    let error = #expect(throws: NetworkError.self) { try other.check(beside: lan) }
    #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
  }
}
