import Glibc
import Linux
import TestSupport
import Testing

@Suite("units", .serialized)
struct GenerateTests {
  /// What systemd-analyze(1) finds wrong in a unit.
  private func faults(_ world: World, _ name: String, _ unit: String) throws -> [String] {
    let path = "\(world.directory)/\(name)"
    try writeAtomically(Array(unit.utf8), to: path, mode: 0o644)
    let result = try command(["systemd-analyze", "verify", "--man=no", path])
    return (result.lines + result.errors.split(separator: "\n").map(String.init))
      .filter { $0.contains(name) }
  }

  private func setting(_ key: String, _ unit: CommandResult) -> [String] {
    unit.lines.filter { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
  }

  @Test("a unit that is printed has no faults, whatever the instance's words are")
  func hostile() throws {
    try World.with { world in
      let words = ["-c", "exec sleep 1000"] + HostileWords.all
      let started = try world.swrun(
        [
          "-dt", "--name", "web", "--restart=on-failure:3", "-e", "A=\"%i $x\" \\",
          "--stop-timeout", "5",
          "--log-opt", "max-size=1m", "--hostname", "box", "--", "sh",
        ] + words)
      try #require(started.code == 0, "\(started)")
      let unit = try world.swrun("generate", "systemd", "web")
      try #require(unit.code == 0, "\(unit)")
      #expect(try faults(world, "web.service", unit.output) == [])
      let start = try #require(setting("ExecStart", unit).first)
      #expect(
        start.hasPrefix(
          ":\(World.binary) run --rm --name web --sdnotify=conmon -t -e \"A=\\\"%%i $x\\\" \\\\\" --stop-timeout 5 --hostname box -- sh -c \"exec sleep 1000\" "
        ), "\(start)")
      #expect(
        setting("Restart", unit) == ["on-failure"] && setting("StartLimitBurst", unit) == ["4"])
      #expect(setting("TimeoutStopSec", unit) == ["65"])
      #expect(setting("ExecStop", unit) == [":\(World.binary) stop --time=5 web"])
      #expect(setting("SuccessExitStatus", unit) == ["143"] && setting("Type", unit) == ["notify"])
      #expect(setting("Environment", unit).contains("SWRUN_ROOT=\(world.directory)/run"))
      // Nothing but settings and comments: no line that an argument has made.
      #expect(unit.lines.allSatisfy { $0.hasPrefix("[") || $0.contains("=") })

      let other = try world.swrun(
        "generate", "systemd", "--name", "db", "--restart-policy", "always", "-t", "7", "web")
      #expect(try faults(world, "db.service", other.output) == [])
      #expect(
        setting("ExecStart", other)[0].contains(" --name db --sdnotify=conmon --stop-timeout=7 "))
      #expect(setting("Restart", other) == ["always"] && setting("TimeoutStopSec", other) == ["67"])
    }
  }

  @Test("an instance that is removed when it ends has a unit all the same, and a fault is seen")
  func removed() throws {
    try World.with { world in
      let started = try world.swrun(
        "-d", "--rm", "--name", "web", "--net", "macvlan:eth0,ip=10.20.20.2", "-l", "a=b", "--",
        "sleep", "1000")
      try #require(started.code == 0, "\(started)")
      let unit = try world.swrun("generate", "systemd", "web")
      try #require(unit.code == 0, "\(unit)")
      #expect(try faults(world, "web.service", unit.output) == [])
      #expect(
        setting("ExecStart", unit) == [
          ":\(World.binary) run --rm --name web --sdnotify=conmon --net macvlan:eth0,ip=10.20.20.2 -l a=b -- sleep 1000"
        ])
      #expect(
        try faults(
          world, "bad.service", unit.output.replacing("KillMode=mixed", with: "KillMode=x")) != [])
      #expect(try world.swrun("stop", "-t", "0", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("the template and the unit of autostart have no faults")
  func others() throws {
    try World.with { world in
      let template = try world.swrun("generate", "systemd", "--template")
      #expect(try faults(world, "swrun@.service", template.output) == [])
      #expect(setting("ExecStart", template) == [":\(World.binary) start --attach %i"])
      let autostart = try world.swrun("generate", "autostart")
      #expect(try faults(world, "swrun.service", autostart.output) == [])
      #expect(setting("ExecStart", autostart) == [":\(World.binary) autostart"])
      for (words, reason) in [
        (["systemd"], "no instance"), (["systemd", "--template", "web"], "leave the name out"),
        (["systemd", "nobody"], "no instance is called"),
        (["systemd", "--template", "--restart-policy", "often"], "it is one of"),
        (["systemd", "--template", "--name", "x"], "--name x"),
      ] {
        let refused = try world.swrun(["generate"] + words)
        #expect(refused.code == 125 && refused.errors.contains(reason), "\(refused)")
      }
    }
  }

  @Test("autostart --stop ends what runs in the background, and it still comes back")
  func shutdown() throws {
    try World.with { world in
      for (name, policy) in [("a", "always"), ("u", "unless-stopped"), ("n", "no")] {
        let started = try world.swrun(
          "-d", "--name", name, "--restart", policy, "--", "sleep", "1000")
        try #require(started.code == 0, "\(started)")
      }
      #expect(try world.swrun("autostart", "--stop").code == 0)
      #expect(try world.swrun("ps", "-q").lines.isEmpty)
      let started = try world.swrun("autostart")
      #expect(started.code == 0 && Set(started.lines) == ["a", "u"], "\(started)")
    }
  }
}
