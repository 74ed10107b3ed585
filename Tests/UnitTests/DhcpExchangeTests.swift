import Testing

@testable import Netlink
@testable import Network

private let second: Int64 = 1_000_000_000

/// A client that is looked at, and its server, which is the test.
private struct Case {
  var exchange: DhcpExchange
  var now: Int64 = 100 * second
  let mac: [UInt8] = [2, 0, 0, 0, 0, 9]

  init() {
    exchange = DhcpExchange(
      DhcpIdentity(instance: "web", interface: "eth0", parent: mac, hostName: "web"),
      hardwareAddress: mac, messageSize: 1472)
  }

  /// What the client sends at its next deadline.
  mutating func wait() throws -> DhcpExchange.Step {
    let deadline = try #require(exchange.deadline)
    #expect(deadline > now)
    now = max(now, deadline)
    return exchange.tick(now)
  }

  mutating func answer(
    _ kind: DhcpMessage.Kind, to question: DhcpMessage, address: String = "10.20.20.9",
    server: String = "10.20.20.1", _ options: [(DhcpOption, [UInt8])] = []
  ) -> DhcpExchange.Step {
    exchange.receive(
      dhcpReply(
        kind, transaction: question.transaction, address: address, hardwareAddress: mac,
        server: server, options), now)
  }

  /// From the beginning to the lease.
  mutating func bind(_ options: [(DhcpOption, [UInt8])] = []) throws -> DhcpLease {
    let discover = try #require(exchange.start(now).outgoing).message
    let request = try #require(answer(.offer, to: discover, options).outgoing).message
    guard case .acquired(let lease) = answer(.acknowledge, to: request, options).event else {
      throw NetworkError("no lease")
    }
    return lease
  }
}

