/// A type whose values are JSON objects, and which says itself how each member is written.
///
/// What the compiler writes for `Encodable` has the runtime put together generic types for each such
/// type, and find its way through their witnesses for each member; that was a third of a start.
public protocol JSONWritable: Encodable {
  /// Adds each member. They may come in any order; that of their names costs least.
  func writeMembers(to json: inout JSONWriter)
}

extension JSONWritable {
  /// As part of a value that is `Encodable` only.
  ///
  /// - Throws: `EncodingError` for an encoder that is not ``JSON``'s.
  public func encode(to encoder: any Encoder) throws {
    guard let place = encoder as? ValueEncoder else {
      throw EncodingError.invalidValue(
        self, .init(codingPath: [], debugDescription: "it can be written as JSON only"))
    }
    place.open(isList: false)
    writeMembers(to: &place.text.writer)
  }
}

// What these add is absent where it is `nil`. Those that are generic are compiled where they are used, for the
// type that is meant there.
extension JSONWriter {
  public mutating func add(_ name: String, _ value: String?) {
    guard let value else { return }
    next(name)
    put(text: value)
  }

  public mutating func add(_ name: String, _ value: Bool?) {
    guard let value else { return }
    next(name)
    put(value ? "true" : "false")
  }

  @inlinable public mutating func add<Number: FixedWidthInteger>(_ name: String, _ value: Number?) {
    guard let value else { return }
    next(name)
    put(value.description)
  }

  @inlinable public mutating func add<Value: JSONWritable>(_ name: String, _ value: Value?) {
    guard let value else { return }
    add(name) { value.writeMembers(to: &$0) }
  }

  /// Adds an object, whose members come from `body`.
  @inlinable public mutating func add(_ name: String, _ body: (inout JSONWriter) -> Void) {
    next(name)
    begin(isList: false)
    body(&self)
    end()
  }

  public mutating func add(_ name: String, _ list: [String]?) {
    guard let list else { return }
    next(name)
    begin(isList: true)
    for value in list {
      next()
      put(text: value)
    }
    end()
  }

  @inlinable public mutating func add<Number: FixedWidthInteger>(_ name: String, _ list: [Number]?)
  {
    guard let list else { return }
    next(name)
    begin(isList: true)
    for value in list {
      next()
      put(value.description)
    }
    end()
  }

  @inlinable public mutating func add<Value: JSONWritable>(_ name: String, _ list: [Value]?) {
    guard let list else { return }
    next(name)
    begin(isList: true)
    for value in list {
      next()
      begin(isList: false)
      value.writeMembers(to: &self)
      end()
    }
    end()
  }

  public mutating func add(_ name: String, _ table: [String: String]?) {
    guard let table else { return }
    add(name) { for (name, value) in table { $0.add(name, value) } }
  }

  @inlinable public mutating func add<Value: JSONWritable>(
    _ name: String, _ table: [String: Value]?
  ) {
    guard let table else { return }
    add(name) { for (name, value) in table { $0.add(name, value) } }
  }
}
