import JSON

/// Prints a value as JSON with its keys in order, for people and scripts.
func printJSON(_ value: some Encodable) throws {
  print(String(decoding: try JSON.text(value, indented: true), as: UTF8.self))
}
