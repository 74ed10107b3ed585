import Linux
import Netlink
import Testing

@testable import JSON
@testable import Network
@testable import OCI
@testable import Supervisor

/// What types write by themselves: each property, under the name by which it is read, and none is
/// forgotten when one is added.
@Suite("types that write themselves as JSON")
struct JSONWritableTests {
  /// Reads a document that has every property, and writes it again.
  private func check<Value: Decodable & JSONWritable>(_: Value.Type, _ document: String) throws {
    let text = try readFile(document)
    let value = try JSON.value(Value.self, from: text, strict: true)
    _ = leaves(value, in: document)
    let written = JSON.text(value, indented: true) + [0x0a]
    #expect(String(decoding: written, as: UTF8.self) == String(decoding: text, as: UTF8.self))
    // As a part of what the compiler writes.
    #expect(try JSON.text([value]) == Array("[".utf8) + JSON.text(value) + Array("]".utf8))
  }

  @Test("a spec") func spec() throws { try check(Spec.self, "Tests/Fixtures/every-field.json") }

  @Test("a state") func state() throws {
    try check(InstanceState.self, "Tests/Fixtures/every-state.json")
  }

  private func check<Value: Decodable & JSONWritable>(_: Value.Type, text: String) throws {
    let value = try JSON.value(Value.self, from: text.utf8, strict: true)
    _ = leaves(value, in: text)
    #expect(String(decoding: JSON.text(value), as: UTF8.self) == text)
  }

  @Test("what an instance was asked for")
  func runRecord() throws {
    try check(
      RunRecord.self,
      text:
        #"{"created":"2026-11-24T12:00:00.000000001Z","directory":"/","environment":{"A":"b"},"id":"i","name":"n","resources":\#(resources()),"version":1,"words":["--rm","true"]}"#
    )
  }

  /// Those of the spec with every property.
  private func resources() throws -> String {
    let document = try readFile("Tests/Fixtures/every-field.json")
    let resources = try JSON.value(Spec.self, from: document).linux.resources
    return String(decoding: JSON.text(try #require(resources)), as: UTF8.self)
  }

  @Test("an event")
  func event() throws {
    try check(
      Event.self,
      text:
        #"{"Action":"die","Actor":{"Attributes":{"exitCode":"1","name":"n"},"ID":"i"},"Type":"container","time":1,"timeNano":1000000002}"#
    )
  }

  @Test(
    "what is on the host for an instance",
    arguments: [
      #"{"vlan":{"base":"eth0","id":20,"name":"eth0.20"}}"#, #"{"dummy":{"name":"d"}}"#,
      #"{"shim":{"flag":"bridge","mode":"l3s","name":"s","parent":"eth0"}}"#,
      #"{"route":{"destination":"10.20.20.2/32","interface":"s","source":"10.20.20.1"}}"#,
      #"{"route":{"destination":"fd00::2/128","interface":"s"}}"#,
      #"{"neighbour":{"address":"fd00::2","hardwareAddress":[2,0,255],"interface":"s"}}"#,
      #"{"neighbour":{"address":"fd00::2","interface":"s"}}"#,
      #"{"sysctl":{"path":"ipv4/ip_forward","value":"1"}}"#,
      #"{"bridge":{"addresses":["10.0.0.1/24"],"hardwareAddress":[2,7],"mtu":1500,"name":"b"}}"#,
      #"{"nftables":{"part":{"table":{}},"table":"swrun"}}"#,
      #"{"nftables":{"part":{"network":{"bridge":"b","isInternal":true,"masqueraded":["10.0.0.0/24"]}},"table":"t"}}"#,
      #"{"nftables":{"part":{"ports":{"_0":[{"address":"10.0.0.2","hostAddress":"::","hostPort":0,"port":80,"transport":"udp"}]}},"table":"t"}}"#,
      #"{"forwarding":{"interface":"eth0","table":"t"}}"#, #"{"ipv6Forwarding":{"table":"t"}}"#,
      #"{"namespaceName":{"inode":5,"name":"n","process":{"pid":1,"startTime":2}}}"#,
    ])
  func hostResource(_ text: String) throws {
    let resource = try JSON.value(HostResource.self, from: text.utf8, strict: true)
    #expect(String(decoding: JSON.text(resource), as: UTF8.self) == text)
    let record =
      #"{"bootId":"b","former":"0","made":-1,"resource":\#(text),"users":["a/eth0","b/eth0"],"version":1}"#
    let read = try JSON.value(HostResources.Record.self, from: record.utf8, strict: true)
    #expect(String(decoding: JSON.text(read), as: UTF8.self) == record)
  }

  @Test("members are put in order, and escaped where they have to be")
  func order() throws {
    struct Unordered: JSONWritable {
      func writeMembers(to json: inout JSONWriter) {
        json.add("z", [1, -2] as [Int8])
        json.add("é\"", true)
        json.add("a") { _ in }
        json.add("m", ["y": "\u{1}", "x": "\\"])
        json.add("nil", String?.none)
      }
    }
    #expect(
      String(decoding: JSON.text(Unordered()), as: UTF8.self)
        == #"{"a":{},"m":{"x":"\\","y":"\u0001"},"z":[1,-2],"é\"":true}"#)
  }
}
