import ArgumentParser
import Sandbox

/// The options of `run` about the user namespace.
struct UserNamespaceArguments: PlainArguments {
  @Option(
    name: .customLong("userns"),
    help: ArgumentHelp(
      "A user namespace: auto[:size=N], keep-id, nomap, host, container:NAME, ns:PATH or a mapping.",
      valueName: "mode"))
  var mode: String?

  @Option(
    name: .customLong("uidmap"),
    help: ArgumentHelp(
      "Users inside and which they are outside; may be repeated.", valueName: "inside:outside:size")
  )
  var uids: [String] = []

  @Option(
    name: .customLong("gidmap"),
    help: ArgumentHelp(
      "The same of groups (default: as --uidmap).", valueName: "inside:outside:size"))
  var gids: [String] = []

  @Option(
    name: .customLong("subuidname"),
    help: ArgumentHelp("The users of an account in /etc/subuid.", valueName: "name"))
  var subuidName: String?

  @Option(
    name: .customLong("subgidname"),
    help: ArgumentHelp("The groups of an account in /etc/subgid.", valueName: "name"))
  var subgidName: String?

  init() {}

  init(_ words: inout PlainWords) {
    mode = words.value("--userns")
    uids = words.values("--uidmap")
    gids = words.values("--gidmap")
    subuidName = words.value("--subuidname")
    subgidName = words.value("--subgidname")
  }

  /// `nil` where nothing is said.
  func request() throws -> UserNamespaceRequest? {
    let hasMaps = !uids.isEmpty || !gids.isEmpty
    let hasNames = subuidName != nil || subgidName != nil
    guard [mode != nil, hasMaps, hasNames].filter({ $0 }).count < 2 else {
      throw ValidationError(
        "--userns, --uidmap with --gidmap, and --subuidname with --subgidname exclude each other")
    }
    if let mode { return try UserNamespaceRequest(parsing: mode) }
    if hasMaps {
      return .maps(
        uids: try UserNamespaceRequest.map(uids.isEmpty ? gids : uids, "--uidmap"),
        gids: try UserNamespaceRequest.map(gids.isEmpty ? uids : gids, "--gidmap"))
    }
    guard let name = subuidName ?? subgidName else { return nil }
    return .accounts(uids: subuidName ?? name, gids: subgidName ?? name)
  }
}
