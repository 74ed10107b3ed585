import Linux
import SystemPackage

/// Writes one line to the standard error, whatever the text from outside holds.
func printError(_ text: String) {
  // Nor does a terminal obey what it holds.
  let line = text.map { character -> Character in
    let isControl = character.unicodeScalars.contains { $0.properties.generalCategory == .control }
    return character.isNewline || isControl ? " " : character
  }
  // Nobody may listen; there is nowhere else to say it.
  try? FileDescriptor.standardError.writeEverything(Array("swrun: \(String(line))\n".utf8))
}