@Suite("DHCP exchange")
struct DhcpExchangeTests {
  @Test("discover, offer, request, acknowledge")
  func acquire() throws {
    var client = Case()
    let discover = try #require(client.exchange.start(client.now).outgoing)
    #expect(discover.way == .broadcast && discover.message.kind == .discover)
    #expect(discover.message.broadcast && discover.message.clientAddress.isUnspecified)
    #expect(
      discover.message.options[.clientIdentifier] == [0] + Array("web/eth0@020000000009".utf8))
    #expect(discover.message.options.text(.hostName) == "web")
    #expect(discover.message.options[.maximumSize] == [5, 0xc0])
    let request = try #require(client.answer(.offer, to: discover.message).outgoing)
    #expect(request.way == .broadcast && request.message.kind == .request)
    #expect(request.message.broadcast && request.message.clientAddress.isUnspecified)
    #expect(request.message.options[.requestedAddress] == [10, 20, 20, 9])
    #expect(request.message.options[.serverIdentifier] == [10, 20, 20, 1])
    #expect(client.exchange.isListening)
    let step = client.answer(.acknowledge, to: request.message)
    let lease = try #require(client.exchange.lease)
    #expect(step.event == .acquired(lease) && step.outgoing == nil)
    #expect(!client.exchange.isListening)
    #expect(client.exchange.deadline == client.now + 1800 * second)
  }

  @Test("a question is asked again, later each time, and never more than 80 seconds later")
  func again() throws {
    var client = Case()
    _ = client.exchange.start(client.now)
    for number in 0..<10 {
      let before = client.now
      #expect(try client.wait().outgoing?.message.kind == .discover)
      let expected = Int64(2 << min(number, 5)) * second
      #expect((expected * 3 / 4...expected * 5 / 4).contains(client.now - before))
    }
  }

  @Test("an answer to another is not taken")
  func strangers() throws {
    var client = Case()
    let discover = try #require(client.exchange.start(client.now).outgoing).message
    let other = DhcpMessage(
      .discover, transaction: discover.transaction &+ 1, hardwareAddress: client.mac)
    #expect(client.answer(.offer, to: other).outgoing == nil)
    // An ipvlan slave has the same MAC address, and another identifier.
    #expect(
      client.answer(.offer, to: discover, [(.clientIdentifier, [0, 1])]).outgoing == nil)
    let wrong = dhcpReply(
      .offer, transaction: discover.transaction, hardwareAddress: [2, 0, 0, 0, 0, 8])
    #expect(client.exchange.receive(wrong, client.now).outgoing == nil)
    // Nobody asked for these.
    for kind in [DhcpMessage.Kind.acknowledge, .refuse, .discover, .release] {
      let step = client.answer(kind, to: discover)
      #expect(step.outgoing == nil && step.event == nil)
    }
    let request = try #require(client.answer(.offer, to: discover).outgoing).message
    // Another server's word does not count now.
    #expect(client.answer(.acknowledge, to: request, server: "10.20.20.2").event == nil)
    #expect(client.answer(.refuse, to: request, server: "10.20.20.2").event == nil)
    #expect(client.exchange.complaint == nil)
    #expect(client.answer(.acknowledge, to: request).event != nil)
  }

  @Test("an offer that cannot be used is named, and the next is taken")
  func unfit() throws {
    var client = Case()
    let discover = try #require(client.exchange.start(client.now).outgoing).message
    #expect(client.answer(.offer, to: discover, address: "224.0.0.1").outgoing == nil)
    #expect(client.exchange.complaint?.contains("10.20.20.1") == true)
    #expect(client.exchange.complaint?.contains("224.0.0.1") == true)
    #expect(client.answer(.offer, to: discover).outgoing != nil)
  }

  @Test("a server that refuses what it offered cannot make the client hurry")
  func refused() throws {
    var client = Case()
    var sent = 0
    let start = client.now
    var outgoing = client.exchange.start(client.now).outgoing
    while client.now < start + 600 * second {
      guard let message = outgoing?.message else {
        outgoing = try client.wait().outgoing
        continue
      }
      sent += 1
      if message.kind == .discover {
        outgoing = client.answer(.offer, to: message).outgoing
      } else {
        outgoing =
          client.answer(.refuse, to: message, [(.message, Array("go\naway".utf8))]).outgoing
      }
    }
    #expect(sent < 50)
    #expect(client.exchange.complaint?.contains("(\"go\\naway\")") == true)
  }

  @Test("a server that acknowledges another address is not followed")
  func bait() throws {
    var client = Case()
    let discover = try #require(client.exchange.start(client.now).outgoing).message
    let request = try #require(client.answer(.offer, to: discover).outgoing).message
    #expect(client.answer(.acknowledge, to: request, address: "10.20.20.10").event == nil)
    #expect(client.exchange.lease == nil)
    #expect(try client.wait().outgoing?.message.kind == .discover)
  }

  @Test("a server that has gone after its offer is given up for others")
  func gone() throws {
    var client = Case()
    let discover = try #require(client.exchange.start(client.now).outgoing).message
    _ = client.answer(.offer, to: discover)
    var kinds: [DhcpMessage.Kind] = []
    for _ in 0..<4 { kinds.append(try #require(client.wait().outgoing).message.kind) }
    #expect(kinds == [.request, .request, .request, .discover])
  }

  @Test("a lease is renewed with its server, then with any, then lost")
  func life() throws {
    var client = Case()
    let start = client.now
    let lease = try client.bind()
    let renewal = try #require(try client.wait().outgoing)
    #expect(client.now == start + 1800 * second)
    #expect(renewal.way == .server(lease.server))
    #expect(renewal.message.clientAddress == lease.address.address && !renewal.message.broadcast)
    #expect(renewal.message.options[.serverIdentifier] == nil)
    #expect(renewal.message.options[.requestedAddress] == nil)
    var ways: [DhcpExchange.Outgoing.Way] = []
    var event: DhcpEvent?
    while event == nil {
      let step = try client.wait()
      if let way = step.outgoing?.way { ways.append(way) }
      event = step.event
    }
    #expect(client.now == start + 3600 * second)
    #expect(ways.first == .server(lease.server) && ways.last == .broadcast)
    #expect(ways.count < 20)
    #expect(event == .lost("no server prolonged it"))
    #expect(client.exchange.lease == nil && client.exchange.isListening)
  }

  @Test("a renewal counts from its question, and says whether something is new")
  func renewed() throws {
    var client = Case()
    let lease = try client.bind()
    var message = try #require(try client.wait().outgoing).message
    client.now += second
    #expect(
      client.answer(.acknowledge, to: message).event == .renewed(lease, changed: false))
    #expect(client.exchange.deadline == client.now - second + 1800 * second)
    message = try #require(try client.wait().outgoing).message
    guard
      case .renewed(let next, changed: true) = client.answer(
        .acknowledge, to: message, [(.routers, [10, 20, 20, 2])]
      ).event
    else { throw NetworkError("not renewed") }
    #expect(next.hops.first?.gateway == ipv4("10.20.20.2"))
    // An address that was not asked for is none.
    message = try #require(try client.wait().outgoing).message
    #expect(client.answer(.acknowledge, to: message, address: "10.20.20.77").event == nil)
    // A refusal ends it at once; but not one of a server that was not asked.
    #expect(client.answer(.refuse, to: message, server: "10.20.20.3").event == nil)
    guard case .lost(let reason) = client.answer(.refuse, to: message).event else {
      throw NetworkError("not lost")
    }
    #expect(reason.contains("10.20.20.1 refused"))
  }

  @Test("a machine that slept past the end has lost its lease")
  func slept() throws {
    var client = Case()
    _ = try client.bind()
    client.now += 10_000 * second
    #expect(client.exchange.tick(client.now).event == .lost("no server prolonged it"))
  }

  @Test("a lease for ever asks for nothing")
  func ever() throws {
    var client = Case()
    _ = try client.bind([(.leaseTime, [255, 255, 255, 255])])
    #expect(client.exchange.deadline == nil)
    // The link was away: then it is asked.
    let asked = try #require(client.exchange.verify(client.now).outgoing)
    #expect(asked.way == .broadcast && asked.message.clientAddress == ipv4("10.20.20.9"))
    #expect(client.answer(.acknowledge, to: asked.message).event != nil)
  }

  @Test("an address that is in use is declined, and another is asked for later")
  func declined() throws {
    var client = Case()
    _ = try client.bind()
    let message = try #require(client.exchange.decline(client.now).outgoing)
    #expect(message.message.kind == .decline && message.way == .broadcast)
    #expect(message.message.options[.requestedAddress] == [10, 20, 20, 9])
    let before = client.now
    #expect(try client.wait().outgoing?.message.kind == .discover)
    #expect(client.now - before == 10 * second)
  }

  @Test("a lease is given back once")
  func released() throws {
    var client = Case()
    let lease = try client.bind()
    let message = try #require(client.exchange.release(client.now).outgoing)
    #expect(message.message.kind == .release && message.way == .server(lease.server))
    #expect(message.message.clientAddress == lease.address.address)
    #expect(client.exchange.release(client.now).outgoing == nil)
    #expect(client.exchange.deadline == nil && client.exchange.lease == nil)
  }
}
