/// JSON, RFC 8259, from and to `Codable` and ``JSONWritable`` types.
///
/// FoundationEssentials has this too; reading one state and writing another with it took a third of a
/// start, and its conformances make every look-up of the Swift runtime dearer (README, "Where the
/// time goes"). It also stops at the first thing that is wrong, and does not say where.
public enum JSON {
  /// The text of a value in UTF-8, with the members of each object in order.
  ///
  /// - Parameter indented: for people, in lines; else in as few bytes as it takes.
  /// - Throws: `EncodingError` for a number that JSON has not, and what the type itself throws.
  public static func text(_ value: some Encodable, indented: Bool = false) throws -> [UInt8] {
    let text = EncodedText(isIndented: indented)
    try text.write(value)
    return text.writer.bytes
  }

  /// The same of a value that writes itself.
  @inlinable public static func text(_ value: some JSONWritable, indented: Bool = false) -> [UInt8]
  {
    var writer = JSONWriter(isIndented: indented)
    writer.begin(isList: false)
    value.writeMembers(to: &writer)
    writer.end()
    return writer.bytes
  }

  /// Reads a value.
  ///
  /// - Parameters:
  ///   - strict: what the type has no property for is a fault, not ignored.
  ///   - names: the members that the type has, where it is quicker to go past all others; `nil`: any.
  /// - Throws: everything that is wrong.
  public static func value<Value: Decodable>(
    _ type: Value.Type, from text: some Sequence<UInt8>, strict: Bool = false,
    only names: [String]? = nil
  ) throws(FaultList) -> Value {
    let json: JSONValue
    do { json = try JSONValue(parsing: Array(text), only: names) } catch {
      throw FaultList(faults: [error])
    }
    return try FaultDecoder.decode(type, from: json, strict: strict)
  }
}
