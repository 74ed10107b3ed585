import Testing

@testable import Netlink
@testable import Network

private func ip(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
private func subnet(_ text: String) throws -> InterfaceAddress {
  try #require(InterfaceAddress(text))
}

@Suite("published ports")
struct PublishedPortTests {
  @Test(
    "all forms are read",
    arguments: [
      ("8080:80", "all 8080 80/tcp"), ("80", "all any 80/tcp"), ("53:53/udp", "all 53 53/udp"),
      ("127.0.0.1:8080:80", "127.0.0.1 8080 80/tcp"), ("[fd00::1]:5:6/sctp", "fd00::1 5 6/sctp"),
      ("127.0.0.1::80", "127.0.0.1 any 80/tcp"), ("[::]::80", ":: any 80/tcp"),
      ("1-2:65534-65535", "all 1 65534/tcp, all 2 65535/tcp"),
      ("7-8", "all any 7/tcp, all any 8/tcp"),
    ])
  func forms(_ text: String, _ meaning: String) throws {
    let ports = try PublishedPort.parse(text).map {
      "\($0.hostAddress.map { "\($0)" } ?? "all") \($0.hostPort.map { "\($0)" } ?? "any") \($0.port)/\($0.transport.rawValue)"
    }
    #expect(ports.joined(separator: ", ") == meaning)
  }

  @Test(
    "what is wrong is refused",
    arguments: [
      "", ":", "0", "65536", "80/", "80/icmp", "a:80", ":80", "80:", "1-3:5-6", "3-1", "1-", "-1",
      "+1", "1:2:3", "1.2.3.4:80", "fd00::1:80:80", "[fd00::1:80", "[fd00::1]80", "[1.2.3.4]:1:2",
      "[]:1:2", "1.2.3.4:1:2:3", "host:80:80", "1-60000", "8 0:80", "[fd00::1]:80",
    ])
  func refused(_ text: String) {
    #expect(throws: NetworkError.self) { try PublishedPort.parse(text) }
  }

  @Test("no text crashes the parser")
  func fuzz() {
    let alphabet = Array("0123456789:.-/[]tcpudf\u{0}\u{e9} ")
    for _ in 0..<5000 {
      _ = try? PublishedPort.parse(
        String((0..<Int.random(in: 0...30)).compactMap { _ in alphabet.randomElement() }))
    }
  }

  @Test("a port without a host address is bound for each family that the instance has")
  func bindings() throws {
    let ports = try PublishedPort.parse("8080:80")
    let both = try PortBinding.bindings(ports, addresses: [ip("10.88.0.2"), ip("fd88::2")])
    #expect(both.map(\.text) == ["0.0.0.0:8080->80/tcp", "[::]:8080->80/tcp"])
    let one = try PortBinding.bindings(ports, addresses: [ip("10.88.0.2")])
    #expect(one.map(\.text) == ["0.0.0.0:8080->80/tcp"])
    for text in ["[::1]:80:80", "[fd00::1]:80:80", "224.0.0.1:80:80", "80:80/tcp"] {
      #expect(throws: NetworkError.self, "\(text)") {
        try PortBinding.bindings(
          PublishedPort.parse(text), addresses: text == "80:80/tcp" ? [] : [ip("10.88.0.2")])
      }
    }
    #expect(throws: NetworkError.self, "the same port twice") {
      try PortBinding.bindings(
        PublishedPort.parse("80:80") + PublishedPort.parse("127.0.0.1:80:81"),
        addresses: [ip("10.88.0.2")])
    }
  }

  @Test("ports collide where one packet would go to both")
  func collisions() throws {
    func binding(_ text: String) throws -> PortBinding {
      try #require(
        PortBinding.bindings(
          PublishedPort.parse(text), addresses: [ip("10.88.0.2"), ip("fd88::2")]
        ).first)
    }
    let all = try binding("80:80")
    #expect(all.collides(with: try binding("10.0.0.1:80:8080")))
    #expect(!all.collides(with: try binding("80:80/udp")))
    #expect(!all.collides(with: try binding("81:80")))
    #expect(!all.collides(with: try binding("[::]:80:80")))
    #expect(!(try binding("10.0.0.1:80:80")).collides(with: try binding("10.0.0.2:80:80")))
    #expect(!(try binding("80")).collides(with: try binding("80")))
  }
}

