import Linux
import TestSupport
import Testing

/// What of restarts needs ipvlan or cgroup v2.
@Suite("restart", .serialized)
struct RestartTests {
  @Test(
    "an ipvlan instance keeps its address over five restarts in a row",
    arguments: ["ipvlan:eth0:l2", "ipvlan:eth0:l3"])
  func address(_ network: String) throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--name", "web", "--restart", "on-failure:5", "--net", "\(network),ip=10.20.20.2",
        "--", "sh", "-c", "ip -br -4 addr show dev eth0; exit 1")
      #expect(try world.swrun("wait", "web").output == "1\n")
      let lines = try world.swrun("logs", "web").lines
      #expect(lines.count == 6 && lines.allSatisfy { $0.contains(" 10.20.20.2/") }, "\(lines)")
      #expect(try world.swrun("inspect", "web").output.contains("\"restartCount\": 5"))
      #expect(try world.swrun("rm", "web").code == 0)
      _ = try world.swrun(
        "-d", "--name", "web", "--net", "\(network),ip=10.20.20.2", "--", "sleep", "1000")
      for _ in 0..<5 {
        #expect(try world.swrun("restart", "-s", "KILL", "web").output == "web\n")
        #expect(try world.swrun("exec", "web", "ping", "-c", "1", "10.20.20.2").code == 0)
      }
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "limits that update has changed hold after a restart and a start, and each run has a fresh cgroup"
  )
  func limits() throws {
    try World.with { world in
      func limit() throws -> String {
        try world.swrun("exec", "web", "cat", "/sys/fs/cgroup/memory.max").output
      }
      let started = try world.swrun(
        "-d", "--name", "web", "--memory", "64m", "--restart", "on-failure:1", "--", "sleep", "1000"
      )
      try #require(started.code == 0, "\(started)")
      #expect(try limit() == "67108864\n")
      #expect(try world.swrun("update", "--memory", "96m", "web").code == 0)
      #expect(try world.swrun("restart", "web").code == 0)
      #expect(try limit() == "100663296\n")
      #expect(try world.swrun("stop", "web").code == 0)
      #expect(try world.swrun("start", "web").code == 0)
      #expect(try limit() == "100663296\n")
      // One that was killed for want of memory may do better the next time.
      let bomb = "test -e /tmp/calm && exec sleep 1000; tail /dev/zero"
      _ = try world.swrun(
        "-d", "--name", "bomb", "--memory", "32m", "--memory-swap", "32m", "--restart",
        "on-failure:1", "--", "sh", "-c", bomb)
      #expect(try world.swrun("wait", "bomb").output == "137\n")
      #expect(try world.swrun("inspect", "bomb").output.contains("\"oomKilled\": true"))
      #expect(try world.swrun("rm", "-f", "web", "bomb").code == 0)
      #expect(try world.leftovers() == [])
    }
  }
}
