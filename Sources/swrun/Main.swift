import ArgumentParser
import Glibc
import Linux
import Sandbox
import Supervisor

@main
struct Swrun: ParsableCommand {
  static let version = "0.1.0"

  /// By closures: a list of the types themselves would have the runtime make the conformances of all of
  /// them, in each start.
  private static let verbs: [(name: String, type: @Sendable () -> any ParsableCommand.Type)] = [
    ("run", { Run.self }), ("create", { Create.self }), ("start", { Start.self }),
    ("stop", { Stop.self }),
    ("restart", { Restart.self }), ("kill", { Kill.self }), ("rm", { Rm.self }),
    ("rename", { Rename.self }),
    ("ps", { Ps.self }), ("exec", { Exec.self }), ("logs", { Logs.self }),
    ("events", { Events.self }),
    ("inspect", { Inspect.self }),
    ("wait", { Wait.self }), ("attach", { Attach.self }), ("port", { Port.self }),
    ("pause", { Pause.self }),
    ("unpause", { Unpause.self }),
    ("update", { Update.self }), ("stats", { Stats.self }), ("metrics", { Metrics.self }),
    ("top", { Top.self }),
    ("network", { NetworkCommand.self }), ("netns", { Netns.self }),
    ("autostart", { Autostart.self }),
    ("generate", { Generate.self }),
    ("spec", { SpecCommand.self }),
    ("bundle", { BundleCommand.self }), ("doctor", { Doctor.self }), ("gc", { Gc.self }),
    ("cp", { Cp.self }),
    ("prune", { Prune.self }),
  ]

  static let configuration = CommandConfiguration(
    commandName: "swrun",
    abstract: "Give a process its own address on the network.",
    usage: """
      swrun [run] [--net KIND:PARENT[:MODE[:FLAG]]] [--ip ADDRESS] [options] [--] COMMAND [ARG...]
      swrun create | start | stop | restart | kill | rm | rename | ps | exec | logs | events
      swrun attach | inspect | wait | port | cp | prune
      swrun pause | unpause | update | stats | metrics | top | network | netns
      swrun autostart | generate | spec | bundle | doctor | gc
      """,
    discussion: """
      swrun runs a command in namespaces of its own, with an ipvlan slave of an interface of the \
      host and the address that you choose. There is no daemon: each instance has one monitor \
      process, and nothing is left behind when it ends.

        swrun --net ipvlan:eth0:l2 --ip 10.20.20.2 -- sleep 100
        swrun ps
        swrun exec NAME ip -br addr
        swrun stop NAME
      """,
    version: version,
    subcommands: verbs.map { $0.type() },
    defaultSubcommand: Run.self)

  /// What runs beside a workload, and is executed from where that cannot write it.
  private static let sealed = ["run", "exec", "start", "restart", "autostart"]

  static func main() {
    // Not readable for others, so that what runs inside cannot reach our executable or our
    // descriptors through /proc (CVE-2019-5736): PR_SET_DUMPABLE, prctl(2).
    Executable.protect()
    do {
      var command = try command()
      try command.run()
    } catch let code as ExitCode {
      Glibc.exit(code.rawValue)
    } catch let failure as SandboxError {
      fail(failure.description, failure.exitCode)
    } catch  where isUsage(error) {
      exitForUsage(error)
    } catch {
      fail(text(error), 125)
    }
  }

  /// Those that most commands end with come first: for what else has a text of its own the runtime searches all
  /// conformances, which is a tenth of a start.
  private static func text(_ error: any Error) -> String {
    switch error {
    case let error as SystemError: error.description
    case let error as SupervisorError: error.description
    default: "\(error)"
    }
  }

  /// What is asked for.
  // Neither this nor what tells of failures is in the frame of `main()`: a monitor has that for as long as its
  // instance runs.
  @inline(never)
  private static func command() throws -> any ParsableCommand {
    // Before anything is parsed: what is done now is done again by the executable that follows.
    let (verb, arguments) = asked(CommandLine.arguments.dropFirst())
    if let verb, sealed.contains(verb) { try Executable.seal() }
    return try plain(verb, arguments) ?? type(of: verb).parseAsRoot(arguments)
  }

  /// The verb that is asked for and what follows it. Only that verb is then parsed: to put all of
  /// them together costs more than the rest of a start. The whole, `nil`, has what concerns all: its
  /// help, the version, completions.
  private static func asked(
    _ arguments: ArraySlice<String>
  ) -> (verb: String?, arguments: [String]) {
    let whole = ["help", "-h", "--help", "--version", "--generate-completion-script"]
    guard let first = arguments.first, !whole.contains(first) else {
      return (nil, Array(arguments))
    }
    let isVerb = verbs.contains { $0.name == first }
    return isVerb ? (first, Array(arguments.dropFirst())) : ("run", Array(arguments))
  }

  /// What parses a verb, or all.
  private static func type(of verb: String?) -> any ParsableCommand.Type {
    verbs.first { $0.name == verb }?.type() ?? Swrun.self
  }

  /// The verbs that are started often do without ArgumentParser where they can.
  private static func plain(_ verb: String?, _ arguments: [String]) -> (any ParsableCommand)? {
    switch verb {
    case "run": Run.plain(arguments)
    case "exec": Exec.plain(arguments)
    case "ps": Ps.plain(arguments)
    default: nil
    }
  }

  /// `--help` and `--version` are no failures; a wrong option is one of swrun's own, 125 as with
  /// Docker.
  @inline(never)
  private static func isUsage(_ error: any Error) -> Bool {
    "\(Swift.type(of: error))" == "CommandError" || error is ValidationError || error is CleanExit
  }

  @inline(never)
  private static func exitForUsage(_ error: any Error) -> Never {
    if exitCode(for: error) == .success { exit(withError: error) }
    let lines = message(for: error)
    fail(lines, 125)
  }

  @inline(never)
  private static func fail(_ text: String, _ code: Int32) -> Never {
    printError(text)
    Glibc.exit(code)
  }
}
