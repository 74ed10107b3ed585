/// Decodes a type from JSON and names everything that is wrong in it, each with its path, where
/// `JSONDecoder` stops at the first: also what the type has no property for, which would be ignored
/// otherwise.
///
/// What is wrong below an optional property leaves that property `nil` and the rest goes on; the
/// value that comes out is whole only if there was no fault.
final class FaultDecoder {
  private var faults: [Fault] = []
  private let isStrict: Bool

  private init(isStrict: Bool) { self.isStrict = isStrict }

  /// - Parameter strict: what the type has no property for is a fault.
  /// - Throws: everything that is wrong.
  static func decode<Value: Decodable>(
    _: Value.Type, from json: JSONValue, strict: Bool
  ) throws(FaultList) -> Value {
    let decoder = FaultDecoder(isStrict: strict)
    // With its type: else an optional value would be decoded, by way of a place of its own.
    let value = try? decoder.value(json, .whole) as Value
    guard let value, decoder.faults.isEmpty else { throw FaultList(faults: decoder.faults) }
    return value
  }

  /// What travels up to the next optional property once a fault is written down.
  private struct Noted: Error {}

  private func note(_ path: Path, _ reason: String) -> Noted {
    faults.append(Fault(path.text, reason))
    return Noted()
  }

  /// - Parameter path: where it stands; put together only for what is wrong.
  private func take<Value>(
    _ scalar: Scalar<Value>, _ path: @autoclosure () -> Path
  ) throws -> Value {
    switch scalar {
    case .value(let value): return value
    case .fault(let reason): throw note(path(), reason)
    }
  }

  private func value<Value: Decodable>(_ json: JSONValue, _ path: Path) throws -> Value {
    // The kind that there is most of.
    if Value.self == String.self, let text = try take(Scalar.string(json), path) as? Value {
      return text
    }
    let place = Place(decoder: self, json: json, path: path)
    do {
      return try Value(from: place)
    } catch let noted as Noted {
      throw noted
    } catch let error as DecodingError {
      throw note(path, Self.reason(error, json))
    } catch {
      throw note(path, "is wrong: \(error)")
    }
  }

  /// Where a value stands. Its text is put together only for what is wrong.
  private enum Path {
    case whole
    case member(Place, String)
    case element(Place, Int)

    var text: String {
      switch self {
      case .whole: return ""
      case .element(let list, let index): return "\(list.path.text)[\(index)]"
      case .member(let object, let name):
        // A name may hold anything, line ends too.
        let isPlain =
          !name.isEmpty && name.utf8.count < 100
          && name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        let shown = isPlain ? name : String(name.prefix(100)).debugDescription
        let path = object.path.text
        return path.isEmpty ? shown : "\(path).\(shown)"
      }
    }
  }

  /// An enum's unknown case comes here: what the compiler writes for it knows no better words.
  private static func reason(_ error: DecodingError, _ json: JSONValue) -> String {
    if case .dataCorrupted(let context) = error {
      if case .string(let text) = json { return "has the unknown value \(text.debugDescription)" }
      return "is wrong: \(context.debugDescription)"
    }
    return "is of the wrong type"
  }

  /// One place of the document.
  private final class Place: Decoder {
    let decoder: FaultDecoder
    let json: JSONValue
    let path: Path
    /// Whether what the type has no property for has been looked at.
    private var isCompared = false
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(decoder: FaultDecoder, json: JSONValue, path: Path) {
      self.decoder = decoder
      self.json = json
      self.path = path
    }

    func mismatch(_ wanted: String) -> Noted {
      decoder.note(path, json.isNot(wanted))
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
      guard case .object(let members) = json else { throw mismatch("an object") }
      if decoder.isStrict, !isCompared {
        isCompared = true
        for name in members.names.sorted() where Key(stringValue: name) == nil {
          _ = decoder.note(member(name), "is not a property that swrun knows; take it out")
        }
      }
      return KeyedDecodingContainer(Members<Key>(place: self, members: members))
    }

    func member(_ name: String) -> Path { .member(self, name) }

    // Here and not among the members, which are generic: so the compiler makes one of each that knows its
    // types.

    func scalar<Value>(
      _ members: JSONObject, _ name: String, _ read: (JSONValue) -> Scalar<Value>
    ) throws -> Value {
      guard let json = members[name] else { throw decoder.note(member(name), "is missing") }
      return try decoder.take(read(json), member(name))
    }

