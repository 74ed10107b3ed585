import Glibc
import Linux
import TestSupport
import Testing

@Suite("cgroup v2", .serialized)
struct CgroupTests {
  private static let top = "/sys/fs/cgroup"

  /// The cgroup of the only instance that there is.
  private func directory() throws -> String {
    let names = directoryEntries("\(Self.top)/swrun")
      .filter { FileIdentity(path: "\(Self.top)/swrun/\($0)/cgroup.procs") != nil }
    try #require(names.count == 1, "\(names)")
    return "\(Self.top)/swrun/\(names[0])"
  }

  private func file(_ name: String) throws -> String {
    try readText("\(try directory())/\(name)").split(separator: "\n").first.map(String.init) ?? ""
  }

  @Test("limits are written as asked, changed by update all or none, and gone with the instance")
  func limits() throws {
    try World.with { world in
      let started = try world.swrun(
        "-d", "--name", "web", "-m", "64m", "--memory-reservation", "32m", "--cpus", "1.5",
        "--cpu-shares", "512", "--pids-limit", "50", "--cpuset-cpus", "0", "--blkio-weight", "500",
        "--device-read-bps", "/dev/sr0:1mb", "--", "sleep", "1000")
      try #require(started.code == 0, "\(started)")
      for (name, value) in [
        ("memory.max", "67108864"), ("memory.low", "33554432"), ("memory.swap.max", "67108864"),
        ("cpu.max", "150000 100000"), ("cpu.weight", "59"), ("pids.max", "50"),
        ("cpuset.cpus", "0"), ("io.weight", "default 4950"),
        ("io.max", "11:0 rbps=1048576 wbps=max riops=max wiops=max"),
      ] {
        #expect(try file(name) == value, "\(name)")
      }
      // Its own cgroup is the root of what it sees, read-only.
      let seen = try world.swrun(
        "exec", "web", "sh", "-c",
        "cat /sys/fs/cgroup/pids.max /proc/self/cgroup; echo 1 > /sys/fs/cgroup/pids.max")
      #expect(seen.lines == ["50", "0::/"] && seen.errors.contains("Read-only"), "\(seen)")

      let updated = try world.swrun("update", "--pids-limit", "60", "--cpus", "0.5", "web")
      #expect(updated.code == 0, "\(updated)")
      #expect(try file("pids.max") == "60" && file("cpu.max") == "50000 100000")
      #expect(try file("memory.max") == "67108864")
      // The second is refused by the kernel, so the first is undone.
      let refused = try world.swrun("update", "--cpus", "0.7", "--cpuset-cpus", "77", "web")
      #expect(refused.code == 125 && refused.errors.contains("--cpuset-cpus"), "\(refused)")
      #expect(try file("cpu.max") == "50000 100000" && file("cpuset.cpus") == "0")
      let spec = try world.swrun("inspect", "web").output
      #expect(spec.contains("\"quota\": 50000") && spec.contains("\"cpus\": \"0\""))

      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(FileIdentity(path: "\(Self.top)/swrun") == nil)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("what takes too much memory is killed, and that is said")
  func memory() throws {
    try World.with { world in
      let bomb = try world.swrun(
        "--name", "bomb", "-m", "32m", "--memory-swap", "32m", "--", "dd",
        "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1")
      #expect(bomb.code == 137, "\(bomb)")
      #expect(bomb.errors.contains("bomb was out of memory (limit 32MiB)"), "\(bomb)")
      #expect(try world.swrun("ps", "-a").lines[1].contains("Exited (137, out of memory)"))
      #expect(try world.swrun("inspect", "bomb").output.contains("\"oomKilled\": true"))
      let quiet = try world.swrun("--name", "quiet", "-m", "64m", "--", "false")
      #expect(quiet.code == 1 && quiet.errors == "", "\(quiet)")
      #expect(try world.swrun("inspect", "quiet").output.contains("\"oomKilled\": false"))

      // One of many: seen while the instance goes on, and the monitor is not among the killed.
      _ = try world.swrun(
        "-d", "--name", "many", "-m", "32m", "--memory-swap", "32m", "--", "sh", "-c",
        "dd if=/dev/zero of=/dev/null bs=256M count=1; sleep 1000")
      #expect(
        try eventually { try world.swrun("inspect", "many").output.contains("\"oomKilled\": true") }
      )
      #expect(try world.swrun("ps").lines.contains { $0.contains("many") })
      let told = try world.swrun(
        "events", "--no-follow", "--filter", "event=oom", "--filter", "event=die")
      #expect(
        told.lines.map { $0.split(separator: " ")[2] } == ["oom", "die", "die", "oom"], "\(told)")
    }
  }

  @Test("a fork bomb stays in its limit, and exec is counted")
  func processes() throws {
    try World.with { world in
      let bomb = try world.swrun(
        "--rm", "--pids-limit", "10", "--", "sh", "-c",
        "(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do sleep 1000 & done) 2>/dev/null; read n < /sys/fs/cgroup/pids.current; read k m < /sys/fs/cgroup/pids.events; echo $n; echo $m"
      )
      // The shell that could fork no more has ended.
      #expect((8...10).contains(bomb.lines.first.flatMap { Int($0) } ?? 0), "\(bomb)")
      #expect((bomb.lines.last.flatMap { Int($0) } ?? 0) > 0, "\(bomb)")
      _ = try world.swrun("-d", "--name", "web", "--pids-limit", "3", "--", "sleep", "1000")
      let one = try world.swrun("exec", "web", "cat", "/sys/fs/cgroup/pids.current")
      #expect(one.lines == ["3"], "\(one)")
      let two = try world.swrun("exec", "web", "sh", "-c", "cat /dev/null; true")
      #expect(two.code != 0 && two.errors.contains("fork"), "\(two)")
      let top = try world.swrun("top", "web").lines
      #expect(top.count == 3 && top[2].hasSuffix("sleep 1000"), "\(top)")
    }
  }

