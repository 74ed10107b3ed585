/// The text of an `Encodable` value, as it comes.
///
/// A container does not say when it is full. So whatever is written at one depth closes all that
/// lies deeper, and the end of a value closes all that it has opened.
final class EncodedText {
  var writer: JSONWriter

  init(isIndented: Bool) { writer = JSONWriter(isIndented: isIndented) }

  /// The whole of a value, where a value is expected.
  func write<Value: Encodable>(_ value: Value) throws {
    // The kind that there is most of.
    if Value.self == String.self, let text = value as? String { return writer.put(text: text) }
    let depth = writer.depth
    let start = writer.bytes.count
    try value.encode(to: ValueEncoder(text: self, depth: depth))
    close(to: depth)
    // A type without properties asks for no container.
    if writer.bytes.count == start { writer.put("{}") }
  }

  func close(to depth: Int) {
    while writer.depth > depth { writer.end() }
  }

  /// Makes room for the next element of the list at a depth, or for a member of the object there.
  func next(_ name: String? = nil, at depth: Int) {
    close(to: depth)
    if let name { writer.next(name) } else { writer.next() }
  }
}

/// The place of one value.
struct ValueEncoder: Encoder, SingleValueEncodingContainer {
  let text: EncodedText
  /// How many lists and objects it lies in.
  let depth: Int
  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy _: Key.Type) -> KeyedEncodingContainer<Key> {
    open(isList: false)
    return KeyedEncodingContainer(Members(text: text, depth: depth + 1))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    open(isList: true)
    return Elements(text: text, depth: depth + 1)
  }

  /// Begins the list or object that the value is; a type may ask for its container twice.
  func open(isList: Bool) {
    text.close(to: depth + 1)
    if text.writer.depth == depth { text.writer.begin(isList: isList) }
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { self }

  func encodeNil() { text.writer.put("null") }
  func encode(_ value: Bool) { text.writer.put(value ? "true" : "false") }
  func encode(_ value: String) { text.writer.put(text: value) }
  func encode(_ value: Float) throws { try encode(Double(value)) }
  func encode(_ value: Int) { text.writer.put("\(value)") }
  func encode(_ value: Int8) { text.writer.put("\(value)") }
  func encode(_ value: Int16) { text.writer.put("\(value)") }
  func encode(_ value: Int32) { text.writer.put("\(value)") }
  func encode(_ value: Int64) { text.writer.put("\(value)") }
  func encode(_ value: UInt) { text.writer.put("\(value)") }
  func encode(_ value: UInt8) { text.writer.put("\(value)") }
  func encode(_ value: UInt16) { text.writer.put("\(value)") }
  func encode(_ value: UInt32) { text.writer.put("\(value)") }
  func encode(_ value: UInt64) { text.writer.put("\(value)") }
  func encode(_ value: some Encodable) throws { try value.encode(to: self) }

  func encode(_ value: Double) throws {
    guard value.isFinite else {
      throw EncodingError.invalidValue(
        value, .init(codingPath: [], debugDescription: "JSON has no \(value)"))
    }
    // 5.0 is a whole number to whoever wants one.
    text.writer.put(Int64(exactly: value).map { "\($0)" } ?? "\(value)")
  }
}

private struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let text: EncodedText
  let depth: Int
  var codingPath: [any CodingKey] { [] }

  private func place(_ name: String) -> ValueEncoder {
    text.next(name, at: depth)
    return ValueEncoder(text: text, depth: depth)
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
    text.next(key.stringValue, at: depth)
    try text.write(value)
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
  let text: EncodedText
  let depth: Int
  private(set) var count = 0
  var codingPath: [any CodingKey] { [] }

  init(text: EncodedText, depth: Int) {
    self.text = text
    self.depth = depth
  }

  private mutating func place() -> ValueEncoder {
    text.next(at: depth)
    count += 1
    return ValueEncoder(text: text, depth: depth)
  }

  mutating func encodeNil() { place().encodeNil() }

  mutating func encode(_ value: some Encodable) throws {
    text.next(at: depth)
    count += 1
    try text.write(value)
  }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) -> KeyedEncodingContainer<Nested> { place().container(keyedBy: type) }

  mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    place().unkeyedContainer()
  }

  mutating func superEncoder() -> any Encoder { place() }
}
