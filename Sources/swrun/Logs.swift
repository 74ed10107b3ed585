import ArgumentParser
import Glibc
import Linux
import Supervisor
import SystemPackage

struct Logs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", _superCommandName: "swrun",
    abstract: "Print what a detached instance has written.",
    discussion: "What it wrote to its standard error goes to the standard error.")

  @Flag(name: [.customShort("f"), .customLong("follow")], help: "Go on until the instance ends.")
  var follow = false

  @Option(
    name: [.customShort("n"), .customLong("tail")],
    help: ArgumentHelp("Only the last lines.", valueName: "lines"))
  var tail: Int?

  @Flag(name: [.customShort("t"), .customLong("timestamps")], help: "Each line's time before it.")
  var timestamps = false

  @OptionGroup var state: StateOptions

  @Argument(help: "A name, or the beginning of an id.")
  var instance: String

  mutating func run() throws {
    if let tail, tail < 0 {
      throw ValidationError("--tail \(tail): a number of lines is not negative")
    }
    let store = try state.store()
    let state = try store.resolve(instance)
    guard state.detached else {
      throw SupervisorError(
        "\(state.name) was not detached: its output went to the terminal it was started from")
    }
    var reader = try LogReader(store.logPath(state.id))
    let past = try reader.next()
    for line in past.suffix(tail ?? past.count) { try write(line) }
    while follow {
      // Asked before the read: what was written until the monitor's end is read in any case.
      let alive = store.isAlive(state.id)
      for line in try reader.next() { try write(line) }
      if !alive { break }
      usleep(100_000)
    }
  }

  private func write(_ line: LogLine) throws {
    let text = (timestamps ? "\(line.time.text) " : "") + line.log
    let target = line.stream == "stderr" ? FileDescriptor.standardError : .standardOutput
    try target.writeEverything(Array(text.utf8))
  }
}
