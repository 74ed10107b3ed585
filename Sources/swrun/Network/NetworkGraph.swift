import ArgumentParser
import Glibc
import Linux
import Supervisor

struct NetworkGraph: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph",
    abstract: "Draw the host's parents, their slaves and the instances.",
    discussion: """
      The text is as wide as the terminal, or as $COLUMNS says, else 80.

        swrun network graph
        swrun network graph --format svg > network.svg
        swrun network graph --format dot | dot -Tpng > network.png
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, svg, dot, json }

  @Option(name: .customLong("format"), help: "text, svg, dot or json.")
  var format = Format.text

  @OptionGroup var state: StateOptions

  mutating func run() throws {
    let topology = try Topology(try state.store())
    switch format {
    case .text: print(TopologyText.draw(topology, width: Self.width()), terminator: "")
    case .svg: print(TopologyPicture.draw(topology), terminator: "")
    case .dot: print(TopologyDot.draw(topology), terminator: "")
    case .json: try printJSON(topology)
    }
  }

  private static func width() -> Int {
    if let text = getenv("COLUMNS").map({ String(cString: $0) }), let columns = Int(text) {
      return min(columns, 500)
    }
    return TerminalSize(of: .standardOutput).map { Int($0.columns) } ?? 80
  }
}