  @Test("a paused instance does nothing, and can be ended")
  func pause() throws {
    try World.with { world in
      let start = ["-d", "--name", "web", "--", "sh", "-c", "while :; do :; done"]
      _ = try world.swrun(start)
      let directory = try directory()
      func used() throws -> UInt64 {
        CgroupText.flatKeys(try readText("\(directory)/cpu.stat"))["usage_usec"] ?? 0
      }
      #expect(try world.swrun("pause", "web").code == 0)
      let before = try used()
      #expect(try world.swrun("ps").lines[1].contains("(paused)"))
      let refused = try world.swrun("exec", "web", "true")
      #expect(refused.code == 125 && refused.errors.contains("swrun unpause web"), "\(refused)")
      #expect(try world.swrun("pause", "web").code == 125)
      #expect(try used() == before)
      #expect(try world.swrun("unpause", "web").code == 0)
      #expect(try eventually { try used() > before })
      #expect(try world.swrun("pause", "web").code == 0)
      #expect(try world.swrun("stop", "web").code == 0)
      #expect(try world.swrun("wait", "web").output == "143\n")
      _ = try world.swrun("rm", "web")
      _ = try world.swrun(start)
      #expect(try world.swrun("pause", "web").code == 0)
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("stats says what the cgroup and the interface say")
  func stats() throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--name", "web", "--net", "ipvlan:eth0:l2", "--ip", "10.20.20.2", "-m", "64m",
        "--pids-limit", "20", "--", "sh", "-c", "while :; do :; done")
      _ = try world.swrun("exec", "web", "ping", "-c", "2", "10.20.20.1")
      let row = try world.swrun("stats", "--no-stream", "--format", "json").output
      func number(_ key: String) -> Double? {
        row.split(separator: "\n").first { $0.contains("\"\(key)\"") }?
          .split(separator: ":").last.flatMap {
            Double($0.filter { $0.isNumber || $0 == "." })
          }
      }
      // A loop takes a processor; this machine may be slow, and measures itself slowly.
      #expect((number("cpuPercent") ?? 0) > 20 && (number("cpuPercent") ?? 999) < 250, "\(row)")
      #expect(number("memoryLimitBytes") == 67_108_864 && number("pidsLimit") == 20, "\(row)")
      let current = Double(try file("memory.current")) ?? 0
      #expect((number("memoryBytes") ?? 0) > 0 && (number("memoryBytes") ?? 0) <= 2 * current)
      #expect(number("pids") == 2, "\(row)")
      #expect((number("networkSentBytes") ?? 0) >= 2 * 98, "\(row)")
      let table = try world.swrun("stats", "--no-stream").lines
      #expect(table.count == 2 && table[1].contains("/ 64MiB"), "\(table)")
    }
  }

  @Test("no device but the standard ones can be made or opened, also with CAP_MKNOD")
  func devices() throws {
    try World.with { world in
      func run(_ rules: String) throws -> [String] {
        let text = try readText("Tests/Fixtures/host-root/config.json")
          .replacing(#""sleep","#, with: #""sh", "-c","#)
          .replacing(
            #""100""#,
            with:
              #""mknod /dev/d b 11 0; mknod /dev/n c 1 3 && echo null; head -c 0 /dev/d && echo read""#
          )
          .replacing(#""CAP_CHOWN""#, with: #""CAP_MKNOD", "CAP_CHOWN""#)
          .replacing(#""linux": {"#, with: #""linux": { "resources": { "devices": [\#(rules)] },"#)
        try makeDirectories("\(world.directory)/bundle")
        try writeAtomically(Array(text.utf8), to: "\(world.directory)/bundle/config.json")
        let result = try world.swrun("--rm", "--bundle", "\(world.directory)/bundle")
        return result.lines + result.errors.split(separator: "\n").map(String.init)
      }
      let denied = try run("")
      #expect(denied.first == "null", "\(denied)")
      #expect(denied.contains { $0.contains("mknod") && $0.contains("not permitted") }, "\(denied)")
      // It may be made, and not be opened.
      let made = try run(#"{ "allow": true, "type": "b", "access": "m" }"#)
      #expect(made.first == "null", "\(made)")
      #expect(made.contains { $0.contains("/dev/d") && $0.contains("not permitted") }, "\(made)")
      #expect(!made.contains { $0.contains("mknod") }, "\(made)")
    }
  }

  @Test("after a monitor is killed, the next command removes the cgroup with all that is in it")
  func killed() throws {
    try World.with { world in
      _ = try world.swrun("-d", "--rm", "--name", "web", "--", "sleep", "1000")
      let directory = try directory()
      // Left in it by whatever: only cgroup.kill ends it.
      let left = try start(["sleep", "1000"])
      try #require(
        command(["sh", "-c", "echo \(left.pid) > \(directory)/cgroup.procs"]).code == 0)
      try makeDirectories("\(directory)/below")
      let status = try readText("/proc/\(try world.pid("web"))/status")
      let monitor = status.split(separator: "\n").first { $0.hasPrefix("PPid:") }?
        .split(separator: "\t").last.flatMap { Int32($0) }
      Glibc.kill(try #require(monitor), SIGKILL)
      #expect(try eventually { try world.swrun("ps", "-a").lines.count == 1 })
      #expect(FileIdentity(path: "\(Self.top)/swrun") == nil)
      #expect(try left.finish().code == 137)
      #expect(try world.leftovers() == [])
    }
  }
}
