import Glibc
import Linux

/// A DHCP server and router of the test's LAN, dnsmasq(8), in the namespace `lan` alone.
public final class Dnsmasq {
  private let running: StartedCommand
  private let directory: String
  private var runs = true

  /// - Parameters:
  ///   - options: what it gives to whom; see dnsmasq(8).
  public init(_ world: World, _ options: String...) throws {
    directory = "\(world.directory)/dnsmasq-\(UInt32.random(in: 0...UInt32.max))"
    try makeDirectories(directory)
    let fixed = [
      "ip", "netns", "exec", world.lanName, "dnsmasq", "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--user=root", "--port=0", "--interface=p0", "--bind-interfaces", "--no-ping", "--log-dhcp",
      "--log-facility=\(directory)/log", "--dhcp-leasefile=\(directory)/leases", "--pid-file=",
      "--dhcp-authoritative", "--no-hosts", "--no-resolv",
    ]
    running = try start(fixed + options)
    guard
      eventually(condition: {
        self.log.contains("DHCP, IP range") || self.log.contains("router advertisement on")
      })
    else { throw TestFailure("dnsmasq does not start: \(log)\(try running.finish())") }
  }

  /// What it has told.
  public var log: String { (try? readText("\(directory)/log")) ?? "" }

  /// The addresses that it has given, by the host's name.
  public var leases: [String: String] {
    let lines = ((try? readText("\(directory)/leases")) ?? "").split(separator: "\n")
    let fields = lines.map { $0.split(separator: " ").map(String.init) }.filter { $0.count == 5 }
    return Dictionary(fields.map { ($0[3], $0[2]) }) { $1 }
  }

  public func stop() {
    guard runs else { return }
    runs = false
    // A test has SIGTERM blocked, and so has what it starts.
    kill(running.pid, SIGKILL)
    _ = try? running.finish()
  }

  private func eventually(condition: () -> Bool) -> Bool {
    TestSupport.eventually(seconds: 30, condition)
  }
}
