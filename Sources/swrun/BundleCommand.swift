import ArgumentParser
import OCI
import Supervisor

struct BundleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bundle", _superCommandName: "swrun", abstract: "Look at OCI bundles.",
    subcommands: [BundleValidate.self])
}

struct BundleValidate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "List everything that is wrong in a bundle, a line each with its place.",
    discussion: """
      The exit code is 1 where something is wrong, among it what swrun does not carry out.

        swrun bundle validate web
      """)

  @Option(name: .customLong("format"), help: "text or json.")
  var format = Format.text

  @Argument(help: ArgumentHelp("The bundle's directory.", valueName: "dir"))
  var directory: String

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  /// What `--format json` prints.
  private struct Report: Encodable {
    let valid: Bool
    let faults: [Entry]

    struct Entry: Encodable {
      /// Such as `linux.namespaces[2].type`; empty for the whole.
      let path: String
      let reason: String
    }
  }

  mutating func run() throws {
    let faults = BundleCheck.faults(of: directory)
    switch format {
    case .json:
      try printJSON(
        Report(
          valid: faults.isEmpty, faults: faults.map { .init(path: $0.path, reason: $0.reason) }))
    case .text:
      for fault in faults { print(fault) }
      if faults.isEmpty { print("\(directory) is valid") }
    }
    if !faults.isEmpty { throw ExitCode(1) }
  }
}
