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

  /// What a line tells on a host; `nil`: nothing.
  private func told(
    _ lines: [String], host: FileIdentity = host, isAlive: (String) -> Bool = { _ in true }
  ) -> [Slave]? {
    var recorded = RecordedSlaves(on: host)
    for (number, line) in lines.enumerated() {
      let isRead = Array(line.utf8).withUnsafeBufferPointer { recorded.add($0) { "\(number)" } }
      if !isRead { return nil }
    }
    return recorded.slaves(isAlive: isAlive)
  }

  @Test("what the state says of parents, modes and addresses is in the line")
  func round() throws {
    let both = try state(
      [
        network("ipvlan:eth0:l3:private", index: 2, ["10.20.20.2/24", "fd20::2/64"]),
        network("macvlan:eth1:bridge", index: 3, []),
      ].joined(separator: ","))
    let line = try #require(SlaveRecord.line(both))
    let slaves = try #require(told([line]))
    #expect(slaves.map(\.kind) == ["ipvlan", "macvlan"])
    #expect(slaves.map(\.parent) == [2, 3])
    #expect(slaves.map(\.modeName)[0] == "l3" && slaves.map(\.flagName)[0] == "private")
    #expect(slaves.map { $0.addresses.map { "\($0)" } } == [["10.20.20.2", "fd20::2"], []])
    // Parents of another namespace are other parents.
    #expect(told([line], host: FileIdentity(device: 4, inode: 6)) == [])
    #expect(SlaveRecord.line(try state("")) == "-" && told(["-"]) == [])
    let ended = try state(network("macvlan:eth0", index: 2, ["10.20.20.2/24"]), status: "exited")
    #expect(SlaveRecord.line(ended) == ".")
  }

  @Test("slaves of one kind on one parent are one, of somebody who lives")
  func groups() throws {
    let lines = try (2..<20).map { number in
      try #require(
        SlaveRecord.line(
          state(network("macvlan:eth0", index: 2, ["10.20.20.\(number)/24"]))))
    }
    let slaves = try #require(told(lines, isAlive: { $0 == "7" }))
    #expect(slaves.count == 1 && slaves[0].owner == "7")
    #expect(slaves[0].addresses.map { "\($0)" } == (2..<20).map { "10.20.20.\($0)" })
    // Of who is looked at nobody lives: somebody else may.
    #expect(told(lines, isAlive: { $0 == "17" }) == nil)
  }

  @Test("a line with anything in it changed says nothing")
  func damaged() throws {
    let text = try #require(
      SlaveRecord.line(try state(network("ipvlan:eth0", index: 2, ["10.20.20.2/24"]))))
    let line = Array(text.utf8)
    #expect(told([text])?.count == 1)
    for place in line.indices {
      for byte in UInt8(0x20)...0x7e where byte != line[place] {
        var other = line
        other[place] = byte
        #expect(told([String(decoding: other, as: UTF8.self)]) == nil)
      }
      #expect(told([String(decoding: line[..<place], as: UTF8.self)]) == nil)
    }
    for odd in ["|", "||", "--", "4:5|", "4:5|cbf29ce484222325", text + "0", text + "|"] {
      #expect(told([odd]) == nil, "\(odd)")
    }
  }

  @Test("more than a line holds is in none")
  func long() throws {
    let many = (0..<600).map { "10.20.\($0 / 250).\($0 % 250 + 1)/16" }
    #expect(SlaveRecord.line(try state(network("macvlan:eth0", index: 2, many))) == nil)
  }
}
