import CAttach
import Glibc
import Linux
import Netlink
import Network

/// attach KIND PARENT NAMESPACE ROUNDS: for each round the time (ns) of an attach by the least C for
/// the netlink work, and of that by swrun's own code, in turns in one process. NAMESPACE is a file
/// such as /run/netns/x.
@main
enum Attach {
  static func main() throws {
    let words = CommandLine.arguments
    guard words.count == 5, let rounds = Int(words[4]), rounds > 0 else {
      print("usage: attach ipvlan|macvlan PARENT NAMESPACE ROUNDS")
      exit(2)
    }
    let kind = words[1]
    let spec = try NetworkSpec(
      parsing: "\(kind):\(words[2]),ip=10.20.20.2/24,gateway=10.20.20.1")
    var planner = NetworkPlanner(host: try NetlinkSocket(), known: [])
    let plans = try planner.plan([spec])
    // The first round loads modules and fills caches.
    for round in 0...rounds {
      let space = try Namespace(path: words[3])
      let identity = space.fd
      var start = Clock.monotonic()
      let failure = swrun_bench_attach(kind, plans[0].parent.index, identity.rawValue)
      let first = Clock.monotonic() - start
      guard failure == 0, swrun_bench_detach(identity.rawValue) == 0 else {
        print("attach: the C side has failed: \(String(cString: strerror(failure)))")
        exit(1)
      }
      start = Clock.monotonic()
      var host = try NetlinkSocket()
      var setup = try NetworkSetup(in: space, id: "bench", isShared: false)
      for plan in plans { try setup.add(plan, &host) }
      let second = Clock.monotonic() - start
      setup.remove()
      if round > 0 { print(first, second) }
    }
  }
}
