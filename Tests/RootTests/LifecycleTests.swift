import Glibc
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
}
