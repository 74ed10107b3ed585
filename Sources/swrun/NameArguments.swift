import ArgumentParser
import Network
import Sandbox
import Supervisor

/// The options of `run` about names.
struct NameArguments: PlainArguments {
  // Docker's short -h is help here.
  @Option(
    name: .customLong("hostname"),
    help: ArgumentHelp(
      "The host name inside (default: the first 12 digits of the id).", valueName: "name"))
  var hostname: String?

  @Option(
    name: .customLong("domainname"),
    help: ArgumentHelp("The domain of the host name, and of the NIS.", valueName: "domain"))
  var domainname: String?

  @Option(
    name: .customLong("dns"),
    help: ArgumentHelp("A name server; at most three.", valueName: "address"))
  var servers: [String] = []

  @Option(
    name: .customLong("dns-search"),
    help: ArgumentHelp(
      "A domain in which short names are looked up, or . for none.", valueName: "domain"))
  var search: [String] = []

  @Option(
    name: [.customLong("dns-option"), .customLong("dns-opt")],
    help: ArgumentHelp("An option of resolv.conf(5), such as ndots:2.", valueName: "option"))
  var resolverOptions: [String] = []

  @Option(
    name: .customLong("add-host"),
    help: ArgumentHelp(
      "A line of /etc/hosts; host-gateway stands for the host's address.",
      valueName: "name:address|host-gateway"))
  var extraHosts: [String] = []

  @Option(
    name: .customLong("network-alias"),
    help: ArgumentHelp("Another name of the instance on its network.", valueName: "name"))
  var aliases: [String] = []

  init() {}

  init(_ words: inout PlainWords) {
    hostname = words.value("--hostname")
    domainname = words.value("--domainname")
    servers = words.values("--dns")
    search = words.values("--dns-search")
    resolverOptions = words.values("--dns-option", "--dns-opt")
    extraHosts = words.values("--add-host")
    aliases = words.values("--network-alias")
  }

  func apply(to request: inout RunRequest) throws {
    if let hostname { try HostName.checkOwn(hostname, "--hostname") }
    if let domainname { try HostName.checkOwn(domainname, "--domainname") }
    request.hostname = hostname
    request.domainname = domainname
  }

  func options() throws -> NameOptions {
    var options = NameOptions()
    for server in servers { try options.resolver.addServer(server) }
    for domain in search { try options.resolver.addSearch(domain) }
    for option in resolverOptions { try options.resolver.addOption(option) }
    options.extraHosts = try extraHosts.map { text throws in try ExtraHost(parsing: text) }
    return options
  }

  /// They belong to the one network that takes them.
  func addAliases(to specs: inout [NetworkSpec]) throws {
    guard let first = aliases.first else { return }
    let named = specs.indices.filter { specs[$0].kind.isNamed }
    guard named.count == 1 else {
      throw NetworkError(
        named.isEmpty
          ? "--network-alias \(first) needs a --net with a network of swrun network create; only its instances know each other by name"
          : "--network-alias \(first) does not say which --net it belongs to; write it there: --net \(specs[named[0]].summary),alias=\(first)"
      )
    }
    for alias in aliases { try specs[named[0]].addAlias(alias) }
  }
}
