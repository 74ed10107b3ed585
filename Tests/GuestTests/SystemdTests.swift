import Glibc
import Linux
import TestSupport
import Testing

/// systemd as PID 1 of namespaces, with the guest's own cgroup hierarchy.
private final class Systemd {
  private let world: World
  private let running: StartedCommand
  let pid: pid_t
  private var hasEnded = false

  init(in world: World) throws {
    self.world = world
    let started = try start(
      ["sh", "Tests/Harness/systemd.sh", "\(world.directory)/units"],
      environment: ["SWRUN": World.binary])
    var first: pid_t?
    let isUp = try eventually {
      let children = "/proc/\(started.pid)/task/\(started.pid)/children"
      first = (try? readText(children)).flatMap { pid_t($0.prefix { $0 != " " }) }
      guard let first, FileIdentity(path: "/proc/\(first)/root/run/systemd/system") != nil else {
        return false
      }
      return try command(Self.enter(first) + ["busctl", "status", "org.freedesktop.systemd1"]).code
        == 0
    }
    guard isUp, let first else {
      kill(first ?? started.pid, SIGKILL)
      throw TestFailure("systemd does not come up: \(try started.finish())")
    }
    running = started
    pid = first
  }

  private static func enter(_ pid: pid_t) -> [String] {
    ["nsenter", "-t", "\(pid)", "--mount", "--pid", "--"]
  }

  func run(_ words: String...) throws -> CommandResult {
    try command(Self.enter(pid) + words, environment: world.environment)
  }

  func swrun(_ words: String...) throws -> CommandResult {
    try command(Self.enter(pid) + [World.binary] + words, environment: world.environment)
  }

  /// Ends it with all that runs in it, and removes its cgroups.
  func end() throws {
    if hasEnded { return }
    hasEnded = true
    kill(pid, SIGKILL)
    _ = try running.finish()
    for name in ["init.scope", "system.slice", "swtest.slice"] {
      _ = try command([
        "find", "\(top)/\(name)", "-depth", "-type", "d", "-exec", "rmdir", "{}", "+",
      ])
    }
  }
}

private let top = "/sys/fs/cgroup"

