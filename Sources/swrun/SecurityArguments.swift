import ArgumentParser
import Sandbox

/// The options of `run` about the command's privileges.
struct SecurityArguments: PlainArguments {
  @Option(
    name: .customLong("cap-add"),
    help: ArgumentHelp("Give a capability, or ALL.", valueName: "capability"))
  var added: [String] = []

  @Option(
    name: .customLong("cap-drop"),
    help: ArgumentHelp("Take a capability away, or ALL.", valueName: "capability"))
  var dropped: [String] = []

  @Flag(
    name: .customLong("privileged"),
    help: "All capabilities and devices, and no seccomp filter.")
  var privileged = false

  @Option(
    name: .customLong("security-opt"),
    help: ArgumentHelp(
      "seccomp=, no-new-privileges, apparmor=, label=, systempaths=, mask=, unmask=, landlock=.",
      valueName: "key=value"))
  var options: [String] = []

  @Option(
    name: .customLong("seccomp"),
    help: ArgumentHelp(
      "The system calls that are let through, as Docker, Podman and OCI write them.",
      valueName: "file|unconfined"))
  var seccomp: String?

  @Option(
    name: .customLong("group-add"),
    help: ArgumentHelp("A further group of the user.", valueName: "group"))
  var groups: [String] = []

  init() {}

  init(_ words: inout PlainWords) {
    added = words.values("--cap-add")
    dropped = words.values("--cap-drop")
    privileged = words.flag("--privileged")
    options = words.values("--security-opt")
    seccomp = words.value("--seccomp")
    groups = words.values("--group-add")
  }

  func request() throws -> SecurityRequest {
    var request = SecurityRequest()
    request.capabilities.added = added
    request.capabilities.dropped = dropped
    request.privileged = privileged
    request.groups = groups
    for option in options { try request.apply(option) }
    if let seccomp {
      guard request.seccomp == nil else {
        throw ValidationError("--seccomp and --security-opt seccomp= say the same; leave one out")
      }
      request.seccomp = try SecurityRequest.Seccomp(parsing: seccomp)
    }
    return request
  }
}
