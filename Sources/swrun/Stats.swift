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

      On a terminal the table has a screen of its own, and is shown anew each second, until Ctrl-C. With --format json, without \
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
    func read() -> [UsageRow] { meter.read(named.isEmpty ? nil : named, all: all) }
    let first = read()
    if once {
      usleep(1_000_000)
      return try write(read())
    }
    let signals = try EndSignals()
    switch format == .table ? Screen.open() : nil {
    case .some(let screen):
      var text = Self.table(first)
      screen.show(text)
      while try Self.waitASecond(signals, resized: { screen.show(text) }) {
        text = Self.table(read())
        screen.show(text)
      }
    case .none: while try Self.waitASecond(signals) { try write(read()) }
    }
  }

  /// - Returns: false once a signal asks to end.
  private static func waitASecond(
    _ signals: borrowing EndSignals, resized: () -> Void = {}
  ) throws -> Bool {
    let end = Clock.monotonic() + 1_000_000_000
    while true {
      let left = end - Clock.monotonic()
      if left <= 0 { return true }
      switch try signals.wait(milliseconds: Int(left / 1_000_000 + 1)) {
      case .end: return false
      case .resize: resized()
      case .change, .none: break
      }
    }
  }

  private func write(_ rows: [UsageRow]) throws {
    switch format {
    case .json where once: try printJSON(rows)
    case .json: for row in rows { try printLine(row) }
    case .table: print(Self.table(rows), terminator: "")
    }
    fflush(nil)
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
