/// A property of the specification that may be absent, and then is as if it said nothing: an empty
/// list, `false`, an object without properties.
///
/// It is absent again when it is written: what is printed is what was said.
@propertyWrapper
public struct Defaulted<Value: SaysNothing>: Hashable, Codable {
  public var wrappedValue: Value

  public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }

  public init(from decoder: any Decoder) throws {
    wrappedValue = try decoder.singleValueContainer().decode(Value.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(wrappedValue)
  }
}

extension Defaulted: Sendable where Value: Sendable {}

/// A value that has a way of saying nothing.
public protocol SaysNothing: Hashable, Codable {
  static var nothing: Self { get }
}

extension Array: SaysNothing where Element: Hashable & Codable {
  public static var nothing: [Element] { [] }
}

extension Dictionary: SaysNothing where Key == String, Value: Hashable & Codable {
  public static var nothing: [String: Value] { [:] }
}

extension Bool: SaysNothing {
  public static var nothing: Bool { false }
}

extension UInt32: SaysNothing {
  public static var nothing: UInt32 { 0 }
}

// What the compiler writes for a Codable type calls these in place of the general ones.

extension KeyedDecodingContainer {
  func decode<Value>(_: Defaulted<Value>.Type, forKey key: Key) throws -> Defaulted<Value> {
    Defaulted(wrappedValue: try decodeIfPresent(Value.self, forKey: key) ?? .nothing)
  }
}

extension KeyedEncodingContainer {
  mutating func encode<Value>(_ value: Defaulted<Value>, forKey key: Key) throws {
    guard value.wrappedValue != .nothing else { return }
    try encode(value.wrappedValue, forKey: key)
  }
}
