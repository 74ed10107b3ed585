import Linux
import SystemPackage

/// A terminal's second screen, on which something is shown anew and anew. What was there before comes
/// back with the end of the owner. Source: console_codes(4), xterm's ctlseqs.
struct Screen: ~Copyable {
  private init() {
    // The second screen, no cursor, long lines cut.
    Self.write("\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l")
  }

  /// - Returns: `nil` where the standard output is no terminal.
  static func open() -> Screen? { isTerminal(.standardOutput) ? Screen() : nil }

  deinit { Self.write("\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l") }

  /// Shows as much of a text as there is room for.
  func show(_ text: String) {
    let rows = TerminalSize(of: .standardOutput).map { Int($0.rows) } ?? 0
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    let visible = rows > 0 ? lines.prefix(rows) : lines[...]
    // To the top, each line to its end, then all that is below.
    Self.write("\u{1b}[H" + visible.joined(separator: "\u{1b}[K\n") + "\u{1b}[K\u{1b}[J")
  }

  private static func write(_ text: String) {
    // The terminal may have gone; then a signal says so.
    try? FileDescriptor.standardOutput.writeEverything(Array(text.utf8))
  }
}
