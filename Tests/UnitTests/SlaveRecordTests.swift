import Glibc
import JSON
import Linux
import Netlink
import Testing

@testable import Network
@testable import Supervisor

@Suite("slave records")
struct SlaveRecordTests {
  private static let host = FileIdentity(device: 4, inode: 5)

  private func state(_ networks: String, status: String = "running") throws -> InstanceState {
    let id = String(repeating: "a", count: 64)
    let text = """
      {"id":"\(id)","name":"web","command":["true"],"status":"\(status)",
      "created":"2026-11-24T00:00:00.000000000Z","bootId":"b","detached":true,"terminal":false,
      "removed":false,"hostNamespace":{"device":4,"inode":5},"networks":[\(networks)]}
      """
    return try JSON.value(InstanceState.self, from: text.utf8)
  }

  private func network(_ kind: String, index: Int, _ addresses: [String]) -> String {
    let list = addresses.map { "\"\($0)\"" }.joined(separator: ",")
    return """
      {"network":"\(kind)","interface":"eth0","parent":"x","parentIndex":\(index),
      "addresses":[\(list)],"gateways":[]}
      """
  }

  /// What names tell on a host; `nil`: nothing.
  private func told(
    _ names: [String], host: FileIdentity = host, except id: String? = nil,
    isAlive: (String) -> Bool = { _ in true }
  ) -> [Slave]? {
    var recorded = RecordedSlaves(on: host, except: id)
    for name in names {
      let isRead = name.utf8.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer {
        recorded.add($0)
      }
      if !isRead { return nil }
    }
    return recorded.slaves(isAlive: isAlive)
  }

  /// The names of an instance of another id.
  private func names(_ number: Int, _ networks: String) throws -> [String] {
    let digits = String(number, radix: 16)
    let id = String(repeating: "0", count: 64 - digits.count) + digits
    return SlaveRecord.names(of: try state(networks))
      .map { id + $0.dropFirst(id.count) }
  }

  @Test("what the state says of parents, modes and addresses is in the names")
  func round() throws {
    let both = try state(
      [
        network("ipvlan:eth0:l3:private", index: 2, ["10.20.20.2/24", "fd20::2/64"]),
        network("macvlan:eth1:bridge", index: 3, []),
      ].joined(separator: ","))
    let names = SlaveRecord.names(of: both)
    #expect(names.count == 2)
    let slaves = try #require(told(names))
    #expect(slaves.map(\.kind) == ["ipvlan", "macvlan"])
    #expect(slaves.map(\.parent) == [2, 3])
    #expect(slaves.map(\.owner) == [both.id, both.id])
    #expect(slaves.map(\.modeName)[0] == "l3" && slaves.map(\.flagName)[0] == "private")
    #expect(slaves.map { $0.addresses.map { "\($0)" } } == [["10.20.20.2", "fd20::2"], []])
    // Parents of another namespace are other parents.
    #expect(told(names, host: FileIdentity(device: 4, inode: 6)) == [])
    #expect(told(names, except: both.id) == [])
    let none = SlaveRecord.names(of: try state(""))
    #expect(none == ["\(both.id),0,-"] && told(none) == [])
    let ended = SlaveRecord.names(
      of: try state(network("macvlan:eth0", index: 2, ["10.20.20.2/24"]), status: "exited"))
    #expect(ended == ["\(both.id),0,."] && told(ended) == [])
  }

  @Test("each instance is counted once, whatever it has")
  func count() throws {
    let two = [
      network("macvlan:eth0", index: 2, []), network("macvlan:eth1", index: 3, []),
    ].joined(separator: ",")
    var recorded = RecordedSlaves(on: Self.host, except: String(repeating: "0", count: 63) + "1")
    for name in try names(1, two) + names(2, two) + names(3, "") {
      _ = name.utf8.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer { recorded.add($0) }
    }
    #expect(recorded.instances == 3)
    #expect(recorded.parents == [2, 3])
  }

  @Test("who waits for a parent that has gone waits for any")
  func gone() throws {
    var waiting = try state(network("macvlan:eth0", index: 2, ["10.20.20.2/24"]))
    waiting.networks[0].lose(.gone)
    let slaves = try #require(told(SlaveRecord.names(of: waiting)))
    #expect(slaves.map(\.parent) == [0])
    waiting.networks[0].lose(.down)
    #expect(told(SlaveRecord.names(of: waiting))?.map(\.parent) == [2])
  }

  @Test("slaves of one kind on one parent are one, of somebody who lives")
  func groups() throws {
    let all = try (2..<20).flatMap { number in
      try names(number, network("macvlan:eth0", index: 2, ["10.20.20.\(number)/24"]))
    }
    let slaves = try #require(told(all, isAlive: { $0.hasSuffix("007") }))
    #expect(slaves.count == 1 && slaves[0].owner.hasSuffix("007"))
    #expect(slaves[0].addresses.map { "\($0)" } == (2..<20).map { "10.20.20.\($0)" })
    // Of who is looked at nobody lives: somebody else may.
    #expect(told(all, isAlive: { $0.hasSuffix("011") }) == nil)
  }

  @Test("a name that is not understood says nothing")
  func damaged() throws {
    let text = try #require(
      SlaveRecord.names(of: try state(network("ipvlan:eth0", index: 2, ["10.20.20.2/24"]))).first)
    #expect(told([text])?.count == 1)
    let id = text.prefix(64)
    for odd in ["", "x", ".", "\(id)", "\(id),", "\(id),0", "\(id),0,", "\(id),0,?", "\(id),0,x"]
      + ["\(id),0,4:5", "\(id),0,4:5,", "\(id),0,4:5,2,ipvlan", "\(id.dropLast()),0,-", text + "0"]
      + [text + ",", text + ",zz", String(text.dropLast())]
    {
      #expect(told([odd]) == nil, "\(odd)")
    }
    for place in 0..<text.count {
      // No prefix is more than it is.
      _ = told([String(text.prefix(place))])
    }
  }

  @Test("more addresses than a name holds are in several")
  func long() throws {
    let many = (0..<600).map { "10.20.\($0 / 250).\($0 % 250 + 1)/16" }
    let names = SlaveRecord.names(
      of: try state(
        [network("macvlan:eth0", index: 2, many), network("macvlan:eth1", index: 3, [])]
          .joined(separator: ",")))
    #expect(names.count > 10 && names.allSatisfy { $0.utf8.count <= NAME_MAX })
    let slaves = try #require(told(names))
    #expect(slaves.map(\.parent) == [2, 3])
    #expect(slaves[0].addresses.map { "\($0)/16" } == many)
  }
}
