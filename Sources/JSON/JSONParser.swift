extension JSONValue {
  /// Parses a text, strictly, RFC 8259: two members of one name are refused, since each reader would
  /// take another of them.
  ///
  /// - Parameter names: the members of the outermost object that are taken; `nil`: all.
  /// - Throws: ``Fault`` with line and column, both from 1, the column in bytes.
  init(parsing text: [UInt8], only names: [String]? = nil) throws(Fault) {
    self = try text.withUnsafeBufferPointer { text throws(Fault) in
      var parser = JSONParser(text: text, names: names)
      return try parser.document()
    }
  }
}

private struct JSONParser {
  let text: UnsafeBufferPointer<UInt8>
  let names: [String]?
  var place = 0
  /// How deep lists and objects may lie in each other, so that no text overruns the stack.
  static let depth = 128

  init(text: UnsafeBufferPointer<UInt8>, names: [String]?) {
    self.text = text
    self.names = names
  }

  mutating func document() throws(Fault) -> JSONValue {
    let value = try self.value(depth: 0)
    skipSpace()
    if place < text.count { throw wrong("something follows the document") }
    return value
  }

  private func wrong(_ reason: String) -> Fault {
    let before = text[..<min(place, text.count)]
    let line = before.count { $0 == UInt8(ascii: "\n") } + 1
    let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    return Fault("", "not JSON: line \(line), column \(before.count - start + 1): \(reason)")
  }

  private var tooDeep: Fault { wrong("more than \(Self.depth) lists and objects in each other") }

  private var next: UInt8? { place < text.count ? text[place] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || (0x9...0xa).contains(byte) || byte == 0xd { place += 1 }
  }

