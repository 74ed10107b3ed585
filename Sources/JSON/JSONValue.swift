/// Any JSON, RFC 8259.
enum JSONValue: Hashable {
  case null
  case bool(Bool)
  case integer(Int64)
  /// One beyond `Int64`.
  case unsigned(UInt64)
  case fraction(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  /// What it is called in an error.
  var kind: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .integer, .unsigned, .fraction: "a number"
    case .string: "a string"
    case .array: "a list"
    case .object: "an object"
    }
  }

  func isNot(_ wanted: String) -> String { "has to be \(wanted), not \(kind)" }
}

/// The members of an object, in the text's order.
///
/// Most objects have a handful, which are found faster one by one than by their hashes.
struct JSONObject: Hashable, ExpressibleByDictionaryLiteral {
  private struct Member: Hashable {
    let name: String
    let mark: UInt64
    let value: JSONValue
  }

  private var members: [Member] = []
  /// Where each name is, once there are many.
  private var places: [String: Int] = [:]
  private static let few = 32

  init(dictionaryLiteral elements: (String, JSONValue)...) {
    for (name, value) in elements { add(name, value) }
  }

  var names: [String] { members.map(\.name) }

  subscript(name: String) -> JSONValue? {
    place(of: name, Self.mark(name)).map { members[$0].value }
  }

  /// - Returns: false where there is one of that name already.
  @discardableResult
  mutating func add(_ name: String, _ value: JSONValue) -> Bool {
    let mark = Self.mark(name)
    guard place(of: name, mark) == nil else { return false }
    if members.isEmpty { members.reserveCapacity(8) }
    members.append(Member(name: name, mark: mark, value: value))
    if members.count > Self.few {
      if places.isEmpty {
        for (place, member) in members.enumerated() { places[member.name] = place }
      }
      places[name] = members.count - 1
    }
    return true
  }

  private func place(of name: String, _ mark: UInt64) -> Int? {
    members.count > Self.few
      ? places[name] : members.firstIndex { $0.mark == mark && $0.name == name }
  }

  /// Tells most names apart by one comparison: their length, and eight bytes of each end.
  private static func mark(_ name: String) -> UInt64 {
    var name = name
    return name.withUTF8 { text in
      let bytes = UnsafeRawBufferPointer(text)
      let count = UInt64(bytes.count)
      guard bytes.count >= 8 else { return bytes.reduce(count) { $0 << 8 | UInt64($1) } }
      let first = bytes.loadUnaligned(as: UInt64.self)
      let last = bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
      return first ^ last &* 0x9e37_79b9_7f4a_7c15 ^ count
    }
  }
}
