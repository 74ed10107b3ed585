import Glibc
import JSON
import Linux
import TestSupport
import Testing

@Suite("lifecycle", .serialized)
struct LifecycleTests {
  static let networks = [[], ["--net", "macvlan:eth0", "--ip", "10.20.20.2"]]

  @Test(
    "an instance in the background is listed, entered, logged, stopped and removed",
    arguments: networks)
  func background(_ network: [String]) throws {
    try World.with { world in
      let started = try world.swrun(
        ["-d", "--name", "web"] + network + [
          "--", "sh", "-c", "echo out; echo err >&2; exec sleep 1000",
        ])
      #expect(started.code == 0, "\(started)")
      let id = started.output.dropLast()
      #expect(id.count == 64)
      let row = try world.swrun("ps").lines[1]
      #expect(row.hasPrefix("\(id.prefix(12))  web"))
      #expect(row.contains(network.isEmpty ? " none " : " macvlan:eth0:bridge  10.20.20.2/24 "))
      let entered = try world.swrun("exec", String(id.prefix(5)), "hostname")
      #expect(entered.output == "\(id.prefix(12))\n", "\(entered)")
      #expect(try eventually { try world.swrun("logs", "web").output == "out\n" })
      #expect(try world.swrun("logs", "web").errors == "err\n")
      #expect(try world.swrun("rm", "web").code == 125)
      #expect(try world.swrun("stop", "web").output == "web\n")
      #expect(try world.swrun("ps").lines.count == 1)
      #expect(try world.swrun("ps", "-a").lines[1].contains("Exited (143)"))
      #expect(try world.swrun("wait", "web").output == "143\n")
      #expect(try world.swrun("logs", "-f", "web").output == "out\n")
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("exec gives the exit code, the streams, the user and the same limits")
  func exec() throws {
    try World.with { world in
      #expect(try world.swrun("-d", "--name", "web", "--", "sleep", "1000").code == 0)
      #expect(try world.swrun("exec", "web", "sh", "-c", "exit 4").code == 4)
      #expect(try world.swrun("exec", "web", "nosuch").code == 127)
      #expect(try world.swrun("exec", "web", "/etc/passwd").code == 126)
      #expect(try world.swrun("exec", "web", "sh", "-c", "kill -9 $$").code == 137)
      #expect(try world.swrun(["exec", "-i", "web", "cat"], input: "hi").output == "hi")
      let user = try world.swrun(
        "exec", "-u", "nobody", "-w", "/tmp", "-e", "A=b", "web", "sh", "-c", "id -un; pwd; echo $A"
      )
      #expect(user.lines == ["nobody", "/tmp", "b"], "\(user)")
      let limits = try world.swrun(
        "exec", "web", "grep", "-E", "^(CapEff|Seccomp|NoNewPrivs):", "/proc/self/status")
      #expect(
        limits.lines == ["CapEff:\t00000000000405fb", "NoNewPrivs:\t1", "Seccomp:\t2"], "\(limits)")
      #expect(try world.swrun("exec", "web", "ls", "/proc/self/fd").lines == ["0", "1", "2", "3"])
      #expect(try world.swrun("exec", "-t", "web", "tty").output.contains("/dev/pts/"))
      // PID 1 and what exec has started are all there is.
      #expect(try world.swrun("exec", "web", "sh", "-c", "ls -d /proc/[0-9]*").lines.count >= 3)
    }
  }

  @Test("kill sends the signal asked for")
  func kill() throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--name", "web", "--", "sh", "-c",
        "trap 'exit 3' USR1; echo up; while :; do sleep 0.1; done")
      #expect(try eventually { try world.swrun("logs", "web").output == "up\n" })
      #expect(try world.swrun("kill", "-s", "USR1", "web").code == 0)
      #expect(try world.swrun("wait", "web").output == "3\n")
      #expect(try world.swrun("kill", "web").code == 125)
    }
  }

  @Test("stop kills what ignores its signal")
  func stubborn() throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--rm", "--name", "web", "--", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")
      #expect(try world.swrun("stop", "-t", "1", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "a monitor that is killed takes the workload with it, and the next command puts the state right",
    arguments: networks)
  func monitorKilled(_ network: [String]) throws {
    try World.with { world in
      for removed in [true, false] {
        _ = try world.swrun(
          ["-d", "--name", "web"] + (removed ? ["--rm"] : []) + network + ["--", "sleep", "1000"])
        let pid = try world.pid("web")
        let status = try readText("/proc/\(pid)/status")
        let parent = status.split(separator: "\n").first { $0.hasPrefix("PPid:") }?
          .split(separator: "\t").last.flatMap { Int32($0) }
        Glibc.kill(try #require(parent), SIGKILL)
        #expect(eventually { ProcessIdentity(pid: pid) == nil })
        let rows = try world.swrun("ps", "-a").lines
        if removed {
          #expect(rows.count == 1)
        } else {
          #expect(rows[1].contains("Exited (137)"))
          #expect(try world.swrun("rm", "web").code == 0)
        }
        #expect(try world.leftovers() == [])
      }
    }
  }

  @Test("wait returns the exit code also of an instance that is removed at its end")
  func waitRemoved() throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--rm", "--name", "web", "--", "sh", "-c",
        "while ! test -e /tmp/go; do sleep 0.1; done; exit 5")
      let waiting = try world.startSwrun("wait", "web")
      usleep(300_000)
      _ = try world.swrun("exec", "web", "touch", "/tmp/go")
      #expect(try waiting.finish().output == "5\n")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("ps filters and writes JSON; inspect shows the spec")
  func listing() throws {
    try World.with { world in
      _ = try world.swrun("--name", "ended", "--", "true")
      _ = try world.swrun("-d", "--name", "web", "--", "sleep", "1000")
      #expect(try world.swrun("ps", "-q").lines.count == 1)
      #expect(try world.swrun("ps", "-aq").lines.count == 2)
      #expect(try world.swrun("ps", "--filter", "status=exited").lines[1].contains("ended"))
      let json = try world.swrun("ps", "-a", "--format", "json").output
      #expect(json.contains("\"name\": \"ended\"") && json.contains("\"exitCode\": 0"))
      let inspected = try world.swrun("inspect", "web").output
      #expect(
        inspected.contains("\"noNewPrivileges\": true") && inspected.contains("\"args\": ["))
    }
  }

  @Test("ps lists the last ones, whole ids, and by labels and exit codes, in Docker's words")
  func docker() throws {
    try World.with { world in
      for (name, code) in [("a", "0"), ("b", "3")] {
        _ = try world.swrun(
          "--name", name, "-l", "tier=web", "--label", "name=\(name)", "--", "sh", "-c",
          "exit \(code)")
      }
      let started = try world.swrun(
        "-d", "--name", "c", "-l", "tier=db", "-l", "bare", "--", "sleep", "1000", "2000", "3000",
        "4000")
      try #require(started.code == 0, "\(started)")
      let id = started.lines[0]
      func names(_ words: String...) throws -> [String] {
        let result = try world.swrun(["ps", "--format", "{{.Names}}"] + words)
        #expect(result.code == 0 && result.errors == "", "\(words): \(result)")
        return result.lines
      }
      #expect(try names() == ["c"] && names("-l") == ["c"] && names("-n", "2") == ["b", "c"])
      #expect(try names("--last=9") == ["a", "b", "c"])
      #expect(try names("--filter", "exited=3") == ["b"])
      #expect(try names("--filter", "exited=3", "--filter", "exited=0") == ["a", "b"])
      #expect(try names("-a", "--filter", "label=tier=web") == ["a", "b"])
      #expect(try names("-a", "--filter", "label=bare") == ["c"])
      #expect(try names("-a", "-f", "label=tier", "-f", "label=tier=none", "-f", "name=a") == ["a"])
      #expect(try names("-a", "--filter", "label=tier=we") == [])
      #expect(try names("-n", "1", "--filter", "label=tier=web") == ["b"])

      #expect(try world.swrun("ps", "-q", "--no-trunc").lines == [id])
      let table = try world.swrun("ps", "--no-trunc").lines
      try #require(table.count == 2)
      #expect(table[1].hasPrefix("\(id)  c") && table[1].contains("\"sleep 1000 2000 3000 4000\""))
      #expect(try !world.swrun("ps").output.contains("4000"))

      let row = try world.swrun(
        "ps", "--format",
        "{{.ID}}|{{ .Command }}|{{.State}}|{{.Networks}}|{{.Label \"tier\"}}|{{.Label \"none\"}}|{{.Labels}}|{{.RestartCount}}\\t{{.ExitCode}}|"
      )
      #expect(
        row.output
          == "\(id.prefix(12))|\"sleep 1000 2000 300…\"|running|none|db||bare=,tier=db|0\t|\n",
        "\(row)")
      let columns = try world.swrun(
        "ps", "-a", "--format", "table {{.Names}}\\t{{.Status}}\\t{{.CreatedAt}}")
      #expect(
        columns.lines.count == 4 && columns.lines[0].hasPrefix("NAMES  STATUS "), "\(columns)")
      #expect(
        columns.lines[0].hasSuffix("  CREATED AT")
          && columns.lines[2].hasPrefix("b      Exited (3) "))
      let json = try world.swrun("ps", "-a", "--format", "{{json .}}").lines
      #expect(json.count == 3 && json[1].contains("\"exitCode\":3"), "\(json)")
      #expect(json[1].contains("\"labels\":{\"name\":\"b\",\"tier\":\"web\"}"))
      for (words, reason) in [
        (["--format", "{{.Image}}"], "unknown {{.Image}}"),
        (["--format", "tabel"], "did you mean table?"),
        (["--format", "{{.ID"], "no }}"), (["--last", "0"], "from 1"),
        (["--filter", "exited=x"], "exit code"), (["--filter", "lable=x"], "did you mean label?"),
      ] {
        let refused = try world.swrun(["ps"] + words)
        #expect(refused.code == 125 && refused.errors.contains(reason), "\(refused)")
      }
      let keyless = try world.swrun("-l", "=x", "--", "true")
      #expect(keyless.code == 125 && keyless.errors.contains("no key"), "\(keyless)")
    }
  }

  /// What inspect prints.
  private struct Seen: Decodable {
    struct Interface: Decodable {
      let name: String
      let index: Int32
      let hardwareAddress: String?
      let mtu: UInt32
      let up: Bool
      let addresses: [String]
    }
    struct Config: Decodable {
      struct Mount: Decodable { let destination: String }
      struct Process: Decodable {
        struct Limit: Decodable {
          let type: String
          let soft: UInt64
        }
        let rlimits: [Limit]
      }
      let mounts: [Mount]
      let process: Process
    }
    let id: String
    let restartCount: Int
    let oomKilled: Bool
    let labels: [String: String]
    let interfaces: [Interface]?
    let pids: [Int32]?
    let logPath: String
    let created: String
    let started: String
    let finished: String?
    let exitCode: Int32?
    let config: Config
  }

  private func seen(_ world: World) throws -> Seen {
    let text = try world.swrun("inspect", "web").output
    return try #require(try JSON.value([Seen].self, from: text.utf8).first)
  }

  @Test("inspect says what there is of an instance, also what is as it was at first")
  func inspect() throws {
    try World.with { world in
      let started = try world.swrun(
        "-d", "--name", "web", "--label", "a=b", "--net", "macvlan:eth0,ip=10.20.20.2", "-v",
        "/etc:/mnt:ro", "--ulimit", "nofile=512", "--health-cmd", "true", "--health-interval",
        "50ms",
        "--", "sleep", "1000")
      try #require(started.code == 0, "\(started)")
      #expect(try world.reaches("web") { $0.health?.checks.isEmpty == false })
      let running = try seen(world)
      #expect(running.id == started.lines[0] && running.restartCount == 0 && !running.oomKilled)
      #expect(running.labels == ["a": "b"] && running.finished == nil && running.exitCode == nil)
      #expect(running.created < running.started)
      #expect(FileIdentity(path: running.logPath) != nil)
      #expect(running.config.mounts.contains { $0.destination == "/mnt" })
      #expect(
        running.config.process.rlimits.contains { $0.type == "RLIMIT_NOFILE" && $0.soft == 512 })
      let inside = try #require(running.interfaces?.first { $0.name == "eth0" })
      let shown = try world.swrun("exec", "web", "ip", "-o", "link", "show", "eth0").output
      #expect(shown.hasPrefix("\(inside.index): eth0@") && shown.contains("mtu \(inside.mtu) "))
      #expect(shown.contains("link/ether \(try #require(inside.hardwareAddress)) ") && inside.up)
      #expect(inside.addresses.contains("10.20.20.2/24"))
      #expect(running.interfaces?.contains { $0.name == "lo" && $0.hardwareAddress == nil } == true)
      if CgroupHierarchy.current != nil {
        #expect(
          running.pids?.contains(try world.pid("web")) == true && running.pids?.count ?? 0 >= 2)
      }
      #expect(try world.swrun("stop", "-t", "0", "web").code == 0)
      let ended = try seen(world)
      #expect(ended.interfaces == nil && ended.pids == nil && ended.exitCode == 137)
      #expect(ended.finished.map { $0 > ended.started } == true)
    }
  }
}
