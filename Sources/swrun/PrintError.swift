import Linux
import SystemPackage

/// Writes one line to the standard error, whatever the text from outside holds.
func printError(_ text: String) {
  // Nobody may listen; there is nowhere else to say it.
  try? FileDescriptor.standardError.writeEverything(Array("swrun: \(printable(text))\n".utf8))
}

/// Text on one line, of which a terminal obeys nothing.
func printable(_ text: String) -> String {
  String(
    text.map { character -> Character in
      let isControl = character.unicodeScalars.contains {
        $0.properties.generalCategory == .control
      }
      return character.isNewline || isControl ? " " : character
    })
}
