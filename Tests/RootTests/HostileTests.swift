import TestSupport
import Testing

/// What a workload tries that wants out: `Tests/Hostile/hostile.c`, one attempt by one.
@Suite("hostile workloads", .serialized)
struct HostileTests {
  @Test(
    "no way out is open",
    arguments: [
      [], ["-u", "1234:1234"], ["-t"], ["--net", "host"],
      ["--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536"],
    ])
  func refused(_ options: [String]) throws {
    try World.with { world in
      let result = try world.swrun(
        ["--rm"] + options + Hostile.volume + ["--", Hostile.inside])
      #expect(Hostile.summary(result) == Hostile.refused, "\(result)")
    }
  }

  @Test("nor is one for what exec runs")
  func executed() throws {
    try World.with { world in
      #expect(
        try world.swrun(["-d", "--name", "a"] + Hostile.volume + ["--", "sleep", "1000"]).code == 0)
      for options in [[], ["-t"], ["-u", "1234"]] {
        let result = try world.swrun(["exec"] + options + ["a", Hostile.inside])
        #expect(Hostile.summary(result) == Hostile.refused, "\(options): \(result)")
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
        ["--rm", "--cap-add", "NET_RAW"] + Hostile.volume + ["--", Hostile.inside, "spoofing"])
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
      ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", Hostile.program] + attempts
    )
    for attempt in attempts {
      #expect(result.lines.contains { $0.hasPrefix("possible: \(attempt): ") }, "\(result)")
    }
  }
}
