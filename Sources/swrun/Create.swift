import ArgumentParser
import Supervisor

struct Create: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", _superCommandName: "swrun",
    abstract: "Record an instance without starting it, and print its id.",
    usage: "swrun create [options of run] [--] COMMAND [ARG...]",
    discussion: """
      swrun start starts it, in the background. Until then its name is taken, and nothing else: \
      addresses are claimed by the start.

        swrun create --name web --net ipvlan:eth0 --ip 10.20.20.2 -- python3 -m http.server 80
        swrun start web
      """)

  @OptionGroup var options: Run

  mutating func run() throws {
    if options.explain {
      throw ValidationError("--explain does nothing, and create records; leave one out")
    }
    // As its start will be.
    if options.detaching.text == nil { options.detached = true }
    try options.runner().create()
  }
}
