import ArgumentParser
import Linux
import Supervisor

struct Cp: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cp", _superCommandName: "swrun",
    abstract: "Copy files out of a running instance, or into one.",
    usage: """
      swrun cp [-aL] INSTANCE:PATH DEST|-
      swrun cp [-aL] SRC|- INSTANCE:PATH
      """,
    discussion: """
      A directory goes with all that is in it: into DEST where that is a directory, else as DEST; with \
      /. at the end of its path only what is in it is copied. - is a tar archive on the standard output \
      or input. What is copied in belongs to root there, what is copied out to the caller. Devices, pipes \
      and sockets are left out, and programs that are copied out lose their set-id bits. Files that are \
      there are replaced, as are links to them.

        swrun cp web:/var/log/nginx .
        swrun cp index.html web:/srv/
        swrun cp web:/etc - | tar tv
      """)

  @Flag(
    name: [.customShort("a"), .customLong("archive")],
    help: "Keep the numbers of users and groups.")
  var keepsOwners = false

  @Flag(
    name: [.customShort("L"), .customLong("follow-link")],
    help: "Copy what a link leads to, where the source is one.")
  var followsLink = false

  @OptionGroup var state: StateOptions

  @Argument(help: "What is copied.")
  var source: String

  @Argument(help: "Where it goes.")
  var destination: String

  mutating func run() throws {
    let (source, destination) = (Self.given(source), Self.given(destination))
    let (from, to) = (Self.split(source), Self.split(destination))
    let store = try state.store()
    func copy(_ name: String) throws -> InstanceCopy {
      try InstanceCopy(
        store, try store.resolve(name), keepsOwners: keepsOwners, followsLink: followsLink
      ) { printError($0) }
    }
    switch (from, to) {
    case (let from?, nil): try copy(from.instance).copyOut(from.path, to: destination)
    case (nil, let to?): try copy(to.instance).copyIn(source, to: to.path)
    case (nil, nil):
      throw ValidationError("one of the two has to be in an instance: write it as INSTANCE:PATH")
    default:
      throw ValidationError(
        "only one of the two can be in an instance. Copy over the host, or through a pipe: swrun cp \(source.text) - | swrun cp - \(destination.text)"
      )
    }
  }

  /// A word of the command line as it was given: it may be no UTF-8, of which a `String` makes another.
  private static func given(_ text: String) -> FileName {
    guard text.unicodeScalars.contains("\u{fffd}") else { return FileName(text) }
    let words = (0..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0] }
    return words.map { FileName(UnsafePointer($0)) }.first { $0.text == text } ?? FileName(text)
  }

  /// `INSTANCE:PATH`; `nil` for a path of the host's, which may have a colon after `/` or `.`.
  private static func split(_ name: FileName) -> (instance: String, path: FileName)? {
    guard let colon = name.bytes.firstIndex(of: UInt8(ascii: ":")),
      let first = name.bytes.first, !"/.".utf8.contains(first)
    else { return nil }
    let path = FileName(name.bytes[(colon + 1)...])
    return (FileName(name.bytes[..<colon]).text, path.bytes.isEmpty ? FileName("/") : path)
  }
}
