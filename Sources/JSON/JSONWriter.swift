/// Writes JSON text, member by member.
///
/// A start writes a few hundred members. So nothing here is generic once it is compiled, nor reached
/// through a class: each ``JSONWritable`` type calls the function that its member needs.
public struct JSONWriter {
  @usableFromInline private(set) var bytes: [UInt8] = []
  private let isIndented: Bool
  private var open: [Level] = []

  /// A list or an object that is being written.
  private struct Level {
    /// An object's names, with where each one's text begins; `nil` for a list.
    var members: [(name: String, start: Int)]?
    var isEmpty = true
    /// Whether the names have come in order so far.
    var isSorted = true
  }

  @usableFromInline init(isIndented: Bool) { self.isIndented = isIndented }

  /// How many lists and objects are open.
  var depth: Int { open.count }

  @usableFromInline mutating func begin(isList: Bool) {
    bytes.append(UInt8(ascii: isList ? "[" : "{"))
    open.append(Level(members: isList ? nil : []))
  }

  /// Ends the list or object that was begun last.
  @usableFromInline mutating func end() {
    let level = open.removeLast()
    if let members = level.members, !level.isSorted { sort(members) }
    if isIndented, !level.isEmpty { breakLine() }
    bytes.append(UInt8(ascii: level.members == nil ? "]" : "}"))
  }

  /// Makes room for the next element of the list that was begun last.
  @usableFromInline mutating func next() { _ = separate(open.count - 1) }

  /// Makes room for the next member of the object that was begun last.
  @usableFromInline mutating func next(_ name: String) {
    let last = open.count - 1
    let start = separate(last)
    if let former = open[last].members?.last, former.name > name { open[last].isSorted = false }
    open[last].members?.append((name, start))
    put(text: name)
    put(isIndented ? ": " : ":")
  }

  /// - Returns: where the text of what follows begins.
  private mutating func separate(_ last: Int) -> Int {
    if !open[last].isEmpty { bytes.append(UInt8(ascii: ",")) }
    open[last].isEmpty = false
    let start = bytes.count
    if isIndented { breakLine() }
    return start
  }

  /// Puts an object's members in order, so that the same value has the same text: dictionaries have
  /// none of their own.
  private mutating func sort(_ members: [(name: String, start: Int)]) {
    let ends = members.dropFirst().map { $0.start - 1 } + [bytes.count]
    let texts = zip(members, ends).map { (name: $0.name, text: bytes[$0.start..<$1]) }
      .sorted { $0.name < $1.name }.map(\.text)
    bytes.replaceSubrange(
      members[0].start..., with: Array(texts.joined(separator: [UInt8(ascii: ",")])))
  }

  private mutating func breakLine() {
    bytes.append(0x0a)
    for _ in 0..<open.count { put("  ") }
  }

  @usableFromInline mutating func put(_ word: String) { bytes += word.utf8 }

  @usableFromInline mutating func put(text: String) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { text in
      // Most need no escapes, and are taken as they are.
      if text.contains(where: Self.needsEscape) {
        for byte in text { put(escaping: byte) }
      } else {
        bytes += text
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func needsEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private mutating func put(escaping byte: UInt8) {
    guard Self.needsEscape(byte) else { return bytes.append(byte) }
    switch byte {
    case UInt8(ascii: "\""): put("\\\"")
    case UInt8(ascii: "\\"): put("\\\\")
    case 0x0a: put("\\n")
    case 0x0d: put("\\r")
    case 0x09: put("\\t")
    default: put((byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16))
    }
  }
}
