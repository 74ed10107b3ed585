import Testing

@testable import Netlink
@testable import Network

private let mac: [UInt8] = [2, 0, 0, 0, 0, 9]

/// An address, known to be one.
func ipv4(_ text: String) -> IPAddress { IPAddress(text) ?? DhcpMessage.unspecified }

/// A server's answer that gives 10.20.20.9/24 for an hour.
func dhcpReply(
  _ kind: DhcpMessage.Kind, transaction: UInt32 = 7, address: String = "10.20.20.9",
  hardwareAddress: [UInt8] = mac, server: String = "10.20.20.1",
  _ options: [(DhcpOption, [UInt8])] = []
) -> DhcpMessage {
  var message = DhcpMessage(kind, transaction: transaction, hardwareAddress: hardwareAddress)
  message.offeredAddress = ipv4(address)
  let defaults: [(DhcpOption, [UInt8])] = [
    (.serverIdentifier, ipv4(server).bytes), (.leaseTime, [0, 0, 0x0e, 0x10]),
    (.subnetMask, [255, 255, 255, 0]), (.routers, [10, 20, 20, 1]),
  ]
  for (option, value) in defaults where !options.contains(where: { $0.0 == option }) {
    message.options.append(option, value)
  }
  for (option, value) in options { message.options.append(option, value) }
  return message
}

@Suite("DHCP messages")
struct DhcpMessageTests {
  @Test("a request is laid out as RFC 2131 has it")
  func layout() {
    var message = DhcpMessage(.discover, transaction: 0x0102_0304, hardwareAddress: mac)
    message.seconds = 5
    message.broadcast = true
    message.options.append(.clientIdentifier, [0, 0x77])
    let bytes = message.bytes()
    #expect(bytes.count == 300)
    #expect(Array(bytes[..<12]) == [1, 1, 6, 0, 1, 2, 3, 4, 0, 5, 0x80, 0])
    #expect(bytes[12..<28].allSatisfy { $0 == 0 })
    #expect(Array(bytes[28..<34]) == mac)
    #expect(bytes[34..<236].allSatisfy { $0 == 0 })
    #expect(Array(bytes[236..<248]) == [99, 130, 83, 99, 53, 1, 1, 61, 2, 0, 0x77, 255])
  }

  @Test("what was written is read")
  func roundTrip() {
    let long = [UInt8](repeating: 7, count: 600)
    let message = dhcpReply(.offer, [(.classlessRoutes, long)])
    #expect(DhcpMessage(reply: message.bytes(operation: 2))?.options[.classlessRoutes] == long)
    let short = dhcpReply(.offer)
    let read = DhcpMessage(reply: short.bytes(operation: 2))
    #expect(read?.offeredAddress == ipv4("10.20.20.9"))
    #expect(read?.options[.leaseTime] == [0, 0, 0x0e, 0x10])
    #expect(read?.transaction == 7 && read?.hardwareAddress == mac && read?.kind == .offer)
  }

  @Test("options go on in the fields of the file and of the server's name")
  func overload() {
    var bytes = dhcpReply(.offer, [(.overload, [3])]).bytes(operation: 2)
    bytes.replaceSubrange(108..<113, with: [15, 2, 0x61, 0x62, 255])
    bytes.replaceSubrange(44..<49, with: [15, 2, 0x2e, 0x63, 255])
    #expect(DhcpMessage(reply: bytes)?.options.text(.domain) == "ab.c")
    // A file's name is no options where nobody said so.
    var named = dhcpReply(.offer).bytes(operation: 2)
    named.replaceSubrange(108..<110, with: [15, 250])
    #expect(DhcpMessage(reply: named)?.options[.domain] == nil)
    bytes.replaceSubrange(108..<110, with: [15, 250])
    #expect(DhcpMessage(reply: bytes) == nil)
  }

