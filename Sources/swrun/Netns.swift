import ArgumentParser
import Supervisor

struct Netns: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "netns", _superCommandName: "swrun",
    abstract: "See instances' network namespaces as ip netns does.",
    subcommands: [NetnsLs.self, NetnsExec.self, NetnsAttach.self, NetnsDetach.self])
}

struct NetnsLs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "List the network namespaces of running instances.",
    aliases: ["list"])

  @Option(name: .customLong("format"), help: "table or json.")
  var format = ListFormat.table

  @OptionGroup var state: StateOptions

  mutating func run() throws {
    let entries = NamespaceView(try state.store()).all()
    if format == .json { return try printJSON(entries) }
    var table = Table(["NAME", "ID", "NAMESPACE", "PID", "ATTACHED"])
    for entry in entries {
      table.add([
        entry.name, String(entry.id.prefix(12)), entry.namespace, "\(entry.pid)",
        entry.attached.isEmpty ? "-" : entry.attached.joined(separator: ","),
      ])
    }
    print(table.text, terminator: "")
  }
}

struct NetnsExec: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec",
    abstract: "Run a command of the host in an instance's network namespace.",
    usage: "swrun netns exec INSTANCE COMMAND [ARG...]",
    discussion: """
      As ip netns exec does: the command has the host's files, user and privileges, and of the \
      instance only the network; /sys shows its interfaces, and files of /etc/netns/INSTANCE, where that \
      is there, lie on those of /etc. Use it for tools that the instance lacks, \
      or that need privileges there. The exit code is the command's, 126 when it cannot be executed, \
      127 when it was not found.

        swrun netns exec web tcpdump -ni eth0
        swrun netns exec web ss -ltn
      """)

  @OptionGroup var state: StateOptions

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp(
      "The instance, the command and its arguments.", valueName: "instance command"))
  var words: [String] = []

  mutating func run() throws {
    let words = try CommandLineRest.command(
      words, of: NetnsExec.self, options: ["--root", "--state-dir", "--help"])
    let command = words[1...].first == "--" ? Array(words.dropFirst(2)) : Array(words.dropFirst())
    guard !command.isEmpty else {
      throw ValidationError("no command is given; write swrun netns exec \(words[0]) COMMAND")
    }
    let store = try state.store()
    do { try NamespaceView(store).execute(command, in: try store.resolve(words[0])) } catch let
      error
      as CommandFailure
    {
      printError(error.description)
      throw ExitCode(error.exitCode)
    }
  }
}

struct NetnsAttach: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attach",
    abstract: "Name an instance's network namespace in /run/netns.",
    usage: "swrun netns attach INSTANCE [NAME]",
    discussion: """
      ip netns exec NAME and other tools then find it. The name goes with the instance, however it \
      ends, or with swrun netns detach.

        swrun netns attach web
        ip netns exec web ip route
      """)

  @OptionGroup var state: StateOptions

  @Argument(help: "The instance's name, or the beginning of its id.")
  var instance: String

  @Argument(help: "The name there (default: the instance's).")
  var name: String?

  mutating func run() throws {
    let store = try state.store()
    let instance = try store.resolve(instance)
    print(try NamespaceView(store).attach(instance, as: name ?? instance.name))
  }
}

struct NetnsDetach: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "detach",
    abstract: "Take the names away that attach has given.")

  @OptionGroup var state: StateOptions

  @Argument(help: "Names of instances, or beginnings of ids.")
  var instances: [String]

  mutating func run() throws {
    let store = try state.store()
    try forEach(instances, store) {
      try NamespaceView(store).detach($0)
      print($0.name)
    }
  }
}
