import ArgumentParser

struct SpecCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "spec", _superCommandName: "swrun",
    abstract: "Print the OCI spec that run would use, for a bundle's config.json.",
    usage: "swrun spec [options of run] [--] [COMMAND [ARG...]]",
    discussion: """
      Nothing is run. Interfaces are no part of a spec: give --net again when the bundle is run. \
      Without a command it is sh.

        swrun spec --ulimit nofile=1024 -- sleep 100 > web/config.json
        swrun --bundle web --net ipvlan:eth0 --ip 10.20.20.2
      """)

  @OptionGroup var options: Run

  mutating func run() throws {
    if options.command.isEmpty, options.fileSystem.bundle == nil { options.command = ["sh"] }
    try printJSON(try options.runner().template())
  }
}
