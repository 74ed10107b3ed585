import ArgumentParser
import Supervisor

struct NetworkConnect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connect",
    abstract: "Give a running instance another interface.",
    usage: "swrun network connect [--ip ADDRESS] NETWORK INSTANCE",
    discussion: """
      NETWORK is a network's name, or what --net takes, with its keys. The interface is the next free \
      ethN unless ifname= says otherwise; a default route that the instance has stays.

        swrun network connect --ip 10.20.20.9 lan web
        swrun network connect ipvlan:eth1:l2,ip=10.30.30.2 web
      """)

  @Option(
    name: .customLong("ip"),
    help: ArgumentHelp("The address, as with run; may be repeated.", valueName: "address"))
  var addresses: [String] = []

  @OptionGroup var state: StateOptions

  @Argument(help: "The network.")
  var network: String

  @Argument(help: "The instance's name, or the beginning of its id.")
  var instance: String

  mutating func run() throws {
    let store = try state.store()
    let instance = try store.resolve(instance)
    let text = ([network] + addresses.map { "ip=\($0)" }).joined(separator: ",")
    let interface = try Connection(store).connect(instance, to: text)
    if let interface {
      print(([interface.interface] + interface.addresses).joined(separator: " "))
    }
  }
}

struct NetworkDisconnect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disconnect",
    abstract: "Take an interface away from a running instance.",
    usage: "swrun network disconnect NETWORK INSTANCE",
    discussion: """
      NETWORK is a network's name, what --net was given, or the interface's name inside. If the \
      default route went by it, that of the next interface which has one takes its place.
      """)

  @OptionGroup var state: StateOptions

  @Argument(help: "The network, or the interface.")
  var network: String

  @Argument(help: "The instance's name, or the beginning of its id.")
  var instance: String

  mutating func run() throws {
    let store = try state.store()
    try Connection(store).disconnect(try store.resolve(instance), from: network)
  }
}
