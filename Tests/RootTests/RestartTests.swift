import Glibc
import Linux
import Supervisor
import TestSupport
import Testing

/// `--restart`, `swrun restart`, and what ends an instance for good.
@Suite("restart", .serialized)
struct RestartTests {
  @Test("on-failure:N launches the command N times more, and all is in one log")
  func onFailure() throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--name", "web", "--restart", "on-failure:2", "--", "sh", "-c", "echo run; exit 3")
      #expect(try world.swrun("wait", "web").output == "3\n")
      #expect(try world.swrun("logs", "web").lines == ["run", "run", "run"])
      let state = try world.state("web")
      #expect(state.status == .exited && state.restartCount == 2 && state.restart == "on-failure:2")
      #expect(
        try world.swrun("ps", "-a", "--format", "json").output.contains("\"restartCount\": 2"))
      _ = try world.swrun(
        "-d", "--name", "well", "--restart", "on-failure", "--", "sh", "-c", "exit 0")
      #expect(try world.swrun("wait", "well").output == "0\n")
      #expect(try world.state("well").restartCount == 0)
      #expect(try world.swrun("rm", "web", "well").lines == ["web", "well"])
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a stop between two runs ends the instance, and says how the last run ended")
  func stopBetween() throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--name", "web", "--restart", "always", "--", "sh", "-c", "echo run; exit 4")
      #expect(
        try world.reaches("web") { $0.status == .restarting && $0.restartCount ?? 0 >= 4 })
      let row = try world.swrun("ps").lines[1]
      #expect(row.contains(" Restarting (4) "), "\(row)")
      let entered = try world.swrun("exec", "web", "true")
      #expect(entered.code == 125, "\(entered)")
      #expect(try world.swrun("stop", "web").output == "web\n")
      let state = try world.state("web")
      #expect(state.status == .exited && state.exitCode == 4)
      // The last that was counted was not launched.
      let runs = try world.swrun("logs", "web").lines.count
      #expect(runs <= (state.restartCount ?? 0) + 1)
      #expect(try world.swrun("wait", "web").output == "4\n")
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("kill ends for good by KILL and by what stop sends; other signals leave it to the policy")
  func kill() throws {
    try World.with { world in
      for signal in ["KILL", "INT"] {
        _ = try world.swrun(
          "-d", "--name", "web", "--restart", "always", "--stop-signal", "INT", "--", "sh", "-c",
          "trap 'exit 5' INT; echo run; while :; do sleep 0.1; done")
        #expect(try eventually { try world.swrun("logs", "web").lines.count == 1 })
        let killed = try world.swrun("kill", "-s", "USR1", "web")
        #expect(killed.code == 0, "\(killed)")
        #expect(try eventually { try world.swrun("logs", "web").lines.count == 2 })
        let state = try world.state("web")
        #expect(state.restartCount == 1 && state.isRunning)
        #expect(try world.swrun("kill", "-s", signal, "web").code == 0)
        #expect(try world.swrun("wait", "web").output == (signal == "KILL" ? "137\n" : "5\n"))
        #expect(try world.state("web").signal == (signal == "KILL" ? "KILL" : nil))
        #expect(try world.swrun("rm", "web").code == 0)
      }
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a signal to the monitor that asks to end is not taken for the workload's failure")
  func monitorSignalled() throws {
    try World.with { world in
      let running = try world.startSwrun(
        "--name", "web", "--restart", "always", "--", "sleep", "1000")
      #expect(try eventually { try world.swrun("ps", "-q").lines.count == 1 })
      #expect(try world.reaches("web") { $0.isRunning })
      Glibc.kill(running.pid, SIGTERM)
      #expect(try running.finish().code == 143)
      #expect(try world.state("web").status == .exited)
      #expect(try world.swrun("rm", "web").code == 0)
    }
  }

  @Test("the address stays with an instance that is launched again, and nobody gets it meanwhile")
  func address() throws {
    try World.with { world in
      let created = try world.swrun(
        "network", "create", "--driver", "macvlan", "--subnet", "10.20.20.0/24", "--ip-range",
        "10.20.20.64/30", "--opt", "parent=eth0", "lan")
      #expect(created.code == 0, "\(created)")
      let script = "ip -br -4 addr show dev eth0; read word < /tmp/none; exit 1"
      let started = try world.swrun(
        "-d", "--name", "web", "--restart", "always", "--net", "lan", "--", "sh", "-c", script)
      #expect(started.code == 0, "\(started)")
      #expect(try world.reaches("web") { $0.restartCount ?? 0 >= 4 })
      let own = try #require(try world.state("web").networks.first?.addresses.first)
      let taken = try world.swrun(
        "--rm", "--net", "macvlan:eth0,ip=\(own)", "--", "true")
      #expect(taken.code == 125 && taken.errors.contains("web"), "\(taken)")
      let other = try world.swrun("--rm", "--net", "lan", "--", "ip", "-br", "-4", "addr")
      #expect(other.code == 0 && !other.output.contains(own), "\(other)")
      #expect(try world.swrun("stop", "web").code == 0)
      let lines = try world.swrun("logs", "web").lines
      #expect(lines.count >= 4 && lines.allSatisfy { $0.contains(" \(own) ") }, "\(lines)")
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a launch that fails because the parent has gone is tried again, until it is there")
  func parentGone() throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--name", "web", "--restart", "always", "--net", "macvlan:eth1,ip=10.30.0.2/24",
        "--", "sleep", "1000")
      try world.ip("-n", world.hostName, "link", "del", "eth1")
      #expect(try world.swrun("kill", "-s", "USR1", "web").code == 0)
      #expect(try world.reaches("web") { $0.error?.contains("eth1") == true })
      #expect(try world.state("web").status == .restarting)
      try world.ip(
        "-n", world.hostName, "link", "add", "eth1", "type", "veth", "peer", "name", "p1", "netns",
        world.lanName)
      try world.ip("-n", world.hostName, "link", "set", "eth1", "up")
      #expect(try world.reaches("web") { $0.isRunning })
      let state = try world.state("web")
      #expect(state.error == nil && state.networks.first?.fault == nil)
      #expect(try world.swrun("exec", "web", "ip", "-br", "addr").output.contains("10.30.0.2/24"))
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("restart ends the command and launches it again in place, whatever the policy")
  func restart() throws {
    try World.with { world in
      let id = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth0,ip=10.20.20.2", "--", "sh", "-c",
        "trap 'exit 0' TERM; echo run; while :; do sleep 0.1; done"
      ).lines[0]
      #expect(try eventually { try world.swrun("logs", "web").lines.count == 1 })
      let before = try world.state("web")
      #expect(try world.swrun("restart", "web").output == "web\n")
      let after = try world.state("web")
      #expect(after.isRunning && after.id == id && after.monitor == before.monitor)
      #expect(after.process != before.process && after.restartCount == 0)
      #expect(try world.swrun("exec", "web", "ip", "-br", "addr").output.contains("10.20.20.2/24"))
      #expect(try eventually { try world.swrun("logs", "web").lines.count == 2 })
      // One that is paused goes on, to hear of it.
      if before.cgroup != nil {
        #expect(try world.swrun("pause", "web").code == 0)
        #expect(try world.swrun("restart", "web").code == 0)
        #expect(try world.state("web").status == .running)
      }
      #expect(try world.swrun("stop", "web").code == 0)
      #expect(try world.swrun("restart", "web").output == "web\n")
      #expect(try world.state("web").isRunning)
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("stop uses the instance's own signal and time, unless it is told others")
  func stopOptions() throws {
    try World.with { world in
      let script = "trap 'exit 7' USR1; trap '' TERM; echo up; while :; do sleep 0.1; done"
      for (words, code) in [
        (["stop", "web"], "7\n"), (["stop", "-s", "TERM", "-t", "1", "web"], "137\n"),
      ] {
        _ = try world.swrun(
          "-d", "--name", "web", "--stop-signal", "SIGUSR1", "--stop-timeout", "300", "--", "sh",
          "-c", script)
        #expect(try eventually { try world.swrun("logs", "web").output == "up\n" })
        #expect(try world.swrun(words).code == 0)
        #expect(try world.swrun("wait", "web").output == code)
        #expect(try world.swrun("rm", "web").code == 0)
      }
    }
  }

  @Test("policies that contradict or do not exist are refused")
  func refused() throws {
    try World.with { world in
      let both = try world.swrun("--rm", "--restart", "always", "--", "true")
      #expect(both.code == 125 && both.errors.contains("exclude each other"), "\(both)")
      #expect(try world.swrun("--rm", "--restart", "no", "--", "true").code == 0)
      let unknown = try world.swrun("--restart", "sometimes", "--", "true")
      #expect(unknown.code == 125 && unknown.errors.contains("unless-stopped"), "\(unknown)")
      #expect(try world.leftovers() == [])
    }
  }
}
