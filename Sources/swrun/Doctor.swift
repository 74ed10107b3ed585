import ArgumentParser
import Supervisor

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", _superCommandName: "swrun",
    abstract: "Look for what keeps instances from their networks.",
    discussion: """
      Looks at the kernel's drivers, swrun's privilege, the parents and who is on them (other tools' \
      slaves too), settings that stand in the way, the defined networks, and what instances have \
      left. Changes nothing; each finding that asks for something names the command.

      With an interface only that one is looked at, and all that keeps it from carrying ipvlan is a \
      problem.

      EXIT CODE. 0 when nothing is wrong, 1 when a problem was found, 125 when swrun failed.
      """)

  @Option(name: .customLong("format"), help: "table or json.")
  var format = ListFormat.table

  @OptionGroup var state: StateOptions

  @Argument(help: "The interface to look at (default: all).")
  var parent: String?

  mutating func run() throws {
    let findings = try Supervisor.Doctor(try state.store(swept: false)).examine(parent: parent)
    if format == .json {
      try printJSON(findings)
    } else {
      for finding in findings {
        let grade = finding.grade.rawValue
        print(
          grade + String(repeating: " ", count: 9 - grade.count)
            + "\(finding.subject): \(finding.text)")
        if let fix = finding.fix, finding.grade != .ok { print("         \(fix)") }
      }
    }
    if findings.contains(where: { $0.grade == .problem }) { throw ExitCode(1) }
  }
}
