/// A property of the specification that may be absent, and then is as if it said nothing: an empty
/// list, `false`, an object without properties.
///
/// It is absent again when it is written: what is printed is what was said.
@propertyWrapper
public struct Defaulted<Value: SaysNothing>: Hashable, Decodable {
  public var wrappedValue: Value

  public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }

  public init(from decoder: any Decoder) throws {
    wrappedValue = try decoder.singleValueContainer().decode(Value.self)
  }
}

extension Defaulted: Sendable where Value: Sendable {}

/// A value that has a way of saying nothing.
public protocol SaysNothing: Hashable, Decodable {
  static var nothing: Self { get }
}

extension SaysNothing {
  /// What it says; `nil` where that is nothing.
  var said: Self? { self == .nothing ? nil : self }
}

extension Array: SaysNothing where Element: Hashable & Decodable {
  public static var nothing: [Element] { [] }
}

extension Dictionary: SaysNothing where Key == String, Value: Hashable & Decodable {
  public static var nothing: [String: Value] { [:] }
}

extension Bool: SaysNothing {
  public static var nothing: Bool { false }
}

extension UInt32: SaysNothing {
  public static var nothing: UInt32 { 0 }
}

// What the compiler writes for a Decodable type calls this in place of the general one.

extension KeyedDecodingContainer {
  func decode<Value>(_: Defaulted<Value>.Type, forKey key: Key) throws -> Defaulted<Value> {
    Defaulted(wrappedValue: try decodeIfPresent(Value.self, forKey: key) ?? .nothing)
  }
}