@Suite("cgroups beside systemd", .serialized)
struct SystemdTests {
  @Test("an instance lies in a scope of systemd's, which leaves it alone and goes with it")
  func scope() throws {
    try World.with { world in
      let systemd = try Systemd(in: world)
      defer { try? systemd.end() }
      let started = try systemd.swrun(
        "-d", "--name", "web", "--net", "none", "-m", "64m", "--", "sleep", "1000")
      try #require(started.code == 0, "\(started)")
      let scope = "swrun-\(started.lines[0]).scope"
      let directory = "\(top)/system.slice/\(scope)"
      func file(_ name: String) throws -> String { try readText("\(directory)/\(name)") }
      let members = try file("instance/cgroup.procs")
      #expect(members.split(separator: "\n").count == 2)
      #expect(try file("cgroup.procs") == "")
      #expect(try file("monitor/cgroup.procs").split(separator: "\n").count == 1)
      #expect(try file("instance/memory.max") == "67108864\n")

      let updated = try systemd.swrun("update", "-m", "128m", "web")
      #expect(updated.code == 0, "\(updated)")
      for verb in ["daemon-reload", "daemon-reexec"] {
        #expect(try systemd.run("systemctl", verb).code == 0)
        // It answers after it has dealt with the cgroups.
        let shown = try systemd.run(
          "systemctl", "show", "-p", "ActiveState", "-p", "Delegate", "-p", "Description", scope)
        #expect(
          shown.lines.sorted() == ["ActiveState=active", "Delegate=yes", "Description=swrun web"],
          "\(verb): \(shown)")
        #expect(try file("instance/cgroup.procs") == members)
        #expect(try file("instance/memory.max") == "134217728\n")
      }
      let stats = try systemd.swrun("stats", "--no-stream", "web")
      #expect(stats.output.contains(" / 128MiB"), "\(stats)")
      #expect(try systemd.swrun("exec", "web", "cat", "/proc/self/cgroup").lines == ["0::/"])

      #expect(try systemd.swrun("rm", "-f", "web").code == 0)
      #expect(eventually { FileIdentity(path: directory) == nil })

      // In a slice; and systemctl can end it.
      let second = try systemd.swrun(
        "-d", "--name", "db", "--net", "none", "--cgroup-parent", "swtest.slice", "--", "sleep",
        "1000")
      try #require(second.code == 0, "\(second)")
      let other = "swrun-\(second.lines[0]).scope"
      #expect(FileIdentity(path: "\(top)/swtest.slice/\(other)/instance") != nil)
      #expect(try systemd.run("systemctl", "stop", other).code == 0)
      #expect(FileIdentity(path: "\(top)/swtest.slice/\(other)") == nil)
      let ended = try systemd.swrun("ps", "-a").lines
      #expect(ended.count == 2 && ended[1].contains("Exited (143)"), "\(ended)")
      #expect(try systemd.swrun("rm", "db").code == 0)
      let units = try systemd.run("systemctl", "list-units", "--all", "--no-legend", "swrun-*")
      #expect(units.code == 0 && units.output == "", "\(units)")

      try systemd.end()
      #expect(FileIdentity(path: "\(top)/system.slice") == nil)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a generated unit runs the instance as a service, with the very same arguments")
  func unit() throws {
    try World.with { world in
      let systemd = try Systemd(in: world)
      defer { try? systemd.end() }
      let units = "\(world.directory)/units"
      // What units without DefaultDependencies=no want to be there.
      for name in ["sysinit", "basic", "shutdown", "network-online", "multi-user"] {
        try writeAtomically(
          Array("[Unit]\nDefaultDependencies=no\n".utf8), to: "\(units)/\(name).target", mode: 0o644
        )
      }
      let out = "\(world.directory)/out"
      try makeDirectories(out)
      let script =
        "printf '%s\\0' \"$MARK\" \"$PWD\" \"$@\" > /mnt/new && mv /mnt/new /mnt/words; exec sleep 1000"
      let started = try command(
        [
          "nsenter", "-t", "\(systemd.pid)", "--mount", "--pid", "--", World.binary, "-d", "--name",
          "web",
          "--net", "none", "-m", "64m", "-v", "\(out):/mnt", "-e", "MARK", "-w", "/tmp",
          "--stop-timeout=5",
          "--", "sh", "-c", script, "sh",
        ] + HostileWords.all,
        environment: world.environment.merging(["MARK": "\"%i $x\" \\"]) { $1 })
      try #require(started.code == 0, "\(started)")
      #expect(eventually { FileIdentity(path: "\(out)/words") != nil })
      let words = try readFile("\(out)/words")
      let unit = try systemd.swrun("generate", "systemd", "web")
      try #require(unit.code == 0, "\(unit)")
      #expect(try systemd.swrun("rm", "-f", "web").code == 0)
      try removeTree("\(out)/words")
      try writeAtomically(Array(unit.output.utf8), to: "\(units)/web.service", mode: 0o644)
      #expect(try systemd.run("systemctl", "daemon-reload").code == 0)
      // It returns once the command runs.
      let up = try systemd.run("systemctl", "start", "web.service")
      let status = try systemd.run("systemctl", "status", "--no-pager", "web.service")
      try #require(up.code == 0, "\(up)\(status)\(unit)")
      #expect(
        status.output.contains("active (running)"),
        "\(status)")
      #expect(eventually { FileIdentity(path: "\(out)/words") != nil })
      #expect(try readFile("\(out)/words") == words)
      #expect(try systemd.swrun("ps").lines.count == 2)
      #expect(try systemd.run("systemctl", "stop", "web.service").code == 0)
      let shown = try systemd.run(
        "systemctl", "show", "-p", "ActiveState", "-p", "Result", "web.service")
      #expect(shown.lines.sorted() == ["ActiveState=inactive", "Result=success"], "\(shown)")
      #expect(try systemd.swrun("ps", "-aq").lines.isEmpty)
      try systemd.end()
      #expect(try world.leftovers() == [])
    }
  }
}
