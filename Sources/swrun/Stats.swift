import ArgumentParser
import Glibc
import JSON
import Linux
import Sandbox
import Supervisor
import SystemPackage

struct Stats: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats", _superCommandName: "swrun",
    abstract: "Show what running instances use.",
    discussion: """
      Processor time of the last second in percent of one processor; memory without page cache that \
      can be given up; traffic of the instance's own interfaces, and of block devices, since its \
      start. -- is what this machine does not tell.

      On a terminal the table is shown anew each second, until Ctrl-C. With --format json, without \
      --no-stream, each instance is a line each second.
      """)

  @Flag(name: [.customShort("a"), .customLong("all")], help: "Those that have ended as well.")
  var all = false

  @Flag(name: .customLong("no-stream"), help: "Only once.")
  var once = false

  @Option(name: .customLong("format"), help: "table or json.")
  var format = ListFormat.table

  @OptionGroup var state: StateOptions

  @Argument(help: "Names, or beginnings of ids (default: all that run).")
  var instances: [String] = []

  mutating func run() throws {
    let store = try state.store()
    let named = try instances.map { try store.resolve($0) }
    var meter = UsageMeter(store)
    _ = meter.read(named.isEmpty ? nil : named, all: all)
    while true {
      usleep(1_000_000)
      let rows = meter.read(named.isEmpty ? nil : named, all: all)
      switch format {
      case .json where once: try printJSON(rows)
      case .json: for row in rows { try printLine(row) }
      case .table:
        let text = Self.table(rows)
        // To the top, each line to its end, then all that is below.
        let anew = !once && isTerminal(.standardOutput)
        print(
          anew ? "\u{1b}[H" + text.replacing("\n", with: "\u{1b}[K\n") + "\u{1b}[J" : text,
          terminator: "")
      }
      fflush(nil)
      if once { return }
    }
  }

  private func printLine(_ row: UsageRow) throws {
    print(String(decoding: try JSON.text(row), as: UTF8.self))
  }

  private static func table(_ rows: [UsageRow]) -> String {
    var table = Table(
      ["ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"])
    for row in rows {
      table.add([
        String(row.id.prefix(12)), row.name, percent(row.cpuPercent),
        pair(row.memoryBytes, row.memoryLimitBytes, ByteSize.text), percent(row.memoryPercent),
        pair(row.networkReceivedBytes, row.networkSentBytes, ByteSize.decimalText),
        pair(row.blockReadBytes, row.blockWrittenBytes, ByteSize.decimalText),
        row.pids.map { "\($0)" } ?? "--",
      ])
    }
    return table.text
  }

  private static func percent(_ value: Double?) -> String {
    guard let value else { return "--" }
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)%"
  }

  private static func pair(
    _ one: UInt64?, _ other: UInt64?, _ text: (UInt64) -> String
  ) -> String {
    guard let one else { return "--" }
    return "\(text(one)) / \(other.map(text) ?? "--")"
  }
}
