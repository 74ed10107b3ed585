import ArgumentParser

struct NetworkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "network", _superCommandName: "swrun",
    abstract: "Define networks: a kind of slave, a parent and the addresses of its instances.",
    discussion: """
      An instance on a network gets the lowest free address of each of its subnets' families, or the \
      one of --ip.

        swrun network create --subnet 10.20.20.0/24 --gateway 10.20.20.1 --opt parent=eth0 lan
        swrun -d --net lan -- sleep 100
        swrun network inspect lan
      """,
    subcommands: [
      NetworkCreate.self, NetworkLs.self, NetworkInspect.self, NetworkRm.self, NetworkPrune.self,
      NetworkConnect.self, NetworkDisconnect.self, NetworkRoutes.self, NetworkGraph.self,
    ])
}

/// Does something to each of several networks; one that fails does not keep the others from it.
func forEachNetwork(_ names: [String], _ body: (String) throws -> Void) throws {
  var failed = false
  for name in names {
    do { try body(name) } catch {
      printError("\(error)")
      failed = true
    }
  }
  if failed { throw ExitCode(125) }
}
