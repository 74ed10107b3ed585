import Testing

@testable import OCI

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
}
