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

  subscript(name: String) -> JSONValue? { place(of: name).map { members[$0].value } }

  /// - Returns: false where there is one of that name already.
  @discardableResult
  mutating func add(_ name: String, _ value: JSONValue) -> Bool {
    guard place(of: name) == nil else { return false }
    members.append(Member(name: name, value: value))
    if members.count > Self.few {
      if places.isEmpty {
        for (place, member) in members.enumerated() { places[member.name] = place }
      }
      places[name] = members.count - 1
    }
    return true
  }

  private func place(of name: String) -> Int? {
    members.count > Self.few ? places[name] : members.firstIndex { $0.name == name }
  }
}