@Suite("nftables")
struct NftablesTests {
  @Test("the table is this and nothing else")
  func base() {
    #expect(
      Nftables.base("swrun") == """
        add table inet swrun
        add set inet swrun bridges { type ifname; }
        add set inet swrun internal { type ifname; }
        add set inet swrun within { type ifname . ifname; }
        add set inet swrun opened4 { type ifname; }
        add set inet swrun opened6 { type ifname; }
        add set inet swrun sources4 { type ipv4_addr; flags interval; }
        add set inet swrun sources6 { type ipv6_addr; flags interval; }
        add map inet swrun at4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
        add map inet swrun at6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
        add map inet swrun any4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
        add map inet swrun any6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
        add chain inet swrun publish
        add chain inet swrun guard { type filter hook prerouting priority raw; policy accept; }
        add chain inet swrun prerouting { type nat hook prerouting priority dstnat; policy accept; }
        add chain inet swrun output { type nat hook output priority -100; policy accept; }
        add chain inet swrun postrouting { type nat hook postrouting priority srcnat; policy accept; }
        add chain inet swrun forward { type filter hook forward priority filter; policy accept; }
        flush chain inet swrun guard
        flush chain inet swrun prerouting
        flush chain inet swrun output
        flush chain inet swrun postrouting
        flush chain inet swrun forward
        flush chain inet swrun publish
        add rule inet swrun guard iifname @bridges ip daddr 127.0.0.0/8 drop
        add rule inet swrun guard iifname @bridges ip saddr 127.0.0.0/8 drop
        add rule inet swrun publish meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport map @at4
        add rule inet swrun publish meta l4proto { tcp, udp, sctp } dnat ip to meta l4proto . th dport map @any4
        add rule inet swrun publish meta l4proto { tcp, udp, sctp } dnat ip6 to ip6 daddr . meta l4proto . th dport map @at6
        add rule inet swrun publish meta l4proto { tcp, udp, sctp } dnat ip6 to meta l4proto . th dport map @any6
        add rule inet swrun prerouting fib daddr type local jump publish
        add rule inet swrun output fib daddr type local jump publish
        add rule inet swrun postrouting oifname @bridges ip saddr 127.0.0.0/8 masquerade
        add rule inet swrun postrouting oifname @bridges ct status dnat ip saddr @sources4 masquerade
        add rule inet swrun postrouting oifname @bridges ct status dnat ip6 saddr @sources6 masquerade
        add rule inet swrun postrouting oifname != @bridges ip saddr @sources4 masquerade
        add rule inet swrun postrouting oifname != @bridges ip6 saddr @sources6 masquerade
        add rule inet swrun forward iifname . oifname @within accept
        add rule inet swrun forward iifname @internal drop
        add rule inet swrun forward oifname @internal drop
        add rule inet swrun forward oifname @bridges ct state established,related accept
        add rule inet swrun forward oifname @bridges ct status dnat accept
        add rule inet swrun forward oifname @bridges drop
        add rule inet swrun forward iifname @bridges accept
        add rule inet swrun forward meta nfproto ipv4 iifname @opened4 oifname @opened4 drop
        add rule inet swrun forward meta nfproto ipv6 iifname @opened6 oifname @opened6 drop

        """)
  }

  /// What a part adds beside the rules, and takes out.
  private func change(_ part: Nftables.Part) -> (added: [String], removed: [String]) {
    let base = Nftables.base("t")
    let added = Nftables.adding(part, to: "t")
    let removed = Nftables.removing(part, from: "t")
    #expect(added.hasPrefix(base) && removed.hasPrefix(added))
    return (
      added.dropFirst(base.count).split(separator: "\n").map(String.init),
      removed.dropFirst(added.count).split(separator: "\n").map(String.init)
    )
  }

  @Test("a network and an instance's ports come and go by their keys")
  func parts() throws {
    let network = change(
      .network(
        bridge: "sw-a", masqueraded: [try subnet("10.9.0.0/24"), try subnet("fd09::/64")],
        isInternal: false))
    #expect(
      network.added == [
        "add element inet t bridges { \"sw-a\" }",
        "add element inet t within { \"sw-a\" . \"sw-a\" }",
        "add element inet t sources4 { 10.9.0.0/24 }", "add element inet t sources6 { fd09::/64 }",
      ])
    #expect(
      network.removed == network.added.map { $0.replacing("add element", with: "delete element") })
    let within = change(.network(bridge: "sw-b", masqueraded: [], isInternal: true))
    #expect(within.added.last == "add element inet t internal { \"sw-b\" }")
    let bindings = try PortBinding.bindings(
      PublishedPort.parse("8080:80") + PublishedPort.parse("10.0.0.5:53:5353/udp"),
      addresses: [ip("10.9.0.2"), ip("fd09::2")])
    let ports = change(.ports(bindings))
    #expect(
      ports.added == [
        "add element inet t any4 { tcp . 8080 : 10.9.0.2 . 80 }",
        "add element inet t any6 { tcp . 8080 : fd09::2 . 80 }",
        "add element inet t at4 { 10.0.0.5 . udp . 53 : 10.9.0.2 . 5353 }",
      ])
    #expect(
      ports.removed == [
        "delete element inet t any4 { tcp . 8080 }", "delete element inet t any6 { tcp . 8080 }",
        "delete element inet t at4 { 10.0.0.5 . udp . 53 }",
      ])
    #expect(Nftables.removing(.table, from: "t") == "add table inet t\ndelete table inet t\n")
  }

  @Test("each directory of instances has a table of its own")
  func tables() {
    #expect(Nftables.table(root: "/run/swrun") == "swrun")
    let other = Nftables.table(root: "/tmp/a")
    #expect(other.hasPrefix("swrun-") && other.utf8.count == 14)
    #expect(other != Nftables.table(root: "/tmp/b"))
  }

  @Test("no interface's name is more than a name in a rule")
  func names() {
    #expect(Nftables.isWritable("eth0.10@x-_"))
    for name in ["a\"b", "a*", "a\\", "a b", "a\nb", "\u{e9}"] {
      #expect(!Nftables.isWritable(name), "\(name)")
    }
  }

  @Test("what nft complains of becomes one line")
  func reasons() {
    let said = "/dev/stdin:3:1-2: Error: Could not process rule: File exists\nadd element\n^^^\n"
    #expect(NftablesProgram.reason(Array(said.utf8)) == "Could not process rule: File exists")
    #expect(NftablesProgram.reason([]) == "it has ended without a word")
    #expect(!NftablesProgram.reason(Array("Error: Operation not supported\nx".utf8)).contains("\n"))
  }
}

