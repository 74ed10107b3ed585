import Glibc
import JSON
import Linux
import Testing

@testable import Supervisor

@Suite("events")
struct EventTests {
  private func event(_ number: Int) -> Event {
    Event(
      .container, "start", id: "\(number)", ["name": "web"],
      at: Timestamp(nanoseconds: Int64(number)))
  }

  @Test("the file of events is followed by a new one, and many writers lose nothing of it")
  func rotation() throws {
    let root = "/tmp/swrun-events-\(UInt64.random(in: 0...(.max)))"
    try makeDirectories(root)
    defer { try? removeTree(root) }
    let store = InstanceStore(root: root, stateDirectory: root)
    let reader = try EventReader(store, past: true) { Issue.record("\($0)") }
    let log = EventLog(root: root, longest: 2000)
    var read: [Event] = []
    for number in 0..<100 {
      try log.append([event(2 * number), event(2 * number + 1)])
      if number % 5 == 0 { try reader.read { read.append($0) } }
    }
    try reader.read { read.append($0) }
    #expect(read == (0..<200).map(event))
    // Two files, and neither longer than that and one writing.
    for name in ["events.json", "events.json.1"] {
      #expect(((try? readFile("\(root)/\(name)")) ?? []).count < 2300)
    }
    var late: [Event] = []
    let second = try EventReader(store, past: true) { Issue.record("\($0)") }
    try second.read { late.append($0) }
    #expect(late == (200 - late.count..<200).map(event) && late.count > 10)
    let third = try EventReader(store, past: false) { Issue.record("\($0)") }
    try log.append([event(200)])
    var new: [Event] = []
    try third.read { new.append($0) }
    #expect(new == [event(200)])
  }

  @Test("an event is JSON as Docker writes it, and read again")
  func json() throws {
    let event = Event(
      .network, "connect", id: "lan", ["name": "lan", "container": "1"],
      at: Timestamp(nanoseconds: 1_700_000_000_123_456_789))
    let text = JSON.text(event)
    #expect(
      String(decoding: text, as: UTF8.self)
        == #"{"Action":"connect","Actor":{"Attributes":{"container":"1","name":"lan"},"ID":"lan"},"Type":"network","time":1700000000,"timeNano":1700000000123456789}"#
    )
    #expect(try JSON.value(Event.self, from: text) == event)
  }
}
