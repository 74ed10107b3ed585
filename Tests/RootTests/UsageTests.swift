import Glibc
import Linux
import TestSupport
import Testing

@Suite("usage", .serialized)
struct UsageTests {
  @Test("metrics tell of each instance and each of its interfaces; stats of their sums")
  func metrics() throws {
    try World.with { world in
      let empty = try world.swrun("metrics")
      #expect(try Exposition(empty.output).value("instances", ["state": "running"]) == 0)
      let started = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth0,ip=10.20.20.2/24", "--net",
        "macvlan:eth1,ip=10.30.0.2/24,gateway=none", "--", "sh", "-c", "sleep 1000 # \"\\\n")
      try #require(started.code == 0, "\(started)")
      #expect(try world.swrun("--name", "ended", "--", "sh", "-c", "exit 3").code == 3)
      #expect(try world.lan("ping", "-c", "3", "-i", "0.2", "10.20.20.2").code == 0)
      let result = try world.swrun("metrics")
      #expect(result.code == 0 && result.errors == "", "\(result)")
      let metrics = try Exposition(result.output)
      #expect(metrics.value("instances", ["state": "running"]) == 1)
      #expect(metrics.value("instances", ["state": "exited"]) == 1)
      #expect(
        metrics.value("instance_info", ["name": "web", "command": "sh -c sleep 1000 # \"\\\n"]) == 1
      )
      #expect(metrics.value("instance_exit_code", ["name": "ended"]) == 3)
      #expect(metrics.value("instance_running", ["name": "ended"]) == 0)
      let started1970 = try #require(metrics.value("instance_start_time_seconds", ["name": "web"]))
      #expect(abs(started1970 - Double(Clock.realtime()) / 1e9) < 600)
      func packets(_ interface: String) -> Double? {
        metrics.value(
          "instance_network_receive_packets_total", ["name": "web", "interface": interface])
      }
      #expect(try #require(packets("eth0")) >= 3 && packets("eth1") != nil && packets("lo") == nil)
      #expect(metrics.value("instance_network_up", ["name": "web", "interface": "eth1"]) == 1)
      if CgroupHierarchy.current != nil {
        #expect(metrics.value("instance_cpu_seconds_total", ["name": "web"]) != nil)
      }
      let stats = try world.swrun("stats", "--no-stream", "--format", "json")
      #expect(stats.output.contains("\"interface\": \"eth1\""), "\(stats)")
      _ = try world.ip("-n", world.hostName, "link", "set", "eth1", "down")
      #expect(
        try eventually {
          let text = try world.swrun("metrics").output
          return try Exposition(text).value("instance_network_up", ["interface": "eth1"]) == 0
        })
    }
  }

  @Test("ps --watch prints again when something changes, and ends with a signal")
  func watch() throws {
    try World.with { world in
      let watching = try world.startSwrun("ps", "--watch", "-a")
      let quiet = try world.startSwrun("ps", "--watch", "-q", "--filter", "status=exited")
      #expect(eventually { watching.output.contains("ID  NAME") })
      #expect(try world.swrun("-d", "--name", "web", "--", "sleep", "1000").code == 0)
      #expect(eventually { watching.output.contains(" Up ") })
      #expect(try world.swrun("pause", "web").code == 0 || CgroupHierarchy.current == nil)
      // A monitor that is killed writes nothing.
      let monitor = try readText("/proc/\(try world.pid("web"))/status").split(separator: "\n")
        .first { $0.hasPrefix("PPid:") }.flatMap { $0.split(separator: "\t").last }
      kill(try #require(monitor.flatMap { pid_t($0) }), SIGKILL)
      #expect(eventually { watching.output.contains("Exited (137)") })
      #expect(eventually { quiet.output.count == 13 })
      let before = watching.output
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(eventually { watching.output.count > before.count })
      #expect(!watching.output.dropFirst(before.count).contains("web"))
      for running in [watching, quiet] { kill(running.pid, SIGHUP) }
      let result = try watching.finish()
      #expect(result.code == 0 && !result.output.contains("\u{1b}"), "\(result)")
      #expect(try quiet.finish().code == 0)
    }
  }

  @Test("at a terminal ps --watch has a screen of its own, and gives it back at Ctrl-C")
  func screen() throws {
    try World.with { world in
      #expect(try world.swrun("-d", "--name", "web", "--", "sleep", "1000").code == 0)
      let watching = try world.swrunAtTerminal("ps", "--watch")
      #expect(eventually { watching.text.contains("web") })
      #expect(watching.text.hasPrefix("\u{1b}[?1049h"))
      #expect(try world.swrun("stop", "-t", "0", "web").code == 0)
      #expect(
        eventually {
          watching.text.split(separator: "\u{1b}[H").last?.contains("web") == false
        })
      try watching.type("\u{3}")
      #expect(watching.finish() == 0)
      #expect(watching.text.hasSuffix("\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"))
    }
  }

  @Test("at a terminal stats has a screen of its own, shows it anew, and gives it back at Ctrl-C")
  func statsScreen() throws {
    try World.with { world in
      #expect(try world.swrun("-d", "--name", "one", "--", "sleep", "1000").code == 0)
      let watching = try world.swrunAtTerminal("stats")
      func frames() -> [Substring] { watching.text.split(separator: "\u{1b}[H") }
      #expect(eventually { frames().last?.contains("one") == true })
      #expect(watching.text.hasPrefix("\u{1b}[?1049h"))
      #expect(try world.swrun("-d", "--name", "two", "--", "sleep", "1000").code == 0)
      #expect(eventually { frames().last?.contains("two") == true })
      #expect(try world.swrun("rm", "-f", "one").code == 0)
      #expect(eventually { frames().last?.contains("one") == false })
      // In place: each frame begins at the top, and none is longer than the screen.
      watching.resize(rows: 1, columns: 80)
      #expect(
        eventually { frames().last.map { $0.contains("NAME") && !$0.contains("two") } == true })
      try watching.type("\u{3}")
      #expect(watching.finish() == 0)
      #expect(watching.text.hasSuffix("\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"))
    }
  }

  @Test("stats that is no terminal's goes on a line a second, and ends with a signal")
  func statsStream() throws {
    try World.with { world in
      #expect(try world.swrun("-d", "--name", "web", "--", "sleep", "1000").code == 0)
      let streaming = try world.startSwrun("stats", "--format", "json")
      #expect(eventually { streaming.output.split(separator: "\n").count >= 2 })
      kill(streaming.pid, SIGINT)
      let result = try streaming.finish()
      #expect(result.code == 0 && !result.output.contains("\u{1b}"), "\(result)")
      #expect(result.lines.allSatisfy { $0.hasPrefix("{") && $0.contains("\"name\":\"web\"") })
    }
  }
}
