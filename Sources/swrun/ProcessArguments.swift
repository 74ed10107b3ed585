import ArgumentParser
import Sandbox

/// The options of `run` about the process and its namespaces.
struct ProcessArguments: PlainArguments {
  @Option(
    name: .customLong("ulimit"),
    help: ArgumentHelp(
      "A limit of setrlimit(2), such as nofile=1024:4096; may be repeated.",
      valueName: "name=soft[:hard]"))
  var limits: [String] = []

  @Option(
    name: .customLong("sysctl"),
    help: ArgumentHelp(
      "A sysctl of the instance's own namespaces; may be repeated.", valueName: "key=value"))
  var sysctls: [String] = []

  @Option(
    name: .customLong("annotation"),
    help: ArgumentHelp("Kept in the instance's spec; may be repeated.", valueName: "key=value"))
  var annotations: [String] = []

  @Option(
    name: .customLong("pid"),
    help: ArgumentHelp(
      "Whose processes it sees: private (the default), host, container:NAME, ns:PATH.",
      valueName: "namespace"))
  var pids: String?

  @Option(
    name: .customLong("ipc"),
    help: ArgumentHelp(
      "Whose System V IPC and message queues it has; as --pid.", valueName: "namespace"))
  var ipc: String?

  @Option(
    name: .customLong("uts"),
    help: ArgumentHelp("Whose host name it has; as --pid.", valueName: "namespace"))
  var uts: String?

  init() {}

  init(_ words: inout PlainWords) {
    limits = words.values("--ulimit")
    sysctls = words.values("--sysctl")
    annotations = words.values("--annotation")
    pids = words.value("--pid")
    ipc = words.value("--ipc")
    uts = words.value("--uts")
  }

  func request() throws -> AttributeRequest {
    var request = AttributeRequest()
    for text in limits { try request.addLimit(text) }
    for text in sysctls { try request.addSysctl(text) }
    for text in annotations { try request.addAnnotation(text) }
    for (type, text) in [("pid", pids), ("ipc", ipc), ("uts", uts)] {
      if let text { try request.setNamespace(type, text) }
    }
    return request
  }
}
