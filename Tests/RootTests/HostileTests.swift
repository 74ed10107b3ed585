import Glibc
import TestSupport
import Testing

/// What a workload tries that wants out: `Tests/Hostile/hostile.c`, one attempt by one.
@Suite("hostile workloads", .serialized)
struct HostileTests {
  private static let program = ".build/hostile"
  private static var volume: [String] {
    get throws {
      guard let path = realpath(program, nil) else { throw TestFailure("make \(program) first") }
      defer { free(path) }
      return ["-v", "\(String(cString: path)):\(inside):ro"]
    }
  }
  private static let inside = "/tmp/hostile"

  /// The last line that the program prints where nothing was possible.
  private static let refused = "tried 30, possible 0"

  /// Without the carriage returns of a terminal.
  private static func lastLine(_ result: CommandResult) -> String? {
    String(decoding: result.output.utf8.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
      .split(separator: "\n").last.map(String.init)
  }

  @Test(
    "no way out is open",
    arguments: [
      [], ["-u", "1234:1234"], ["-t"], ["--net", "host"],
      ["--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536"],
    ])
  func refused(_ options: [String]) throws {
    try World.with { world in
      let result = try world.swrun(
        ["--rm"] + options + Self.volume + ["--", Self.inside])
      #expect(Self.lastLine(result) == Self.refused, "\(result)")
    }
  }

  @Test("nor is one for what exec runs")
  func executed() throws {
    try World.with { world in
      #expect(
        try world.swrun(["-d", "--name", "a"] + Self.volume + ["--", "sleep", "1000"]).code == 0)
      for options in [[], ["-t"], ["-u", "1234"]] {
        let result = try world.swrun(["exec"] + options + ["a", Self.inside])
        #expect(Self.lastLine(result) == Self.refused, "\(options): \(result)")
      }
    }
  }

  @Test("ping works without raw sockets, which --cap-add NET_RAW gives")
  func raw() throws {
    try World.with { world in
      for user in ["0", "1234"] {
        let result = try world.swrun(
          "--rm", "-u", user, "--net", "macvlan:eth0,ip=10.20.20.2", "--", "ping", "-c", "1", "-W",
          "10", "10.20.20.1")
        #expect(result.code == 0, "\(user): \(result)")
      }
      let result = try world.swrun(
        ["--rm", "--cap-add", "NET_RAW"] + Self.volume + ["--", Self.inside, "spoofing"])
      #expect(result.lines.last == "tried 1, possible 1", "\(result)")
    }
  }

  @Test("the attempts get somewhere where nobody stops them")
  func possible() throws {
    let attempts = [
      "mounts", "new-namespaces", "keyrings", "own-network", "spoofing", "setuid-programs",
      "privileges", "handles",
    ]
    let result = try command(
      ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", Self.program] + attempts)
    for attempt in attempts {
      #expect(result.lines.contains { $0.hasPrefix("possible: \(attempt): ") }, "\(result)")
    }
  }
}
