import Linux
import SystemPackage

/// Writes one line to the standard error, whatever the text from outside holds.
func printError(_ text: String) {
  let line = text.map { $0.isNewline ? " " : $0 }
  // Nobody may listen; there is nowhere else to say it.
  try? FileDescriptor.standardError.writeEverything(Array("swrun: \(String(line))\n".utf8))
}
