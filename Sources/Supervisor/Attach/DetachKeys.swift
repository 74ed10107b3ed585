/// The keys that end an attachment and leave the instance alone, found in what is typed.
///
/// They are written as Docker writes them: `ctrl-p,ctrl-q`. Nothing, "", is no key at all.
public struct DetachKeys: Hashable, Sendable {
  /// Docker's.
  public static let standard = "ctrl-p,ctrl-q"

  private let sequence: [UInt8]
  /// The beginning of the sequence, typed already and held back.
  private var held: [UInt8] = []

  /// - Throws: `SupervisorError` for what is no sequence of keys.
  public init(parsing text: String) throws {
    let keys = text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false)
    sequence = try keys.map { key in
      guard let byte = Self.byte(key) else {
        throw SupervisorError(
          "--detach-keys \(text.debugDescription): \(key.debugDescription) is no key. Write a character, or ctrl- and one of a-z @ [ \\ ] ^ _, with commas between them: \(Self.standard)"
        )
      }
      return byte
    }
  }

  private static func byte(_ key: Substring) -> UInt8? {
    if key.hasPrefix("ctrl-"), let value = key.dropFirst(5).first?.asciiValue, key.utf8.count == 6 {
      // The codes below the blank: `@` is 0, `a` is 1, `_` is 31.
      let letter = value >= 0x61 && value <= 0x7a ? value - 0x20 : value
      return (0x40...0x5f).contains(letter) && !(0x41...0x5a).contains(value) ? letter - 0x40 : nil
    }
    guard key.utf8.count == 1, let value = key.utf8.first, value > 0x20, value < 0x7f else {
      return nil
    }
    return value
  }

  /// Takes what was typed.
  ///
  /// - Returns: what of it is for the workload, and whether the sequence is complete; what follows it is
  ///   dropped.
  mutating func take(_ typed: [UInt8]) -> (bytes: [UInt8], isComplete: Bool) {
    guard !sequence.isEmpty else { return (typed, false) }
    var passed: [UInt8] = []
    for byte in typed {
      held.append(byte)
      if held == sequence {
        held = []
        return (passed, true)
      }
      while !sequence.starts(with: held) { passed.append(held.removeFirst()) }
    }
    return (passed, false)
  }
}