    func presentScalar<Value>(
      _ members: JSONObject, _ name: String, _ read: (JSONValue) -> Scalar<Value>
    ) -> Value? {
      guard let json = members[name] else { return nil }
      if case .null = json { return nil }
      return try? decoder.take(read(json), member(name))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
      guard case .array(let elements) = json else { throw mismatch("a list") }
      return Elements(place: self, elements: elements)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { Single(place: self) }
  }

  private struct Members<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let place: Place
    let members: JSONObject
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { members.names.sorted().compactMap(Key.init(stringValue:)) }

    func contains(_ key: Key) -> Bool { members[key.stringValue] != nil }

    func decodeNil(forKey key: Key) throws -> Bool {
      if case .null? = members[key.stringValue] { return true }
      return false
    }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
      let path = place.member(key.stringValue)
      guard let json = members[key.stringValue] else {
        throw place.decoder.note(path, "is missing")
      }
      return try place.decoder.value(json, path)
    }

    /// A fault below is written down; the properties beside it are still looked at.
    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
      try present(type, key)
    }

    // The protocol has a requirement for each of these, which the general one does not meet, or meets
    // by way of a place of its own.

    func decode(_: Bool.Type, forKey key: Key) throws -> Bool {
      try place.scalar(members, key.stringValue, Scalar.bool)
    }
    func decode(_: String.Type, forKey key: Key) throws -> String {
      try place.scalar(members, key.stringValue, Scalar.string)
    }
    func decode(_: Int.Type, forKey key: Key) throws -> Int {
      try place.scalar(members, key.stringValue, Scalar.integer)
    }
    func decode(_: Int32.Type, forKey key: Key) throws -> Int32 {
      try place.scalar(members, key.stringValue, Scalar.integer)
    }
    func decode(_: Int64.Type, forKey key: Key) throws -> Int64 {
      try place.scalar(members, key.stringValue, Scalar.integer)
    }
    func decode(_: UInt16.Type, forKey key: Key) throws -> UInt16 {
      try place.scalar(members, key.stringValue, Scalar.integer)
    }
    func decode(_: UInt32.Type, forKey key: Key) throws -> UInt32 {
      try place.scalar(members, key.stringValue, Scalar.integer)
    }
    func decode(_: UInt64.Type, forKey key: Key) throws -> UInt64 {
      try place.scalar(members, key.stringValue, Scalar.integer)
    }

    func decodeIfPresent(_: Bool.Type, forKey key: Key) throws -> Bool? {
      place.presentScalar(members, key.stringValue, Scalar.bool)
    }
    func decodeIfPresent(_: String.Type, forKey key: Key) throws -> String? {
      place.presentScalar(members, key.stringValue, Scalar.string)
    }
    func decodeIfPresent(_: Int.Type, forKey key: Key) throws -> Int? {
      place.presentScalar(members, key.stringValue, Scalar.integer)
    }
    func decodeIfPresent(_: Int32.Type, forKey key: Key) throws -> Int32? {
      place.presentScalar(members, key.stringValue, Scalar.integer)
    }
    func decodeIfPresent(_: Int64.Type, forKey key: Key) throws -> Int64? {
      place.presentScalar(members, key.stringValue, Scalar.integer)
    }
    func decodeIfPresent(_: UInt16.Type, forKey key: Key) throws -> UInt16? {
      place.presentScalar(members, key.stringValue, Scalar.integer)
    }
    func decodeIfPresent(_: UInt32.Type, forKey key: Key) throws -> UInt32? {
      place.presentScalar(members, key.stringValue, Scalar.integer)
    }
    func decodeIfPresent(_: UInt64.Type, forKey key: Key) throws -> UInt64? {
      place.presentScalar(members, key.stringValue, Scalar.integer)
    }

    private func present<Value: Decodable>(_ type: Value.Type, _ key: Key) throws -> Value? {
      guard let json = members[key.stringValue] else { return nil }
      if case .null = json { return nil }
      return try? place.decoder.value(json, place.member(key.stringValue)) as Value
    }

    func nestedContainer<Nested: CodingKey>(
      keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
      try superDecoder(forKey: key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
      try superDecoder(forKey: key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { place }

    func superDecoder(forKey key: Key) throws -> any Decoder {
      Place(
        decoder: place.decoder, json: members[key.stringValue] ?? .null,
        path: place.member(key.stringValue))
    }
  }

  private struct Elements: UnkeyedDecodingContainer {
    let place: Place
    let elements: [JSONValue]
    var currentIndex = 0
    var codingPath: [any CodingKey] { [] }
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex >= elements.count }

    init(place: Place, elements: [JSONValue]) {
      self.place = place
      self.elements = elements
    }

    private mutating func next() throws -> (JSONValue, Path) {
      guard !isAtEnd else { throw place.mismatch("a longer list") }
      defer { currentIndex += 1 }
      return (elements[currentIndex], .element(place, currentIndex))
    }

    mutating func decodeNil() throws -> Bool {
      guard !isAtEnd, case .null = elements[currentIndex] else { return false }
      currentIndex += 1
      return true
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
      let (json, path) = try next()
      return try place.decoder.value(json, path)
    }

    mutating func nestedContainer<Nested: CodingKey>(
      keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> { try superDecoder().container(keyedBy: type) }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
      try superDecoder().unkeyedContainer()
    }

    mutating func superDecoder() throws -> any Decoder {
      let (json, path) = try next()
      return Place(decoder: place.decoder, json: json, path: path)
    }
  }

  private struct Single: SingleValueDecodingContainer {
    let place: Place
    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool {
      if case .null = place.json { return true }
      return false
    }

    func decode(_: Bool.Type) throws -> Bool { try read(Scalar.bool) }
    func decode(_: String.Type) throws -> String { try read(Scalar.string) }

    func decode(_: Double.Type) throws -> Double {
      switch place.json {
      case .integer(let number): return Double(number)
      case .unsigned(let number): return Double(number)
      case .fraction(let number): return number
      default: throw place.mismatch("a number")
      }
    }

    func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }
    func decode(_ type: Int.Type) throws -> Int { try read(Scalar.integer) }
    func decode(_ type: Int8.Type) throws -> Int8 { try read(Scalar.integer) }
    func decode(_ type: Int16.Type) throws -> Int16 { try read(Scalar.integer) }
    func decode(_ type: Int32.Type) throws -> Int32 { try read(Scalar.integer) }
    func decode(_ type: Int64.Type) throws -> Int64 { try read(Scalar.integer) }
    func decode(_ type: UInt.Type) throws -> UInt { try read(Scalar.integer) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try read(Scalar.integer) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try read(Scalar.integer) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try read(Scalar.integer) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try read(Scalar.integer) }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try Value(from: place) }

    private func read<Value>(_ read: (JSONValue) -> Scalar<Value>) throws -> Value {
      try place.decoder.take(read(place.json), place.path)
    }
  }
}

