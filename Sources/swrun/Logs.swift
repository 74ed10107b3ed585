import ArgumentParser
import Linux
import Supervisor
import SystemPackage

struct Logs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", _superCommandName: "swrun",
    abstract: "Print what a detached instance has written.",
    discussion: """
      What it wrote to its standard error goes to the standard error. A time is 2026-01-31T12:00:00Z \
      or a beginning of it, seconds since 1970, or how long ago it was, such as 10m or 1h30m.

        swrun logs -f --tail 10 web
        swrun logs -t --since 10m web
      """)

  @Flag(name: [.customShort("f"), .customLong("follow")], help: "Go on until the instance ends.")
  var follow = false

  @Option(
    name: [.customShort("n"), .customLong("tail")],
    help: ArgumentHelp("Only the last lines, or all.", valueName: "lines"))
  var tail = "all"

  @Option(
    name: .customLong("since"),
    help: ArgumentHelp("Only what was written since then.", valueName: "time"))
  var since: String?

  @Option(
    name: .customLong("until"),
    help: ArgumentHelp("Only what was written until then.", valueName: "time"))
  var until: String?

  @Flag(name: [.customShort("t"), .customLong("timestamps")], help: "Each line's time before it.")
  var timestamps = false

  @OptionGroup var state: StateOptions

  @Argument(help: "A name, or the beginning of an id.")
  var instance: String

  mutating func run() throws {
    let count = try lineCount()
    let now = Timestamp.now
    let store = try state.store()
    var reader = try LogReader(store, try store.resolve(instance)) { printError($0) }
    reader.since = try since.map { text throws in
      try Timestamp(asked: text, by: "--since", now: now)
    }
    reader.until = try until.map { text throws in
      try Timestamp(asked: text, by: "--until", now: now)
    }
    var output = Output(timestamps: timestamps)
    try reader.read(last: count) { try output.write($0) }
    try output.flush()
    if follow { try reader.follow({ try output.write($0) }, caughtUp: { try output.flush() }) }
  }

  /// `nil` for all.
  private func lineCount() throws -> Int? {
    if tail == "all" { return nil }
    guard let count = Int(tail) else {
      throw ValidationError("--tail \(tail.debugDescription): it is a number of lines, or all")
    }
    // As with Docker.
    return count < 0 ? nil : count
  }

  /// Gathers lines, and keeps those of both streams in their order.
  private struct Output {
    let timestamps: Bool
    private var bytes: [UInt8] = []
    private var stream = LogStream.output

    init(timestamps: Bool) { self.timestamps = timestamps }

    mutating func write(_ line: LogLine) throws {
      if line.stream != stream { try flush() }
      stream = line.stream
      if timestamps {
        bytes += line.time.text.utf8
        bytes.append(0x20)
      }
      bytes += line.text
      if bytes.count >= 64 << 10 { try flush() }
    }

    mutating func flush() throws {
      let target: FileDescriptor = stream == .errors ? .standardError : .standardOutput
      try target.writeEverything(bytes)
      bytes.removeAll(keepingCapacity: true)
    }
  }
}