  @Test("what is no whole reply is refused")
  func refused() {
    let good = dhcpReply(.offer).bytes(operation: 2)
    #expect(DhcpMessage(reply: good) != nil)
    for (position, value): (Int, UInt8) in [(0, 1), (1, 6), (2, 8), (239, 0), (241, 200)] {
      var bytes = good
      bytes[position] = value
      #expect(DhcpMessage(reply: bytes) == nil, "byte \(position)")
    }
    for length in 0..<250 { #expect(DhcpMessage(reply: Array(good.prefix(length))) == nil) }
    #expect(DhcpMessage(reply: dhcpReply(.offer, [(.overload, [4])]).bytes(operation: 2)) == nil)
  }

  @Test("no bytes crash a reader")
  func fuzz() {
    var random = SystemRandomNumberGenerator()
    let good = dhcpReply(
      .offer,
      [
        (.searchDomains, [1, 0x61, 0, 0xc0, 0]), (.classlessRoutes, [8, 10, 1, 2, 3, 4]),
        (.overload, [3]), (.domain, [0x61]), (.mtu, [5, 0]),
      ])
    for _ in 0..<20_000 {
      var bytes = good.bytes(operation: 2)
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        let place = Bool.random(using: &random) ? 236..<bytes.count : 0..<bytes.count
        bytes[Int.random(in: place, using: &random)] = .random(in: 0...255, using: &random)
      }
      bytes.removeLast(Int.random(in: 0...60, using: &random))
      guard let message = DhcpMessage(reply: bytes), let lease = try? DhcpLease(message) else {
        continue
      }
      _ = lease.hops
    }
  }

  @Test("a packet has the checksums that a receiver asks for")
  func datagram() {
    let payload: [UInt8] = [1, 2, 3]
    var packet = DhcpDatagram.packet(payload, from: ipv4("0.0.0.0"), to: ipv4("10.0.0.1"))
    #expect(packet.count == 31)
    #expect(Announcer.checksum(Array(packet[..<20])) == 0)
    #expect(Array(packet[20..<26]) == [0, 68, 0, 67, 0, 11])
    // As an answer: to port 68, with what fills a frame up behind it.
    packet.replaceSubrange(20..<24, with: [0, 67, 0, 68])
    packet += [0, 0, 0]
    #expect(DhcpDatagram.payload(of: packet, checksumIsReady: true) == payload)
    packet[29] ^= 1
    #expect(DhcpDatagram.payload(of: packet, checksumIsReady: true) == nil)
    // A checksum that was left for the card to compute says nothing.
    #expect(DhcpDatagram.payload(of: packet, checksumIsReady: false) == [1, 3, 3])
    for length in 0..<31 {
      let part = Array(packet.prefix(length))
      #expect(DhcpDatagram.payload(of: part, checksumIsReady: false) == nil)
    }
    packet[5 + 1] = 0x20
    #expect(DhcpDatagram.payload(of: packet, checksumIsReady: false) == nil)
  }
}

@Suite("DHCP leases")
struct DhcpLeaseTests {
  @Test("a lease has what the server gives")
  func all() throws {
    let lease = try DhcpLease(
      dhcpReply(
        .acknowledge,
        [
          (.nameServers, [10, 20, 20, 1, 127, 0, 0, 1, 8, 8, 8, 8]), (.mtu, [5, 0x78]),
          (.domain, Array("example.org".utf8) + [0]), (.renewalTime, [0, 0, 0, 60]),
          (.rebindingTime, [0, 0, 0, 90]),
        ]))
    #expect("\(lease.address)" == "10.20.20.9/24")
    #expect(lease.nameServers.map { "\($0)" } == ["10.20.20.1", "8.8.8.8"])
    #expect(lease.searchDomains == ["example.org"])
    #expect(lease.mtu == 1400 && lease.duration == 3600)
    #expect(lease.renewal == 60 && lease.rebinding == 90)
    #expect(lease.hops.map { "\($0.destination)" } == ["0.0.0.0/0"])
  }

