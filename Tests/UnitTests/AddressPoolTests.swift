import Linux
import Testing

@testable import Netlink
@testable import Network

@Suite("address pools")
struct AddressPoolTests {
  private func pool(_ words: String) throws -> AddressPool {
    try NetworkDefinition(NetworkDefinitionTests.request(words)).pools[0]
  }

  private func addresses(_ texts: String...) throws -> Set<IPAddress> {
    Set(try texts.map { try #require(IPAddress($0)) })
  }

  private func lowest(_ pool: AddressPool, avoiding others: Set<IPAddress> = []) -> String? {
    pool.lowestFree(avoiding: others).map { "\($0)" }
  }

  @Test("the lowest free address comes first, after the gateway and what others have")
  func lowestFirst() throws {
    var pool = try pool("--subnet 10.0.0.0/24 --aux-address a=10.0.0.3")
    #expect(lowest(pool) == "10.0.0.2")
    pool.leased = try addresses("10.0.0.2", "10.0.0.5")
    #expect(lowest(pool) == "10.0.0.4")
    #expect(lowest(pool, avoiding: try addresses("10.0.0.4", "fd00::6")) == "10.0.0.6")
    #expect(pool.usedCount == 2)
    // 254, less the gateway, the auxiliary and two leases.
    #expect(pool.freeCount() == 250)
    #expect(pool.freeCount(avoiding: try addresses("10.0.0.9", "fd00::9")) == 249)
  }

  @Test(
    "a gateway elsewhere, or none, leaves the first address free",
    arguments: [
      ("--subnet 10.0.0.0/24 --gateway 10.0.0.254", "10.0.0.1", 253),
      ("--subnet 10.0.0.0/24 --gateway none", "10.0.0.1", 254),
      ("--subnet 10.0.0.0/24 --opt mode=l3", "10.0.0.1", 254),
      ("--subnet 10.0.0.0/24 --internal", "10.0.0.1", 254),
      ("--subnet 10.0.0.0/24 --ip-range 10.0.0.128/25", "10.0.0.128", 127),
      ("--subnet 10.0.0.0/24 --ip-range 10.0.0.0/30", "10.0.0.2", 2),
      ("--subnet 10.0.0.0/31 --gateway none", "10.0.0.0", 2),
      ("--subnet 10.0.0.0/31", "10.0.0.0", 2),
      ("--subnet 10.0.0.7/32", "10.0.0.7", 1),
      ("--subnet 10.0.0.0/30", "10.0.0.2", 1),
      ("--subnet fd00::/127 --gateway none", "fd00::", 2),
      ("--subnet fd00::/126", "fd00::2", 2),
    ])
  func usable(_ words: String, _ first: String, _ free: Int) throws {
    let pool = try pool(words)
    #expect(lowest(pool) == first)
    #expect(pool.freeCount() == UInt128(free))
  }

  @Test("a full pool says so, and gives again what is given back")
  func exhaustion() throws {
    var pool = try pool("--subnet 10.0.0.0/28")
    var given: [IPAddress] = []
    while let address = pool.lowestFree(avoiding: []) {
      given.append(address)
      pool.leased.insert(address)
      try #require(given.count < 20)
    }
    #expect(given.count == 13 && Set(given).count == 13)
    #expect(pool.freeCount() == 0)
    pool.leased.remove(given[4])
    #expect(pool.lowestFree(avoiding: []) == given[4])
  }

  @Test("a /64, and all of IPv6, cost no more than a /24", arguments: [24, 64, 8])
  func wide(_ prefix: Int) throws {
    let subnet = prefix == 24 ? "10.0.0.0/24" : "fd00::/\(prefix)"
    var pool = try pool("--subnet \(subnet)")
    // As many steps as there are leases, not as the subnet has addresses: else this would not end.
    for _ in 0..<200 {
      let address = try #require(pool.lowestFree(avoiding: []))
      pool.leased.insert(address)
    }
    #expect(lowest(pool) == (prefix == 24 ? "10.0.0.202" : "fd00::ca"))
    if prefix == 64 { #expect(pool.freeCount() == (UInt128(1) << 64) - 202) }
  }

  @Test(
    "an address has one name",
    arguments: [
      ("10.0.0.2", true), ("fd00::2", true), ("10.0.0.02", false), ("FD00::2", false),
      ("fd00:0::2", false), ("::ffff:1.2.3.4", true), ("x", false), ("", false),
      ("10.0.0.2/24", false),
    ])
  func canonical(_ text: String, _ isOne: Bool) {
    #expect((IPAddress(canonical: text) != nil) == isOne)
  }
}
