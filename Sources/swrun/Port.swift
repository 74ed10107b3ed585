import ArgumentParser
import Network
import Supervisor

struct Port: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "port", _superCommandName: "swrun",
    abstract: "List the ports of the host that lead to an instance.",
    discussion: """
      Without a port all are listed, as PORT/PROTOCOL -> ADDRESS:PORT; with one, only where it is \
      reached.

        swrun port web
        swrun port web 80/tcp
      """)

  @OptionGroup var state: StateOptions

  @Argument(help: "A name, or the beginning of an id.")
  var instance: String

  @Argument(help: ArgumentHelp("A port of the instance.", valueName: "port[/protocol]"))
  var port: String?

  mutating func run() throws {
    let instance = try state.store().resolve(instance)
    guard instance.isActive else {
      throw SupervisorError("\(instance.name) is not running, and the host's ports lead nowhere")
    }
    let bindings = instance.publishedPorts
    guard let port else {
      for binding in bindings { print("\(binding.portText) -> \(binding.hostText)") }
      return
    }
    let wanted = port.contains("/") ? port : "\(port)/tcp"
    let found = bindings.filter { $0.portText == wanted }
    guard !found.isEmpty else {
      throw SupervisorError("the port \(wanted) of \(instance.name) is not published")
    }
    for binding in found { print(binding.hostText) }
  }
}
