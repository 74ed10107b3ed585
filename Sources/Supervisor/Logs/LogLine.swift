/// One entry of an instance's log: a line, or a part of one that was too long.
public struct LogLine: Hashable, Sendable {
  /// As it was written, with its line feed where there was one.
  public let text: [UInt8]
  public let stream: LogStream
  public let time: Timestamp

  /// A line of a file; `nil` for what is no entry of the driver's.
  init?(_ line: ArraySlice<UInt8>, _ driver: LogOptions.Driver) {
    guard let parsed = driver == .plain ? Self.plain(line) : Self.json(line) else { return nil }
    self = parsed
  }

  private init(text: [UInt8], stream: LogStream, time: Timestamp) {
    self.text = text
    self.stream = stream
    self.time = time
  }

  /// `2026-11-25T03:16:53.000000001Z stdout F …`
  private static func plain(_ line: ArraySlice<UInt8>) -> LogLine? {
    let fields = line.split(separator: 0x20, maxSplits: 3, omittingEmptySubsequences: false)
    guard fields.count == 4, let time = moment(fields[0]), let stream = stream(fields[1]) else {
      return nil
    }
    switch fields[2] {
    case [UInt8(ascii: "F")]: return LogLine(text: fields[3] + [0x0a], stream: stream, time: time)
    case [UInt8(ascii: "P")]: return LogLine(text: Array(fields[3]), stream: stream, time: time)
    default: return nil
    }
  }

  private static func moment(_ bytes: ArraySlice<UInt8>) -> Timestamp? {
    Timestamp(String(decoding: bytes, as: UTF8.self))
  }

  private static func stream(_ bytes: ArraySlice<UInt8>) -> LogStream? {
    LogStream(rawValue: String(decoding: bytes, as: UTF8.self))
  }

  /// The members in the order in which they are written, which takes no parser.
  private static func json(_ line: ArraySlice<UInt8>) -> LogLine? {
    var rest = line
    func take(_ text: StaticString) -> Bool {
      let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
      guard rest.starts(with: wanted) else { return false }
      rest.removeFirst(wanted.count)
      return true
    }
    /// What is before the closing quotation mark.
    func plainText() -> ArraySlice<UInt8> {
      let end = rest.firstIndex(of: UInt8(ascii: "\"")) ?? rest.endIndex
      defer { rest = rest[end...] }
      return rest[..<end]
    }
    guard take(#"{"log":""#), let text = unescape(&rest), take(#"","stream":""#),
      let stream = stream(plainText()), take(#"","time":""#), let time = moment(plainText()),
      take(#""}"#), rest.isEmpty
    else { return nil }
    return LogLine(text: text, stream: stream, time: time)
  }

  /// The text of a JSON string up to its closing quotation mark, which stays.
  private static func unescape(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    var text: [UInt8] = []
    text.reserveCapacity(rest.count)
    while let byte = rest.first, byte != UInt8(ascii: "\"") {
      rest.removeFirst()
      guard byte == UInt8(ascii: "\\") else {
        if byte < 0x20 { return nil }
        text.append(byte)
        continue
      }
      guard let kind = rest.popFirst() else { return nil }
      switch kind {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(kind)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0c)
      case UInt8(ascii: "n"): text.append(0x0a)
      case UInt8(ascii: "r"): text.append(0x0d)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"):
        guard let scalar = scalar(&rest) else { return nil }
        text += String(scalar).utf8
      default: return nil
      }
    }
    return text
  }

  /// What follows `\u`, with the second half of a pair of surrogates.
  private static func scalar(_ rest: inout ArraySlice<UInt8>) -> Unicode.Scalar? {
    func unit() -> UInt32? {
      let digits = rest.prefix(4)
      rest = rest.dropFirst(4)
      guard digits.count == 4, !digits.contains(UInt8(ascii: "+")) else { return nil }
      return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }
    guard let first = unit() else { return nil }
    guard (0xd800..<0xdc00).contains(first) else { return Unicode.Scalar(first) }
    guard rest.prefix(2) == [UInt8(ascii: "\\"), UInt8(ascii: "u")] else { return nil }
    rest = rest.dropFirst(2)
    guard let second = unit(), (0xdc00..<0xe000).contains(second) else { return nil }
    return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
  }
}
