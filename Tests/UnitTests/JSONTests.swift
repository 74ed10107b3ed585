import FoundationEssentials
import Testing

@testable import JSON

@Suite("JSON")
struct JSONTests {
  private func parse(_ text: String) throws -> JSONValue {
    try JSONValue(parsing: Array(text.utf8))
  }

  @Test("every kind of value is read")
  func values() throws {
    let text = #" {"a":[1,-2,18446744073709551615,1.5e1,true,false,null],"b":{},"c":[],"d":"x"} "#
    #expect(
      try parse(text)
        == .object([
          "a": .array([
            .integer(1), .integer(-2), .unsigned(.max), .fraction(15), .bool(true), .bool(false),
            .null,
          ]),
          "b": .object([:]), "c": .array([]), "d": .string("x"),
        ]))
  }

  @Test("escapes are read, also beyond the first plane")
  func escapes() throws {
    #expect(
      try parse(#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#)
        == .string("\"\\/\u{8}\u{c}\n\r\té😀é"))
  }

  @Test(
    "what is not JSON is refused by line and column",
    arguments: [
      ("", "line 1, column 1: it ends"), ("{\n  \"a\": oops\n}", "line 2, column 8: a value"),
      ("{\"a\":1,}", "line 1, column 8: a name"), ("[1,]", "line 1, column 4: a value"),
      ("[1 2]", "line 1, column 4: a comma or ]"), ("{\"a\" 1}", "line 1, column 6: a colon"),
      ("{\"a\":1,\n\"a\":2}", "line 2, column 1: \"a\" is there twice"),
      ("\"a", "line 1, column 3: it ends"), ("\"\u{1}\"", "line 1, column 2: a control"),
      (#""\x""#, "column 3: an unknown escape"), (#""\u12g4""#, "column 4: four hexadecimal"),
      (#""\u+123""#, "column 4: four hexadecimal"), (#""\ud800x""#, "half of a surrogate"),
      (#""\udc00""#, "half of a surrogate"), ("01", "column 1: a number with a leading zero"),
      ("-", "column 2: a digit"), ("1.", "column 3: a digit"), ("1e", "column 3: a digit"),
      ("1e999", "column 1: a number that is too large"), ("nul", "column 1: a value"),
      ("1 x", "column 3: something follows"),
    ])
  func wrong(_ text: String, _ reason: String) {
    let fault = #expect(throws: Fault.self) { try parse(text) }
    #expect(fault?.description.contains(reason) == true, "\(fault?.description ?? "")")
  }

  @Test("members that nobody wants are gone past as strictly as they are read")
  func only() throws {
    let text = #"{"a":{"b":[{"c":"\u00e9"},[],{}],"b":1},"d":{"a":[1]},"e":-1.5e3,"f":"x"}"#
    let read = try JSONValue(parsing: Array(text.utf8), only: ["d", "f", "g"])
    #expect(read == .object(["d": .object(["a": .array([.integer(1)])]), "f": .string("x")]))
    let broken = [
      "{\"a\":[1,]}", "{\"a\":{\"b\"}}", "{\"a\":\"\u{1}\"}", "{\"a\":01}", "{\"a\":nul}",
      "{\"a\":",
      "{\"a\":1 2}", "{\"a\":" + String(repeating: "[", count: 200) + "}",
    ]
    for text in broken {
      let taken = #expect(throws: Fault.self) { try parse(text) }
      let skipped = #expect(throws: Fault.self) {
        try JSONValue(parsing: Array(text.utf8), only: [])
      }
      #expect(taken == skipped, "\(text)")
    }
  }

  @Test("names that are alike at both ends are told apart, however many there are")
  func names() throws {
    for count in [3, 100] {
      let names = (100..<100 + count).map { "beginning\($0)the end of it" } + ["a", "b", "aa", ""]
      let members = names.enumerated().map { "\"\($1)\":\($0)" }
      guard case .object(let object) = try parse("{\(members.joined(separator: ","))}") else {
        Issue.record("no object")
        return
      }
      for (number, name) in names.enumerated() { #expect(object[name] == .integer(Int64(number))) }
      #expect(object["beginning999the end of it"] == nil && object["c"] == nil)
    }
  }

  @Test("a string that is not UTF-8 is refused")
  func encoding() {
    #expect(throws: Fault.self) { try JSONValue(parsing: [0x22, 0xff, 0x22]) }
  }

  @Test("no text overruns the stack")
  func depth() {
    for open in ["[", "{\"a\":"] {
      let fault = #expect(throws: Fault.self) { try parse(String(repeating: open, count: 100_000)) }
      #expect(fault?.description.contains("in each other") == true)
    }
  }

  private struct Everything: Codable, Equatable {
    enum Kind: Codable, Equatable {
      case plain
      case named(String)
      case pair(left: Int, right: [String])
    }
    var text = "\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}é😀"
    var flag = true
    var small = Int8.min
    var large = UInt64.max
    var fraction = 1.5e-7
    var whole = 3.0
    var absent: String?
    var kinds: [Kind] = [.plain, .named("x"), .pair(left: -1, right: ["", "y"])]
    var table = ["b": [1, 2], "a": [], "é": [3]]
    var nested: [String: [String: String]] = ["z": [:], "y": ["k": "v"]]
  }

  @Test("what is written is read again, and is what another parser reads")
  func roundTrip() throws {
    let value = Everything()
    for indented in [false, true] {
      let text = try JSON.text(value, indented: indented)
      #expect(try JSON.value(Everything.self, from: text) == value)
      #expect(try JSONDecoder().decode(Everything.self, from: Data(text)) == value)
    }
    let other = JSONEncoder()
    other.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let table = ["table": ["b": ["x/y"], "a": []], "also": ["c": ["\u{7f}\u{2028}"]]]
    #expect(try JSON.text(table) == Array(try other.encode(table)))
  }

  @Test("members are in order, in lines where that is asked for")
  func lines() throws {
    struct Value: Encodable {
      let name = "x"
      let list = [1, 2]
      let empty: [Int] = []
      let inner = ["k": 0.5]
      let nothing: [String: Int] = [:]
    }
    #expect(
      String(decoding: try JSON.text(Value(), indented: true), as: UTF8.self) == """
        {
          "empty": [],
          "inner": {
            "k": 0.5
          },
          "list": [
            1,
            2
          ],
          "name": "x",
          "nothing": {}
        }
        """)
    #expect(
      String(decoding: try JSON.text(Value()), as: UTF8.self)
        == #"{"empty":[],"inner":{"k":0.5},"list":[1,2],"name":"x","nothing":{}}"#)
  }

  @Test("a type that asks for its container twice has one object")
  func twice() throws {
    struct Twice: Encodable {
      enum One: CodingKey { case a }
      enum Other: CodingKey { case b, c }
      func encode(to encoder: any Encoder) throws {
        var one = encoder.container(keyedBy: One.self)
        try one.encode(["x"], forKey: .a)
        var other = encoder.container(keyedBy: Other.self)
        var list = other.nestedUnkeyedContainer(forKey: .b)
        try list.encode(1)
        try list.encode(["k": true])
        try other.encodeNil(forKey: .c)
      }
    }
    #expect(
      String(decoding: try JSON.text(Twice()), as: UTF8.self)
        == #"{"a":["x"],"b":[1,{"k":true}],"c":null}"#)
  }

  @Test("what JSON has no number for is refused")
  func noNumber() {
    #expect(throws: EncodingError.self) { try JSON.text([Double.infinity]) }
    #expect(throws: EncodingError.self) { try JSON.text([Float.nan]) }
  }

  @Test("what a type does not know is ignored, or told")
  func unknown() throws {
    struct Known: Decodable { let a: Int }
    let text = Array(#"{"a": 1, "b": [2]}"#.utf8)
    #expect(try JSON.value(Known.self, from: text).a == 1)
    let faults = #expect(throws: FaultList.self) {
      try JSON.value(Known.self, from: text, strict: true)
    }
    #expect(faults?.description.hasPrefix("b is not a property") == true)
  }
}