  @Test(
    "an address that no machine can have is refused",
    arguments: [
      "0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255", "240.0.0.1", "169.254.1.1",
      "10.20.20.0", "10.20.20.255", "10.20.20.1", "0.1.2.3",
    ])
  func unfit(_ address: String) {
    #expect(throws: NetworkError.self) {
      try DhcpLease(dhcpReply(.acknowledge, address: address))
    }
  }

  @Test("a mask, server or time that is none is refused")
  func broken() {
    let options: [(DhcpOption, [UInt8])] = [
      (.subnetMask, [255, 0, 255, 0]), (.subnetMask, [0, 0, 0, 0]), (.subnetMask, [255, 255]),
      (.subnetMask, [0, 255, 255, 255]), (.serverIdentifier, [224, 0, 0, 1]),
      (.serverIdentifier, []), (.serverIdentifier, [0, 0, 0, 0]), (.leaseTime, [0, 0, 0, 0]),
      (.leaseTime, [0, 0, 0, 9]), (.leaseTime, [1]),
    ]
    for option in options {
      #expect(throws: NetworkError.self, "\(option)") {
        try DhcpLease(dhcpReply(.acknowledge, [option]))
      }
    }
  }

  @Test("times that are out of order are not followed; a lease may be for ever")
  func times() throws {
    let swapped = try DhcpLease(
      dhcpReply(.acknowledge, [(.renewalTime, [0, 0, 1, 0]), (.rebindingTime, [0, 0, 0, 9])]))
    #expect(swapped.renewal == 1800 && swapped.rebinding == 3150)
    let ever = try DhcpLease(
      dhcpReply(.acknowledge, [(.leaseTime, [255, 255, 255, 255])]))
    #expect(ever.duration == nil)
  }

  @Test("classless routes stand instead of the router, and can be made in their order")
  func routes() throws {
    let option: [UInt8] = [
      0, 10, 9, 9, 1,  // default via a router elsewhere
      16, 172, 16, 10, 20, 20, 254,  // via a neighbour
      24, 192, 168, 7, 0, 0, 0, 0,  // on-link
      8, 127, 10, 20, 20, 1,  // no
      8, 11, 10, 20, 20, 9,  // via ourselves: no
    ]
    let lease = try DhcpLease(dhcpReply(.acknowledge, [(.classlessRoutes, option)]))
    #expect(
      lease.hops.map { "\($0.destination) \($0.gateway.map { "\($0)" } ?? "link")" } == [
        "192.168.7.0/24 link", "10.9.9.1/32 link", "0.0.0.0/0 10.9.9.1",
        "172.16.0.0/16 10.20.20.254",
      ])
    // Broken in its midst: none of it, but the router.
    let broken = try DhcpLease(
      dhcpReply(.acknowledge, [(.classlessRoutes, option.dropLast(3) + [])]))
    #expect(broken.classlessRoutes == [])
    #expect(broken.hops.map(\.gateway) == [ipv4("10.20.20.1")])
  }

  @Test("search domains are unpacked, and only names are taken")
  func domains() {
    let packed: [UInt8] =
      [3] + Array("eng".utf8) + [5] + Array("apple".utf8) + [3] + Array("com".utf8) + [0]
      + [9] + Array("marketing".utf8) + [0xc0, 4]
    #expect(DomainNames.list(packed) == ["eng.apple.com", "marketing.apple.com"])
    // Round in a circle, forward, beyond the end, with a line break.
    #expect(DomainNames.list([0xc0, 0]) == [])
    #expect(DomainNames.list([1, 0x61, 0xc0, 0]) == [])
    #expect(DomainNames.list([0xc0, 2, 1, 0x61, 0]) == [])
    #expect(DomainNames.list([60, 0x61]) == [])
    #expect(DomainNames.list([3, 0x61, 0x0a, 0x62, 0, 1, 0x63, 0]) == ["c"])
    for _ in 0..<5000 {
      _ = DomainNames.list(
        (0..<40).map { _ in [0, 1, 2, 0x61, 0xc0, 5, .random(in: 0...255)].randomElement() ?? 0 })
    }
    #expect(!DomainNames.isName("a..b") && !DomainNames.isName("a b") && !DomainNames.isName(""))
  }

  @Test("an identifier tells hosts, instances and interfaces apart, and a name is a label")
  func identity() {
    let one = DhcpIdentity(
      instance: "web", interface: "eth0", parent: [2, 0, 0, 0, 0, 0xab], hostName: "quick_otter.x")
    #expect(one.clientIdentifier == [0] + Array("web/eth0@0200000000ab".utf8))
    #expect(one.text == "web/eth0@0200000000ab")
    #expect(one.hostName == "quick-otter")
    for name in ["-a", "", "ä", String(repeating: "a", count: 64), ".a"] {
      #expect(
        DhcpIdentity(instance: "a", interface: "eth0", parent: [], hostName: name).hostName == nil)
    }
    let long = DhcpIdentity(
      instance: String(repeating: "n", count: 400), interface: "e", parent: [], hostName: "a")
    #expect(long.clientIdentifier.count == 255)
  }
}
