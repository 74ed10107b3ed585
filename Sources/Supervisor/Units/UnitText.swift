/// How values are written in systemd's unit files, systemd.syntax(7) and systemd.service(5).
enum UnitText {
  /// A word of a command line whose program has `:` before it, which keeps `$` as it is. What means
  /// something in it is escaped, and it is in quotes unless it is plain.
  static func word(_ text: String) -> String {
    var escaped = ""
    var isPlain = !text.isEmpty
    for scalar in text.unicodeScalars {
      switch scalar {
      case "%": escaped += "%%"
      case "\\", "\"":
        escaped += "\\\(scalar)"
        isPlain = false
      case "\n":
        escaped += "\\n"
        isPlain = false
      case "\t":
        escaped += "\\t"
        isPlain = false
      case _ where scalar.value < 0x20 || scalar.value == 0x7f:
        let digits = String(scalar.value, radix: 16)
        escaped += "\\x\(digits.count < 2 ? "0" : "")\(digits)"
        isPlain = false
      default:
        escaped.unicodeScalars.append(scalar)
        if !isPlainScalar(scalar) { isPlain = false }
      }
    }
    return isPlain ? escaped : "\"\(escaped)\""
  }

  private static func isPlainScalar(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".", ",", "/", ":", "=", "+", "@": true
    default: false
    }
  }

  /// A command line.
  static func command(_ words: [String]) -> String {
    ":" + words.map(word).joined(separator: " ")
  }

  /// The value of a setting that is a path: quotes mean nothing there, `%` does.
  ///
  /// - Throws: for a path that no line can hold.
  static func path(_ text: String, _ what: String) throws(SupervisorError) -> String {
    guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }),
      !text.hasSuffix("\\"), !text.hasSuffix(" ")
    else {
      throw SupervisorError("\(what) \(text.debugDescription) cannot be written in a unit file")
    }
    return text.replacing("%", with: "%%")
  }
}
