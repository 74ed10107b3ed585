import ArgumentParser
import Supervisor

struct Exec: PlainCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", _superCommandName: "swrun",
    abstract: "Run a further command in a running instance.",
    usage: "swrun exec [options] INSTANCE COMMAND [ARG...]",
    discussion: """
      The command has the instance's namespaces, capabilities and seccomp filter. The exit code is \
      the command's; 125 when swrun failed, 126 when the command cannot be executed, 127 when it was \
      not found.

        swrun exec web ip -br addr
        swrun exec -it web bash
      """)

  @Flag(
    name: [.customShort("i"), .customLong("interactive")],
    help: "Give the command the standard input.")
  var interactive = false

  @Flag(name: [.customShort("t"), .customLong("tty")], help: "Give the command a terminal.")
  var terminal = false

  @Option(
    name: [.customShort("e"), .customLong("env")],
    help: ArgumentHelp("Set a variable, or hand on this one's value.", valueName: "KEY[=VALUE]"))
  var environment: [String] = []

  @Option(
    name: [.customShort("w"), .customLong("workdir")],
    help: ArgumentHelp("The working directory.", valueName: "dir"))
  var workingDirectory: String?

  @Option(
    name: [.customShort("u"), .customLong("user")],
    help: ArgumentHelp("The user, as name or uid, and group.", valueName: "user[:group]"))
  var user: String?

  @Option(
    name: .customLong("security-opt"),
    help: ArgumentHelp(
      "landlock=off, to trace the workload or look into its /proc.", valueName: "key=value"))
  var securityOptions: [String] = []

  @OptionGroup var state: StateOptions

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp(
      "The instance (name or beginning of its id), the command and its arguments.",
      valueName: "instance command"))
  var words: [String] = []

  static let flags = ["-i", "--interactive", "-t", "--tty"]

  init() {}

  init(_ words: inout PlainWords) {
    interactive = words.flag("-i", "--interactive")
    terminal = words.flag("-t", "--tty")
    environment = words.values("-e", "--env")
    workingDirectory = words.value("-w", "--workdir")
    user = words.value("-u", "--user")
    securityOptions = words.values("--security-opt")
    state = StateOptions(&words)
    self.words = words.rest()
  }

  mutating func run() throws {
    let words = try CommandLineRest.command(words, of: Exec.self, options: Self.optionNames)
    let command = words[1...].first == "--" ? Array(words.dropFirst(2)) : Array(words.dropFirst())
    guard !command.isEmpty else {
      throw ValidationError("no command is given; write swrun exec \(words[0]) COMMAND")
    }
    let store = try state.store()
    let instance = try store.resolve(words[0])
    var executor = Executor(store)
    executor.command = command
    executor.environment = environment
    executor.workingDirectory = workingDirectory
    executor.user = user
    executor.interactive = interactive
    executor.terminal = terminal
    for option in securityOptions {
      guard ["landlock=off", "landlock=on"].contains(option) else {
        throw ValidationError(
          "--security-opt \(option): all else is the instance's; the option here is landlock=off")
      }
      executor.landlock = option == "landlock=on"
    }
    throw ExitCode(try executor.run(in: instance))
  }
}
