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
  case object([String: JSONValue])

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
}
