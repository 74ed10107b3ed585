import ArgumentParser
import Supervisor
import SystemPackage

struct Metrics: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metrics", _superCommandName: "swrun",
    abstract: "Print what instances use, for Prometheus.",
    discussion: """
      In the text format of Prometheus, for a scraper or the textfile collector of its node exporter. \
      Counters of traffic are of each interface. What this machine does not tell is left out.

        swrun metrics > /var/lib/node_exporter/swrun.prom
      """)

  @OptionGroup var state: StateOptions

  mutating func run() throws {
    let text = InstanceMetrics.text(try state.store())
    try FileDescriptor.standardOutput.writeEverything(Array(text.utf8))
  }
}
