import Glibc
import Linux
import Supervisor
import TestSupport
import Testing

/// `--health-*`: the workload's health is asked after.
@Suite("health", .serialized)
struct HealthTests {
  @Test("an instance is starting, unhealthy after so many failures, and healthy after a success")
  func course() throws {
    try World.with { world in
      let started = try world.swrun(
        "-d", "--name", "web", "--health-cmd", "echo looked; test -e /tmp/well",
        "--health-interval", "100ms", "--health-retries", "2", "--", "sleep", "1000")
      #expect(started.code == 0, "\(started)")
      #expect(try world.reaches("web") { $0.health?.status == .unhealthy })
      let health = try #require(try world.state("web").health)
      #expect(health.failures >= 2 && health.checks.last?.exitCode == 1)
      #expect(health.checks.allSatisfy { $0.output == "looked\n" })
      #expect(try world.swrun("ps").lines[1].contains(" (unhealthy) "))
      #expect(try world.swrun("exec", "web", "touch", "/tmp/well").code == 0)
      #expect(try world.reaches("web") { $0.health?.status == .healthy })
      #expect(try world.state("web").health?.failures == 0)
      #expect(try world.swrun("ps", "--filter", "health=healthy", "-q").lines.count == 1)
      #expect(try world.swrun("ps", "--filter", "health=none", "-q").lines.isEmpty)
      #expect(try world.swrun("ps", "--format", "json").output.contains("\"health\": \"healthy\""))
      #expect(try world.reaches("web") { $0.health?.checks.count == 5 })
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("failures within the start period do not count, and what is long is cut")
  func startPeriod() throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--name", "web", "--health-cmd", "head -c 100000 /dev/zero | tr '\\0' x; exit 1",
        "--health-interval", "50ms", "--health-retries", "1", "--health-start-period", "1h", "--",
        "sleep", "1000")
      #expect(try world.reaches("web") { $0.health?.checks.count == 5 })
      let health = try #require(try world.state("web").health)
      #expect(health.status == .starting && health.failures == 0)
      #expect(health.checks.allSatisfy { $0.output.utf8.count == 500 })
      #expect(try world.swrun("ps").lines[1].contains(" (health: starting) "))
    }
  }

  @Test("a check is confined as exec is")
  func confined() throws {
    try World.with { world in
      let script =
        "grep -E '^(CapEff|Seccomp|NoNewPrivs):' /proc/self/status; hostname; id -un; ls /proc/self/fd"
      _ = try world.swrun(
        "-d", "--name", "web", "-u", "nobody", "--health-cmd", script, "--health-interval", "50ms",
        "--", "sleep", "1000")
      let executed = try world.swrun("exec", "web", "sh", "-c", script)
      #expect(executed.code == 0, "\(executed)")
      #expect(try world.reaches("web") { $0.health?.checks.isEmpty == false })
      #expect(try world.state("web").health?.checks.first?.output == executed.output)
    }
  }

  @Test("a check that takes too long is killed and fails; stop ends the instance for good")
  func slow() throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--name", "web", "--restart", "always", "--health-cmd", "exec sleep 1000",
        "--health-interval", "50ms", "--health-timeout", "200ms", "--health-retries", "2",
        "--health-on-failure", "stop", "--", "sleep", "1000")
      #expect(try world.reaches("web") { $0.status == .exited })
      let state = try world.state("web")
      #expect(state.exitCode == 143 && state.restartCount == 0)
      #expect(state.health?.checks.last?.output.contains("--health-timeout") == true)
      #expect(state.health?.checks.last?.exitCode == nil)
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "what is unhealthy is launched again: by kill and the policy, by restart without one",
    arguments: [
      ["--health-on-failure", "kill", "--restart", "always"], ["--health-on-failure", "restart"],
    ])
  func launchedAgain(_ words: [String]) throws {
    try World.with { world in
      _ = try world.swrun(
        ["-d", "--name", "web", "--health-cmd", "exit 1", "--health-interval", "50ms"]
          + ["--health-retries", "1", "--stop-timeout", "1"] + words
          + ["--", "sh", "-c", "trap '' TERM; echo run; while :; do sleep 0.1; done"])
      #expect(try world.reaches("web") { $0.restartCount ?? 0 >= 2 })
      #expect(try world.swrun("stop", "-s", "KILL", "web").code == 0)
      #expect(try world.state("web").status == .exited)
      #expect(try world.swrun("logs", "web").lines.count >= 2)
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("what contradicts itself, or says nothing, is refused")
  func refused() throws {
    try World.with { world in
      for (words, reason) in [
        (["--health-interval", "1s"], "--health-interval needs --health-cmd"),
        (["--no-healthcheck", "--health-cmd", "true"], "exclude each other"),
        (["--health-cmd", "true", "--health-interval", "10"], "--health-interval"),
        (["--health-cmd", "true", "--health-interval", "0s"], "at least 1ms"),
        (["--health-cmd", "true", "--health-retries", "0"], "at least 1"),
        (["--health-cmd", "true", "--health-on-failure", "stopp"], "did you mean stop?"),
        (["--health-cmd", ""], "no command is given"),
      ] {
        let result = try world.swrun(words + ["--", "true"])
        #expect(result.code == 125 && result.errors.contains(reason), "\(result)")
      }
      #expect(try world.swrun("--rm", "--no-healthcheck", "--", "true").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("--timeout kills a run that takes too long, with Podman's exit code")
  func timeout() throws {
    try World.with { world in
      let result = try world.swrun("--name", "web", "--timeout", "1", "--", "sleep", "1000")
      #expect(result.code == 255 && result.errors.contains("--timeout of 1 s"), "\(result)")
      #expect(try world.state("web").error?.contains("--timeout") == true)
      _ = try world.swrun(
        "-d", "--name", "again", "--timeout", "1", "--restart", "on-failure:1", "--", "sleep",
        "1000")
      #expect(try world.swrun("wait", "again").output == "255\n")
      #expect(try world.state("again").restartCount == 1)
      #expect(try world.swrun("--rm", "--timeout", "1000", "--", "sh", "-c", "exit 3").code == 3)
    }
  }

  @Test("--cidfile has the id and is never written over; --pid-file has PID 1 while it runs")
  func files() throws {
    try World.with { world in
      let (id, pid) = ("\(world.directory)/id", "\(world.directory)/pid")
      let started = try world.swrun(
        "-d", "--name", "web", "--cidfile", id, "--pid-file", pid, "--restart", "always", "--",
        "sleep", "1000")
      #expect(try readText(id) == started.lines.first)
      #expect(try readText(pid) == "\(try world.pid("web"))\n")
      #expect(try world.swrun("restart", "web").code == 0)
      #expect(try readText(pid) == "\(try world.pid("web"))\n")
      let again = try world.swrun("--cidfile", id, "--", "true")
      #expect(again.code == 125 && again.errors.contains(id), "\(again)")
      #expect(try world.swrun("stop", "web").code == 0)
      #expect(FileIdentity(path: pid) == nil)
      // The record is the same, and so is its file.
      #expect(try world.swrun("start", "web").code == 0)
      #expect(try readText(pid) == "\(try world.pid("web"))\n")
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(FileIdentity(path: pid) == nil)
      unlink(id)
      #expect(try world.swrun("--rm", "--cidfile", id, "--", "/nosuch").code == 127)
      #expect(FileIdentity(path: id) == nil)
      let lost = try world.swrun("--rm", "--pid-file", "/nosuch/pid", "--", "true")
      #expect(lost.code == 125 && lost.errors.contains("/nosuch/pid"), "\(lost)")
      let created = try world.swrun("create", "--cidfile", id, "--", "true")
      #expect(try readText(id) == created.lines.first)
      #expect(try world.swrun("rm", try readText(id)).code == 0)
      #expect(try world.leftovers() == [])
    }
  }
}