  private mutating func take(_ wanted: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: wanted) else { return false }
    place += 1
    return true
  }

  private mutating func value(depth: Int) throws(Fault) -> JSONValue {
    if depth > Self.depth { throw tooDeep }
    skipSpace()
    guard let first = next else { throw wrong("it ends where a value is expected") }
    switch first {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw wrong("a value is expected")
    }
  }

  private mutating func word(_ word: String, _ value: JSONValue) throws(Fault) -> JSONValue {
    guard text[place...].starts(with: word.utf8) else { throw wrong("a value is expected") }
    place += word.utf8.count
    return value
  }

  private mutating func object(depth: Int) throws(Fault) -> JSONObject {
    var members: JSONObject = [:]
    try forEachMember { parser, name, start throws(Fault) in
      if depth == 0, let names = parser.names, !names.contains(name) {
        return try parser.skip(depth: depth + 1)
      }
      let value = try parser.value(depth: depth + 1)
      guard members.add(name, value) else {
        parser.place = start
        throw parser.wrong("\(name.debugDescription) is there twice")
      }
    }
    return members
  }

  private mutating func array(depth: Int) throws(Fault) -> [JSONValue] {
    var elements: [JSONValue] = []
    try forEachElement { parser throws(Fault) in
      elements.append(try parser.value(depth: depth + 1))
    }
    return elements
  }

  /// Goes past a value, as strictly as if it were taken, but for members of one name.
  private mutating func skip(depth: Int) throws(Fault) {
    if depth > Self.depth { throw tooDeep }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"):
      try forEachMember { parser, _, _ throws(Fault) in try parser.skip(depth: depth + 1) }
    case UInt8(ascii: "["):
      try forEachElement { parser throws(Fault) in try parser.skip(depth: depth + 1) }
    default: _ = try value(depth: depth)
    }
  }

  /// - Parameter body: is to go past the value.
  @inline(__always)
  private mutating func forEachMember(
    _ body: (inout Self, _ name: String, _ start: Int) throws(Fault) -> Void
  ) throws(Fault) {
    place += 1
    skipSpace()
    if take("}") { return }
    while true {
      skipSpace()
      let start = place
      guard next == UInt8(ascii: "\"") else { throw wrong("a name in quotation marks is expected") }
      let name = try string()
      skipSpace()
      guard take(":") else { throw wrong("a colon is expected") }
      try body(&self, name, start)
      skipSpace()
      if take("}") { return }
      guard take(",") else { throw wrong("a comma or } is expected") }
    }
  }

  @inline(__always)
  private mutating func forEachElement(_ body: (inout Self) throws(Fault) -> Void) throws(Fault) {
    place += 1
    skipSpace()
    if take("]") { return }
    while true {
      try body(&self)
      skipSpace()
      if take("]") { return }
      guard take(",") else { throw wrong("a comma or ] is expected") }
    }
  }

  private mutating func string() throws(Fault) -> String {
    place += 1
    let start = place
    // Most are ASCII without escapes, and are taken as they are.
    while let byte = next, 0x20..<0x80 ~= byte, byte != UInt8(ascii: "\""),
      byte != UInt8(ascii: "\\")
    {
      place += 1
    }
    if take("\"") {
      return String(
        decoding: UnsafeBufferPointer(rebasing: text[start..<place - 1]), as: UTF8.self)
    }
    var bytes = Array(text[start..<place])
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        guard let result = String(validating: bytes, as: UTF8.self) else {
          place = start
          throw wrong("a string that is not UTF-8")
        }
        place += 1
        return result
      case UInt8(ascii: "\\"):
        place += 1
        bytes += try escape()
      case ..<0x20: throw wrong("a control character in a string")
      default:
        bytes.append(byte)
        place += 1
      }
    }
    throw wrong("it ends within a string")
  }

  /// What stands after a backslash, as UTF-8.
  private mutating func escape() throws(Fault) -> [UInt8] {
    let simple: [UInt8: UInt8] = [
      0x22: 0x22, 0x5c: 0x5c, 0x2f: 0x2f, 0x62: 0x8, 0x66: 0xc, 0x6e: 0xa, 0x72: 0xd, 0x74: 0x9,
    ]
    if let byte = next, let meant = simple[byte] {
      place += 1
      return [meant]
    }
    guard take("u") else { throw wrong("an unknown escape in a string") }
    var code = try fourDigits()
    if (0xd800..<0xdc00).contains(code) {
      guard take("\\"), take("u") else { throw wrong("half of a surrogate pair") }
      let low = try fourDigits()
      guard (0xdc00..<0xe000).contains(low) else { throw wrong("half of a surrogate pair") }
      code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw wrong("half of a surrogate pair") }
    return Array(String(Character(scalar)).utf8)
  }

  private mutating func fourDigits() throws(Fault) -> UInt32 {
    guard place + 4 <= text.count else { throw wrong("it ends within a string") }
    let digits = text[place..<place + 4]
    guard digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
      let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw wrong("four hexadecimal digits are expected") }
    place += 4
    return code
  }

  /// `-`, digits without a leading zero, a fraction, an exponent.
  private mutating func number() throws(Fault) -> JSONValue {
    let start = place
    _ = take("-")
    let whole = digits()
    guard whole > 0 else { throw wrong("a digit is expected") }
    let first = place - whole
    if whole > 1, text[first] == UInt8(ascii: "0") {
      place = first
      throw wrong("a number with a leading zero")
    }
    var isWhole = true
    if take(".") {
      isWhole = false
      if digits() == 0 { throw wrong("a digit is expected") }
    }
    if take("e") || take("E") {
      isWhole = false
      if !take("+") { _ = take("-") }
      if digits() == 0 { throw wrong("a digit is expected") }
    }
    if isWhole, whole < 19, first == start {
      return .integer(text[first..<place].reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) })
    }
    let literal = String(decoding: text[start..<place], as: UTF8.self)
    if isWhole, let number = Int64(literal) { return .integer(number) }
    if isWhole, let number = UInt64(literal) { return .unsigned(number) }
    guard let number = Double(literal), number.isFinite else {
      place = start
      throw wrong("a number that is too large")
    }
    return .fraction(number)
  }

  private mutating func digits() -> Int {
    let start = place
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { place += 1 }
    return place - start
  }
}