@Suite("bridges")
struct BridgeTests {
  @Test("a veth pair is asked for byte for byte")
  func veth() throws {
    let pair = VethPair(
      name: "va", bridge: 7, mtu: 1500, peerName: "eth0", peerMTU: 1400,
      peerHardwareAddress: [2, 0, 0, 0, 0, 9])
    let zeros = [UInt8](repeating: 0, count: 16)
    var expected: [UInt8] = [136, 0, 0, 0, 16, 0, 0x05, 0x06] + [UInt8](repeating: 0, count: 8)
    expected += zeros
    expected += [7, 0, 3, 0, 0x76, 0x61, 0, 0]
    expected += [8, 0, 4, 0, 0xdc, 5, 0, 0]
    expected += [8, 0, 10, 0, 7, 0, 0, 0]
    expected += [80, 0, 18, 0x80]
    expected += [9, 0, 1, 0] + Array("veth".utf8) + [0, 0, 0, 0]
    expected += [64, 0, 2, 0x80, 60, 0, 1, 0x80]
    expected += zeros
    expected += [9, 0, 3, 0] + Array("eth0".utf8) + [0, 0, 0, 0]
    expected += [8, 0, 4, 0, 0x78, 5, 0, 0]
    expected += [10, 0, 1, 0, 2, 0, 0, 0, 0, 9, 0, 0]
    expected += [8, 0, 28, 0, 5, 0, 0, 0]
    let bytes = pair.message(namespace: .init(rawValue: 5)).bytes
    #expect(bytes == expected)
  }