/// A value without parts, or why it is none.
private enum Scalar<Value> {
  case value(Value)
  case fault(String)

  static func bool(_ json: JSONValue) -> Scalar where Value == Bool {
    guard case .bool(let flag) = json else { return .wrong("true or false", json) }
    return .value(flag)
  }

  static func string(_ json: JSONValue) -> Scalar where Value == String {
    guard case .string(let text) = json else { return .wrong("a string", json) }
    return .value(text)
  }

  static func integer(_ json: JSONValue) -> Scalar where Value: FixedWidthInteger {
    let number: Value?
    switch json {
    case .integer(let whole): number = Value(exactly: whole)
    case .unsigned(let whole): number = Value(exactly: whole)
    case .fraction(let fraction): number = Value(exactly: fraction)
    default: return .wrong("a whole number", json)
    }
    guard let number else {
      return .fault("has to be a whole number from \(Value.min) to \(Value.max)")
    }
    return .value(number)
  }

  private static func wrong(_ wanted: String, _ json: JSONValue) -> Scalar {
    .fault(json.isNot(wanted))
  }
}

/// Everything that is wrong in a document.
public struct FaultList: Error, Hashable, Sendable, CustomStringConvertible {
  public let faults: [Fault]

  public init(faults: [Fault]) { self.faults = faults }

  /// The first, and how many more there are.
  public var description: String {
    let more = faults.count > 1 ? " (and \(faults.count - 1) more)" : ""
    return faults.first.map { "\($0)\(more)" } ?? "it is wrong"
  }
}
