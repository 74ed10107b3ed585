import Linux
import Testing

@testable import Netlink
@testable import Network

/// The address that a text means.
private func ip(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

@Suite("network specs")
struct NetworkSpecTests {
  @Test("a kind takes its defaults")
  func defaults() throws {
    #expect(try NetworkSpec(parsing: "ipvlan:eth0").kind == .ipvlan(Ipvlan(parent: "eth0")))
    #expect(try NetworkSpec(parsing: "ipvlan:eth0:l3s:vepa").summary == "ipvlan:eth0:l3s:vepa")
    #expect(try NetworkSpec(parsing: "ipvlan:eth0").summary == "ipvlan:eth0:l2")
    #expect(try NetworkSpec(parsing: "none").kind == .none)
  }

  @Test("keys are read")
  func keys() throws {
    let spec = try NetworkSpec(
      parsing: "macvlan:eth0,ip=10.0.0.2/8,gateway=none,ifname=wan,mtu=1400,up")
    #expect(spec.addresses.first?.prefix == 8)
    #expect(spec.gateways == [.none])
    #expect(spec.interfaceName == "wan")
    #expect(spec.mtu == 1400)
    #expect(spec.bringParentUp)
  }

  @Test(
    "what is wrong is refused",
    arguments: [
      "", "ipvlan", "ipvlan:", "ipvlan:eth0:", "ipvlan:eth0:L2", "ipvlan:eth0:l2:bridge:x",
      "ipvlan:eth0,ip=", "ipvlan:eth0,ip=1.2.3.4/x", "ipvlan:eth0,ip=1.2.3.4/+24",
      "ipvlan:eth0,mtu=67",
      "ipvlan:eth0,mtu=65536", "ipvlan:eth0,ifname=lo", "ipvlan:eth0,ifname=a/b",
      "ipvlan:eth0,ifname=sixteen-bytes-xx", "ipvlan:eth0,up=1", "none,up", "none:eth0",
      "ipvlan:eth0,",
    ])
  func refused(_ text: String) {
    #expect(throws: NetworkError.self) { try NetworkSpec(parsing: text) }
  }

  @Test("no text crashes the parser")
  func fuzz() {
    var random = SystemRandomNumberGenerator()
    let alphabet = Array("ipvlanmacnoe:,=/0123456789.l3s\u{0}\u{e9}% ")
    for _ in 0..<5000 {
      let text = String(
        (0..<Int.random(in: 0...40, using: &random)).compactMap { _ in alphabet.randomElement() })
      _ = try? NetworkSpec(parsing: text)
    }
  }
}

@Suite("addresses")
struct AddressTests {
  @Test("subnets are computed")
  func subnets() throws {
    let address = try #require(InterfaceAddress(try ip("10.20.20.130"), prefix: 25))
    #expect("\(address.network)" == "10.20.20.128")
    #expect("\(address.last)" == "10.20.20.255")
    #expect(address.contains(try ip("10.20.20.200")))
    #expect(!address.contains(try ip("10.20.20.1")))
    #expect(!address.contains(try ip("fd00::1")))
    #expect("\(try ip("10.255.255.255").next)" == "11.0.0.0")
    let six = try #require(InterfaceAddress(try ip("fd00::5"), prefix: 64))
    #expect("\(six.network)" == "fd00::")
    #expect(InterfaceAddress(six.address, prefix: 129) == nil)
  }

  @Test(
    "an address that one interface cannot have is refused",
    arguments: [
      ("0.0.0.0", 24), ("224.0.0.5", 24), ("127.0.0.1", 8), ("10.0.0.0", 8), ("10.255.255.255", 8),
      ("::", 64), ("ff02::1", 64), ("::1", 128), ("fd00::", 64), ("::ffff:10.0.0.1", 96),
    ])
  func unfit(_ text: String, _ prefix: Int) throws {
    let address = try #require(InterfaceAddress(try ip(text), prefix: prefix))
    #expect(throws: NetworkError.self) { try NetworkPlanner.check(address) }
  }

  @Test(
    "both addresses of a /31 and the one of a /32 are fit",
    arguments: [("10.0.0.0", 31), ("10.0.0.1", 31), ("10.0.0.0", 32)])
  func pairs(_ text: String, _ prefix: Int) throws {
    let address = try #require(InterfaceAddress(try ip(text), prefix: prefix))
    try NetworkPlanner.check(address)
  }
}

@Suite("messages")
struct MessageTests {
  @Test("an ipvlan slave is asked for byte for byte")
  func create() throws {
    var message = Message(.newLink, [.create, .exclusive], about: "x")
    message.putHeader(UInt64(0))
    message.putHeader(UInt64(0))
    message.put(.linkName, "ab")
    message.nest(.linkInfo) {
      $0.put(.infoKind, "ipvlan")
      $0.nest(.infoData) { Ipvlan(parent: "eth0", mode: .l3s, flag: .vepa).putData(into: &$0) }
    }
    let expected: [UInt8] =
      [76, 0, 0, 0, 16, 0, 0x05, 0x06] + [UInt8](repeating: 0, count: 24)
      + [7, 0, 3, 0, 0x61, 0x62, 0, 0]
      + [36, 0, 18, 0x80, 11, 0, 1, 0] + Array("ipvlan".utf8) + [0, 0]
      + [20, 0, 2, 0x80, 6, 0, 1, 0, 2, 0, 0, 0, 6, 0, 2, 0, 2, 0, 0, 0]
    #expect(message.bytes == expected)
  }

  @Test("attributes that do not fit are not read")
  func hostile() {
    #expect(Attributes([255, 255, 3, 0, 1][...]).bytes(.linkName) == nil)
    #expect(Attributes([0, 0, 3, 0][...]).bytes(.linkName) == nil)
    #expect(Attributes([5, 0, 4, 0, 1, 0, 0, 0][...]).uint32(.linkMTU) == nil)
    #expect(Attributes([6, 0, 3, 0, 0x61, 0x62][...]).string(.linkName) == "ab")
    for _ in 0..<5000 {
      let bytes = (0..<Int.random(in: 0...64)).map { _ in UInt8.random(in: 0...255) }
      _ = Attributes(bytes[...]).nested(.linkInfo)?.string(.infoKind)
    }
  }

  @Test("a gratuitous ARP and an unsolicited advertisement are as the RFCs have them")
  func announcements() throws {
    let mac: [UInt8] = [2, 0, 0, 0, 0, 1]
    let arp = Announcer.frame(try ip("10.0.0.2"), mac)
    #expect(arp.prefix(14) == [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6])
    #expect(Array(arp[28..<32]) == [10, 0, 0, 2] && Array(arp[38..<42]) == [10, 0, 0, 2])
    let advertisement = Announcer.frame(try ip("fd00::2"), mac)
    #expect(advertisement.count == 14 + 40 + 32)
    // With its checksum in place, the sum over pseudo header and message is zero.
    let length: [UInt8] = [0, 0, 0, 32, 0, 0, 0, 58]
    #expect(
      Announcer.checksum(Array(advertisement[22..<54]) + length + Array(advertisement[54...])) == 0)
  }
}

@Suite("suggestions")
struct SuggestionTests {
  @Test("the nearest word is found, and no far one")
  func nearestWord() {
    #expect(nearest(to: "brige", in: ["bridge", "private", "vepa"]) == "bridge")
    #expect(nearest(to: "L3S", in: ["l2", "l3", "l3s"]) == "l3s")
    #expect(nearest(to: "xyzzy", in: ["bridge", "private"]) == nil)
  }
}
