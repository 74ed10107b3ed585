import Glibc
import Linux
import TestSupport
import Testing

/// On a stock kernel, whose parts are modules that are loaded when they are asked for, and on which
/// netfilter does not see what is bridged.
@Suite("bridges", .serialized)
struct BridgeTests {
  /// Says who asks, to whoever asks.
  private static let greeter = """
    import socket as s
    l = s.create_server(("::", 80), family=s.AF_INET6, dualstack_ipv6=True)
    while 1:
        c, a = l.accept(); c.send(("hello " + a[0] + "\\n").encode()); c.close()
    """

  private static func ask(_ address: String, _ port: Int) -> [String] {
    ["timeout", "30", "bash", "-c", "read x </dev/tcp/\(address)/\(port) && echo $x"]
  }

  @Test("an instance on the bridge is reached by its published port, and leads out as the host")
  func published() throws {
    try World.with { world in
      let neighbour = try start(
        ["ip", "netns", "exec", world.lanName, "/usr/bin/python3", "-c", Self.greeter])
      defer {
        kill(neighbour.pid, SIGTERM)
        _ = try? neighbour.finish()
      }
      let run = try world.swrun(
        "-d", "--name", "web", "--net", "bridge", "-p", "8080:80", "--", "/usr/bin/python3", "-c",
        Self.greeter)
      #expect(run.code == 0, "\(run)")
      func ask(in namespace: String, _ address: String, _ port: Int) throws -> String {
        try command(["ip", "netns", "exec", namespace] + Self.ask(address, port)).output
      }
      // Until both greet.
      #expect(
        try eventually {
          try ask(in: world.lanName, "10.20.20.5", 8080) == "hello ::ffff:10.20.20.1\n"
        })
      #expect(try eventually { try ask(in: world.lanName, "127.0.0.1", 80).contains("hello") })
      #expect(try ask(in: world.hostName, "127.0.0.1", 8080) == "hello ::ffff:10.66.0.1\n")
      let seen = try world.swrun(
        "exec", "web", "bash", "-c",
        "for to in 10.20.20.5/8080 10.20.20.1/80; do read x </dev/tcp/$to; echo $x; done")
      #expect(seen.lines == ["hello ::ffff:10.66.0.1", "hello ::ffff:10.20.20.5"], "\(seen)")
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      kill(neighbour.pid, SIGTERM)
      _ = try? neighbour.finish()
      let left = try world.host(
        "sh", "-c", "nft list ruleset; cat /proc/sys/net/ipv4/conf/eth0/forwarding")
      #expect(left.output == "0\n", "\(left)")
      #expect(try world.leftovers() == [])
    }
  }
}
