import ArgumentParser
import Linux
import Network
import Sandbox
import Supervisor

/// ` (did you mean --name?)`
func didYouMean(_ word: String, _ words: [String]) -> String { suggestion(for: word, in: words) }

struct Run: PlainCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", _superCommandName: "swrun",
    abstract: "Run a command in an instance with its own address (the default verb).",
    usage: "swrun [run] [options] [--] COMMAND [ARG...]",
    discussion: """
      NETWORKS. --net KIND[:PARENT[:MODE[:FLAG]]][,key=value...], or --net NAME[,key=value...]
        none                       only the loopback (the default)
        host                       the host's own network, with all its interfaces and ports
        container:NAME             the network and the names of another instance
        ns:PATH                    a network namespace that is there, such as /run/netns/blue
        ipvlan:PARENT[:MODE[:FLAG]]  MODE l2 (default), l3, l3s; FLAG bridge (default), private, vepa
        macvlan:PARENT[:MODE]      MODE bridge (default), private, vepa, passthru
        bridge                     a bridge that swrun makes, which leads out by the host's address
        bridge:NAME                a bridge that the host has
        NAME                       a network of swrun network create, which has free addresses
        keys: ip=A[/P]|dhcp|slaac|none gateway=G|none ifname=NAME mtu=BYTES alias=NAME probe up
      The prefix defaults to that of the parent's subnet which holds the address, else 24 (64). The \
      gateway defaults to the host's, else to the subnet's first address; in l3 and l3s the default \
      route is on-link.

      FROM THE LAN. --ip dhcp has the LAN's DHCP server give the address, routes, MTU and name servers; \
      --ip slaac has a router give the IPv6 address; both work in ipvlan l2 and macvlan. The command \
      starts once they are there, and the lease is renewed and given back. The server knows the \
      instance by NAME/eth0@PARENT-MAC.

      NAMES. /etc/hosts, /etc/resolv.conf and /etc/hostname are the instance's own, read-only. Instances \
      on one network NAME know each other by name, host name, id and alias, as they come and go. The \
      name servers are those of --dns, else those that the host uses, without those on its loopback.

      PORTS. -p [[HOSTIP:]HOSTPORT:]PORT[/tcp|udp|sctp] lets the host's port lead to an instance on \
      bridge, or on a network of --driver bridge: from the LAN, from the host, also by 127.0.0.1, and \
      from other instances. Without HOSTPORT a free one is taken (swrun port shows which); FIRST-LAST \
      is a range. With ipvlan and macvlan the LAN reaches the instance itself.

      FILE SYSTEM. The command sees the host's files read-only, with its own /proc, /sys, /dev, /tmp, \
      /run and /var/tmp. --rootfs DIR is another root, which is written to, and --bundle DIR has one; \
      --ephemeral lets all be written to a layer that ends with the instance. -v, --mount and --tmpfs \
      take Docker's options.

      THE INSIDE. It has few capabilities, no way to get more, and a seccomp filter; swrun(1) \
      lists them. Its PID 1 is swrun's init.

      USERS. With --userns auto the instance's root and users are ids of the host that nobody else has \
      and that may nothing there (/etc/subuid, account containers). Without root swrun does so itself; \
      then only --net none and host work. See USER NAMESPACES and ROOTLESS in swrun(1).

      EXIT CODE. The command's; 128+n when signal n ended it; 125 when swrun failed, 126 when the \
      command cannot be executed, 127 when it was not found.

      EXAMPLES
        swrun --net ipvlan:eth0:l2 --ip 10.20.20.2 -- sleep 100
        swrun -d --name web --net ipvlan:eth0 --ip 10.20.20.3 -- python3 -m http.server 80
        swrun --rm -it --net ipvlan:eth0 --ip 10.20.20.4/24 --gateway 10.20.20.1 -- bash
        swrun -d --net lan -- sleep 100
        swrun -d --net bridge -p 8080:80 -- python3 -m http.server 80
        swrun --explain --net ipvlan:eth1:l3 --ip 10.30.30.2 -- true
      """)

  @Option(
    name: .customLong("net"),
    help: ArgumentHelp("An interface of the instance; may be repeated.", valueName: "network"))
  var networks: [String] = []

  @Option(
    name: .customLong("ip"),
    help: ArgumentHelp(
      "Its address, A or A/PREFIX, dhcp or slaac; one for each family.", valueName: "address"))
  var addresses: [String] = []

  @Option(
    name: .customLong("gateway"),
    help: ArgumentHelp("Its default gateway, or none.", valueName: "address"))
  var gateways: [String] = []

  @OptionGroup(title: "Names") var names: NameArguments
  @OptionGroup(title: "User namespace") var users: UserNamespaceArguments

  @OptionGroup(title: "Life") var life: LifeArguments
  @OptionGroup(title: "Health") var health: HealthArguments

  @OptionGroup(title: "Limits and devices") var cgroup: CgroupArguments

  @Flag(
    name: .customLong("probe"),
    help: "Ask the LAN first whether anybody has the addresses (1 s); --net has it as a key.")
  var probe = false

  @Option(
    name: [.customShort("p"), .customLong("publish")],
    help: ArgumentHelp(
      "Reach a port of an instance on a bridge by the host's; may be repeated.",
      valueName: "[[hostip:]hostport:]port[/protocol]"))
  var ports: [String] = []

  @Option(name: .customLong("name"), help: "The instance's name (default: one is made up).")
  var name: String?

  @Option(
    name: [.customShort("l"), .customLong("label")],
    help: ArgumentHelp(
      "Something to be known about it, by which ps filters; may be repeated.",
      valueName: "KEY[=VALUE]"))
  var labels: [String] = []

  @Flag(
    name: [.customShort("d"), .customLong("detach")],
    help: "Run in the background and print the id.")
  var detached = false

  @Flag(name: .customLong("rm"), help: "Remove the instance's record when it ends.")
  var removed = false

  @Flag(
    name: [.customShort("i"), .customLong("interactive")],
    help: "Give the command the standard input.")
  var interactive = false

  @Flag(name: [.customShort("t"), .customLong("tty")], help: "Give the command a terminal.")
  var terminal = false

  @OptionGroup var detaching: DetachArguments

  @Option(
    name: [.customShort("e"), .customLong("env")],
    help: ArgumentHelp("Set a variable, or hand on this one's value.", valueName: "KEY[=VALUE]"))
  var environment: [String] = []

  @Option(
    name: [.customShort("w"), .customLong("workdir")],
    help: ArgumentHelp("The working directory (default: /); it is made.", valueName: "dir"))
  var workingDirectory: String?

  @Option(
    name: [.customShort("u"), .customLong("user")],
    help: ArgumentHelp("The user, as name or uid, and group.", valueName: "user[:group]"))
  var user: String?

  @OptionGroup var security: SecurityArguments
  @OptionGroup(title: "Process") var process: ProcessArguments

  @OptionGroup(title: "File system") var fileSystem: MountArguments

  @OptionGroup(title: "Log") var log: LogArguments

  @Flag(name: .customLong("no-init"), help: "Make the command PID 1 itself.")
  var noInit = false

  @Flag(
    name: .customLong("explain"),
    help: "Print what would be done as ip, mount and other commands; do nothing.")
  var explain = false

  @OptionGroup var state: StateOptions

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("The command and its arguments.", valueName: "command"))
  var command: [String] = []

  static let flags = [
    "--probe", "-d", "--detach", "--rm", "-i", "--interactive", "-t", "--tty", "--no-init",
    "--explain", "--privileged", "--ephemeral", "--read-only", "--oom-kill-disable",
    "--no-healthcheck",
  ]

  init() {}

  init(_ words: inout PlainWords) {
    networks = words.values("--net")
    addresses = words.values("--ip")
    gateways = words.values("--gateway")
    names = NameArguments(&words)
    users = UserNamespaceArguments(&words)
    life = LifeArguments(&words)
    health = HealthArguments(&words)
    cgroup = CgroupArguments(&words)
    probe = words.flag("--probe")
    ports = words.values("-p", "--publish")
    name = words.value("--name")
    labels = words.values("-l", "--label")
    detached = words.flag("-d", "--detach")
    removed = words.flag("--rm")
    interactive = words.flag("-i", "--interactive")
    terminal = words.flag("-t", "--tty")
    detaching = DetachArguments(&words)
    environment = words.values("-e", "--env")
    workingDirectory = words.value("-w", "--workdir")
    user = words.value("-u", "--user")
    security = SecurityArguments(&words)
    process = ProcessArguments(&words)
    fileSystem = MountArguments(&words)
    log = LogArguments(&words)
    noInit = words.flag("--no-init")
    explain = words.flag("--explain")
    state = StateOptions(&words)
    command = words.rest()
  }

  mutating func run() throws {
    if let runner = try prepare() { throw ExitCode(try runner.run()) }
  }

  /// - Returns: `nil` where nothing is to be run, but printed.
  // The frame of `run()` is there for as long as the instance runs. Not `mutating`, this would have a copy of
  // all options in there.
  @inline(never)
  private mutating func prepare() throws -> Runner? {
    let runner = try runner()
    guard explain else { return runner }
    let (spec, interfaces) = try runner.plan()
    for line in Explanation.lines(
      spec, interfaces, usesInit: !noInit, isEphemeral: fileSystem.ephemeral)
    { print(line) }
    return nil
  }

  /// What the options ask for; `swrun spec` takes the same.
  func runner() throws -> Runner {
    Runner(try state.store(swept: false), try runOptions())
  }

  func runOptions() throws -> RunOptions {
    var request = RunRequest(id: InstanceName.randomID(), command: try requestedCommand())
    request.environment = environment
    request.workingDirectory = workingDirectory
    request.user = user
    request.terminal = terminal
    request.security = try security.request()
    request.limits = try cgroup.request()
    try names.apply(to: &request)
    request.attributes = try process.request()
    try fileSystem.apply(to: &request)
    var options = RunOptions(request: request)
    options.networks = try specs()
    options.names = try names.options()
    options.userNamespace = try users.request()
    options.ports = try ports.flatMap { try PublishedPort.parse($0) }
    options.name = name
    options.detached = detached
    options.removed = removed
    options.labels = try NetworkDefinition.labels(labels)
    options.bundle = fileSystem.bundle
    options.interactive = interactive
    options.log = try log.request(detached: detached || detaching.text != nil)
    if detaching.text != nil {
      options.detachKeys = try detachKeys()
      options.detached = true
    }
    options.usesInit = !noInit
    options.life = try life.options(removed: removed)
    options.life.health = try health.plan()
    if options.life.notify == .healthy, options.life.health == nil {
      throw ValidationError("--sdnotify healthy needs --health-cmd, which says what healthy is")
    }
    options.words = Self.words
    options.sockets = try PassedSockets.find()
    return options
  }

  /// What the words of `run` ask for.
  static func options(_ words: [String]) throws -> RunOptions {
    do {
      var run = try parse(words)
      // What is started again is in the background, and may have a log.
      if run.detaching.text == nil { run.detached = true }
      return try run.runOptions()
    } catch { throw ValidationError(message(for: error)) }
  }

  /// What follows the verb.
  private static var words: [String] {
    let words = CommandLine.arguments.dropFirst()
    return Array(["run", "create"].contains(words.first) ? words.dropFirst() : words)
  }

  /// With keys to leave by, the instance is one in the background that this command is attached to.
  private func detachKeys() throws -> DetachKeys {
    guard !detached else {
      throw ValidationError("--detach-keys: with -d nobody is attached. Give it to swrun attach")
    }
    guard interactive, terminal || fileSystem.bundle != nil else {
      throw ValidationError("--detach-keys: keys are typed at a terminal. Add -it")
    }
    return try detaching.keys()
  }

  /// May be empty with `--bundle`, which says itself what is run.
  private func requestedCommand() throws -> [String] {
    guard fileSystem.bundle != nil else {
      return try CommandLineRest.command(command, of: Run.self, options: Self.optionNames)
    }
    if command.isEmpty { return [] }
    return try CommandLineRest.command(command, of: Run.self, options: Self.optionNames)
  }

  /// `--ip` and `--gateway` belong to the one network that takes them.
  private func specs() throws -> [NetworkSpec] {
    var specs = try networks.map { try NetworkSpec(parsing: $0) }
    try names.addAliases(to: &specs)
    if probe { try askToProbe(&specs) }
    if addresses.isEmpty && gateways.isEmpty { return specs }
    let option = addresses.isEmpty ? "--gateway" : "--ip"
    guard specs.count == 1, specs[0].kind.makesInterface else {
      throw NetworkError(
        specs.count > 1
          ? "\(option) does not say which --net it belongs to; write it there: --net \(networks[0]),ip=10.20.20.2"
          : "\(option) needs a --net with an interface, for example --net ipvlan:eth0:l2")
    }
    for address in addresses { try specs[0].addAddress(address) }
    for gateway in gateways { try specs[0].addGateway(gateway) }
    return specs
  }

  /// `--probe` is for all interfaces but those that say otherwise.
  private func askToProbe(_ specs: inout [NetworkSpec]) throws {
    guard specs.contains(where: \.kind.makesInterface) else {
      let what = specs.first.map { "--net \($0.summary) makes" } ?? "the instance has"
      throw NetworkError(
        "--probe has nothing to ask for: \(what) no interface with an address. Use it with one, for example --net ipvlan:eth0:l2"
      )
    }
    for index in specs.indices where specs[index].probes == nil { specs[index].probes = true }
  }
}
