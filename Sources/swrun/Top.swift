import ArgumentParser
import Supervisor

struct Top: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top", _superCommandName: "swrun",
    abstract: "List the processes of an instance.",
    discussion: "With the numbers that they have on the host, from the instance's cgroup.")

  @Option(name: .customLong("format"), help: "table or json.")
  var format = ListFormat.table

  @OptionGroup var state: StateOptions

  @Argument(help: "A name, or the beginning of an id.")
  var instance: String

  mutating func run() throws {
    let store = try state.store()
    let processes = try ProcessList(store).processes(of: try store.resolve(instance))
    if format == .json {
      try printJSON(processes)
      return
    }
    var table = Table(["UID", "PID", "PPID", "TIME", "COMMAND"])
    for process in processes {
      let seconds = process.cpuMilliseconds / 1000
      let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60]
      table.add([
        "\(process.uid)", "\(process.pid)", "\(process.parent)",
        parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":"),
        process.command.joined(separator: " ").filter { !$0.isNewline },
      ])
    }
    print(table.text, terminator: "")
  }
}