  @Test("a bridge and a port that reflects are asked for byte for byte")
  func bridge() {
    let zeros = [UInt8](repeating: 0, count: 16)
    #expect(
      NetlinkSocket.bridgeMessage("br", hardwareAddress: [2, 1, 2, 3, 4, 5], mtu: 9000).bytes
        == [76, 0, 0, 0, 16, 0, 0x05, 0x06] + [UInt8](repeating: 0, count: 8) + zeros
        + [7, 0, 3, 0, 0x62, 0x72, 0, 0] + [10, 0, 1, 0, 2, 1, 2, 3, 4, 5, 0, 0]
        + [8, 0, 4, 0, 0x28, 0x23, 0, 0]
        + [16, 0, 18, 0x80, 11, 0, 1, 0] + Array("bridge".utf8) + [0, 0])
    #expect(
      NetlinkSocket.hairpinMessage(3, named: "x").bytes
        == [60, 0, 0, 0, 16, 0, 0x05, 0] + [UInt8](repeating: 0, count: 8)
        + [0, 0, 0, 0, 3, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
        + [28, 0, 18, 0x80, 11, 0, 4, 0] + Array("bridge".utf8) + [0, 0]
        + [12, 0, 5, 0x80, 5, 0, 4, 0, 1, 0, 0, 0])
  }

  @Test("--net bridge is the built-in network, bridge:NAME the host's own bridge")
  func specs() throws {
    #expect(try NetworkSpec(parsing: "bridge").kind == .named("bridge"))
    let own = try NetworkSpec(parsing: "bridge:br0,ip=10.0.0.2/24,mac=02:00:00:00:00:01")
    #expect(own.kind == .bridge(Bridge(parent: "br0")) && own.summary == "bridge:br0")
    for text in ["bridge:", "bridge:br0:x"] {
      #expect(throws: NetworkError.self) { try NetworkSpec(parsing: text) }
    }
  }

  @Test("a network's bridge has a name that fits")
  func names() {
    #expect(Bridge.name(of: "bridge") == "swrun0")
    #expect(Bridge.name(of: "web") == "sw-web")
    let long = Bridge.name(of: "a-network-with-a-long-name")
    #expect(long.utf8.count == 15 && long.hasPrefix("sw-a-n-"))
    #expect(long != Bridge.name(of: "a-network-with-a-long-nama"))
  }

  private func definition(
    _ name: String, _ subnets: [String], _ options: [String] = [],
    _ change: (inout NetworkRequest) -> Void = { _ in }
  ) throws -> NetworkDefinition {
    var request = NetworkRequest(name: name)
    request.driver = "bridge"
    request.subnets = subnets
    request.options = options
    change(&request)
    return try NetworkDefinition(request)
  }

  @Test("a bridge network has its options, and no others")
  func definitions() throws {
    let network = try definition(
      "web", ["10.9.0.0/24"], ["com.docker.network.bridge.name=br-web", "mtu=9000"])
    #expect(network.parent == "br-web" && !network.hasPrivateParent)
    var spec = NetworkSpec(kind: .named("web"))
    try network.apply(to: &spec)
    #expect(spec.ownBridge == OwnBridge(mtu: 9000) && spec.mtu == 9000)
    #expect(try definition("bridge", ["10.9.0.0/24"]).parent == "swrun0")
    for options in [["parent=eth0"], ["mode=l2"], ["bridge=a\"b"], ["bridge=sixteen-bytes-xx"]] {
      #expect(throws: NetworkError.self, "\(options)") {
        try definition("web", ["10.9.0.0/24"], options)
      }
    }
    #expect(throws: NetworkError.self, "the word is taken") {
      try definition("bridge", ["10.9.0.0/24"]) { $0.driver = "macvlan" }
    }
  }

  @Test("bridges have no subnet and no name in common")
  func beside() throws {
    let one = try definition("one", ["10.9.0.0/24"])
    try definition("two", ["10.9.1.0/24"]).check(beside: one)
    #expect(throws: NetworkError.self) { try definition("two", ["10.9.0.0/16"]).check(beside: one) }
    #expect(throws: NetworkError.self) {
      try definition("two", ["10.8.0.0/16"], ["bridge=sw-one"]).check(beside: one)
    }
  }

  @Test("the built-in network takes the first subnet that overlaps nothing")
  func builtIn() throws {
    #expect(try BuiltInBridge.request(avoiding: []).subnets == ["10.66.0.0/16"])
    #expect(
      try BuiltInBridge.request(avoiding: [subnet("10.0.0.0/8")]).subnets == ["172.27.0.0/16"])
    #expect(
      try BuiltInBridge.request(avoiding: [subnet("10.66.7.1/32")]).subnets == ["10.166.0.0/16"])
    #expect(throws: NetworkError.self) {
      try BuiltInBridge.request(
        avoiding: [subnet("10.0.0.0/8"), subnet("172.16.0.0/12"), subnet("192.168.0.0/16")])
    }
    _ = try NetworkDefinition(BuiltInBridge.request(avoiding: []))
  }

  @Test("-p says why it has no meaning with another kind")
  func cannotPublish() throws {
    func reason(_ text: String) throws -> String {
      "\(NetworkPlanner.cannotPublish([try NetworkSpec(parsing: text)]))"
    }
    #expect(try reason("ipvlan:eth0").contains("has its own address on the LAN"))
    #expect(try reason("host").contains("the host's own ports"))
    #expect(try reason("none").contains("add --net bridge"))
    #expect("\(NetworkPlanner.cannotPublish([]))".contains("add --net bridge"))
  }
}
