/// Writes `Encodable` values as JSON, as they come.
///
/// A container does not say when it is full. So whatever is written at one depth closes all that
/// lies deeper, and the end of a value closes all that it has opened.
final class JSONWriter {
  private(set) var bytes: [UInt8] = []
  private let isIndented: Bool
  private var open: [Level] = []

  /// A list or an object that is being written.
  private struct Level {
    /// An object's names, with where each one's text begins; `nil` for a list.
    var members: [(name: String, start: Int)]?
    var isEmpty = true
  }

  init(isIndented: Bool) { self.isIndented = isIndented }

  var depth: Int { open.count }

  /// The whole of a value, where a value is expected.
  func write<Value: Encodable>(_ value: Value) throws {
    // The kind that there is most of.
    if Value.self == String.self, let text = value as? String { return put(text: text) }
    let depth = self.depth
    let start = bytes.count
    try value.encode(to: ValueEncoder(writer: self, depth: depth))
    close(to: depth)
    // A type without properties asks for no container.
    if bytes.count == start { put("{}") }
  }

  func begin(isList: Bool) {
    bytes.append(UInt8(ascii: isList ? "[" : "{"))
    open.append(Level(members: isList ? nil : []))
  }

  /// Whether a value has opened something at this depth already: a type may ask for its container twice.
  func hasOpened(beyond depth: Int) -> Bool { open.count > depth }

  func close(to depth: Int) {
    while open.count > depth {
      let level = open.removeLast()
      if let members = level.members { sort(members) }
      if isIndented, !level.isEmpty { breakLine() }
      bytes.append(UInt8(ascii: level.members == nil ? "]" : "}"))
    }
  }

  /// Makes room for the next member of the list or object at a depth.
  func next(_ name: String? = nil, at depth: Int) {
    close(to: depth)
    let last = open.count - 1
    if !open[last].isEmpty { bytes.append(UInt8(ascii: ",")) }
    open[last].isEmpty = false
    let start = bytes.count
    if isIndented { breakLine() }
    guard let name else { return }
    open[last].members?.append((name, start))
    put(text: name)
    put(isIndented ? ": " : ":")
  }

  /// Puts an object's members in order, so that the same value has the same text: dictionaries have
  /// none of their own.
  private func sort(_ members: [(name: String, start: Int)]) {
    guard zip(members, members.dropFirst()).contains(where: { $0.name > $1.name }) else { return }
    let ends = members.dropFirst().map { $0.start - 1 } + [bytes.count]
    let texts = zip(members, ends).map { (name: $0.name, text: bytes[$0.start..<$1]) }
      .sorted { $0.name < $1.name }.map(\.text)
    bytes.replaceSubrange(
      members[0].start..., with: Array(texts.joined(separator: [UInt8(ascii: ",")])))
  }

  private func breakLine() {
    bytes.append(0x0a)
    for _ in 0..<open.count { put("  ") }
  }

  func put(_ word: String) { bytes += word.utf8 }

  func put(text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): put("\\\"")
      case UInt8(ascii: "\\"): put("\\\\")
      case 0x0a: put("\\n")
      case 0x0d: put("\\r")
      case 0x09: put("\\t")
      case ..<0x20: put((byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16))
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}

/// The place of one value.
private struct ValueEncoder: Encoder, SingleValueEncodingContainer {
  let writer: JSONWriter
  /// How many lists and objects it lies in.
  let depth: Int
  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy _: Key.Type) -> KeyedEncodingContainer<Key> {
    if !writer.hasOpened(beyond: depth) { writer.begin(isList: false) }
    return KeyedEncodingContainer(Members(writer: writer, depth: depth + 1))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    if !writer.hasOpened(beyond: depth) { writer.begin(isList: true) }
    return Elements(writer: writer, depth: depth + 1)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { self }

  func encodeNil() { writer.put("null") }
  func encode(_ value: Bool) { writer.put(value ? "true" : "false") }
  func encode(_ value: String) { writer.put(text: value) }
  func encode(_ value: Float) throws { try encode(Double(value)) }
  func encode(_ value: Int) { writer.put("\(value)") }
  func encode(_ value: Int8) { writer.put("\(value)") }
  func encode(_ value: Int16) { writer.put("\(value)") }
  func encode(_ value: Int32) { writer.put("\(value)") }
  func encode(_ value: Int64) { writer.put("\(value)") }
  func encode(_ value: UInt) { writer.put("\(value)") }
  func encode(_ value: UInt8) { writer.put("\(value)") }
  func encode(_ value: UInt16) { writer.put("\(value)") }
  func encode(_ value: UInt32) { writer.put("\(value)") }
  func encode(_ value: UInt64) { writer.put("\(value)") }
  func encode(_ value: some Encodable) throws { try value.encode(to: self) }

  func encode(_ value: Double) throws {
    guard value.isFinite else {
      throw EncodingError.invalidValue(
        value, .init(codingPath: [], debugDescription: "JSON has no \(value)"))
    }
    // 5.0 is a whole number to whoever wants one.
    writer.put(Int64(exactly: value).map { "\($0)" } ?? "\(value)")
  }
}

private struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let writer: JSONWriter
  let depth: Int
  var codingPath: [any CodingKey] { [] }

  private func place(_ name: String) -> ValueEncoder {
    writer.next(name, at: depth)
    return ValueEncoder(writer: writer, depth: depth)
  }

  func encodeNil(forKey key: Key) { place(key.stringValue).encodeNil() }

  // These would also be met by the general one, by way of an encoder for each.

  func encode(_ value: Bool, forKey key: Key) { place(key.stringValue).encode(value) }
  func encode(_ value: String, forKey key: Key) { place(key.stringValue).encode(value) }
  func encode(_ value: Int, forKey key: Key) { place(key.stringValue).encode(value) }
  func encode(_ value: Int32, forKey key: Key) { place(key.stringValue).encode(value) }
  func encode(_ value: Int64, forKey key: Key) { place(key.stringValue).encode(value) }
  func encode(_ value: UInt32, forKey key: Key) { place(key.stringValue).encode(value) }
  func encode(_ value: UInt64, forKey key: Key) { place(key.stringValue).encode(value) }

  func encode(_ value: some Encodable, forKey key: Key) throws {
    writer.next(key.stringValue, at: depth)
    try writer.write(value)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> { place(key.stringValue).container(keyedBy: type) }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    place(key.stringValue).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { place("super") }
  func superEncoder(forKey key: Key) -> any Encoder { place(key.stringValue) }
}

private struct Elements: UnkeyedEncodingContainer {
  let writer: JSONWriter
  let depth: Int
  private(set) var count = 0
  var codingPath: [any CodingKey] { [] }

  init(writer: JSONWriter, depth: Int) {
    self.writer = writer
    self.depth = depth
  }

  private mutating func place() -> ValueEncoder {
    writer.next(at: depth)
    count += 1
    return ValueEncoder(writer: writer, depth: depth)
  }

  mutating func encodeNil() { place().encodeNil() }

  mutating func encode(_ value: some Encodable) throws {
    writer.next(at: depth)
    count += 1
    try writer.write(value)
  }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) -> KeyedEncodingContainer<Nested> { place().container(keyedBy: type) }

  mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    place().unkeyedContainer()
  }

  mutating func superEncoder() -> any Encoder { place() }
}
