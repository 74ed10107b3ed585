import Linux

/// One message between an instance's monitor and who is attached: a letter and what belongs to it.
enum AttachMessage {
  /// To the workload's input.
  case input([UInt8])
  /// The size of the terminal on which it is shown.
  case size(TerminalSize)
  /// For PID 1.
  case signal(Int32)
  /// What the workload has written, to its standard output or error.
  case output([UInt8], isError: Bool)
  /// The instance has ended, with this exit code.
  case end(Int32)

  /// Bytes of input or output in one message.
  static let longest = 16 << 10

  var bytes: [UInt8] {
    switch self {
    case .input(let bytes): [UInt8(ascii: "i")] + bytes
    case .size(let size):
      [UInt8(ascii: "w")] + Self.bytes(size.rows) + Self.bytes(size.columns)
    case .signal(let number): [UInt8(ascii: "s"), UInt8(truncatingIfNeeded: number)]
    case .output(let bytes, let isError): [UInt8(ascii: isError ? "e" : "o")] + bytes
    case .end(let code): [UInt8(ascii: "x"), UInt8(truncatingIfNeeded: code)]
    }
  }

  /// `nil` for what is no message.
  init?(_ message: [UInt8]) {
    let rest = Array(message.dropFirst())
    switch message.first {
    case UInt8(ascii: "i"): self = .input(rest)
    case UInt8(ascii: "w") where rest.count == 4:
      self = .size(
        TerminalSize(
          rows: UInt16(rest[0]) << 8 | UInt16(rest[1]),
          columns: UInt16(rest[2]) << 8 | UInt16(rest[3])))
    case UInt8(ascii: "s") where rest.count == 1 && (1...64).contains(rest[0]):
      self = .signal(Int32(rest[0]))
    case UInt8(ascii: "o"): self = .output(rest, isError: false)
    case UInt8(ascii: "e"): self = .output(rest, isError: true)
    case UInt8(ascii: "x") where rest.count == 1: self = .end(Int32(rest[0]))
    default: return nil
    }
  }

  private static func bytes(_ number: UInt16) -> [UInt8] {
    [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)]
  }
}
