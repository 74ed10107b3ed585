import Glibc
import Linux
import TestSupport
import Testing

@testable import Supervisor

@Suite("attach", .serialized)
struct AttachTests {
  private static let leave = "\u{10}\u{11}"

  private func launch(_ world: World, _ options: [String], _ script: String) throws {
    let started = try world.swrun(
      ["-d", "--name", "web"] + options + ["--", "sh", "-c", script])
    try #require(started.code == 0, "\(started)")
  }

  @Test("a terminal is typed into, left by the keys, and come back to")
  func detach() throws {
    try World.with { world in
      try launch(
        world, ["-it"], "stty -echo; while read line; do echo \"<$line>\"; stty size; done")
      let first = try world.swrunAtTerminal("attach", "web")
      #expect(eventually { first.isRaw })
      try first.type("one\n")
      #expect(first.shows("<one>\n24 80\n"), "\(first.text)")
      first.resize(rows: 30, columns: 100)
      // The size goes its way beside the keys.
      #expect(
        try eventually {
          try first.type("two\n")
          usleep(100_000)
          return first.text.contains("<two>\n30 100\n")
        }, "\(first.text)")
      // What only begins as the keys do is for the workload.
      try first.type("\u{10}x\n")
      #expect(first.shows("<\u{10}x>"))
      try first.type(Self.leave)
      #expect(first.finish() == 0)
      #expect(!first.isRaw && first.shows("detached from web; swrun attach web comes back"))

      let second = try world.swrunAtTerminal("attach", "--detach-keys", "ctrl-a,d", "web")
      #expect(eventually { second.isRaw })
      try second.type("\(Self.leave)three\n")
      #expect(second.shows("three>"))
      try second.type("\u{1}d")
      #expect(second.finish() == 0)
      let log = try world.swrun("logs", "web").output
      #expect(log.contains("<one>") && log.contains("three>"), "\(log)")
    }
  }

  @Test("run with keys to leave by is attached from the first byte, and has the exit code")
  func run() throws {
    try World.with { world in
      let run = try world.swrunAtTerminal(
        "run", "--name", "web", "-it", "--detach-keys", "ctrl-x", "--", "sh", "-c",
        "echo first; read line; echo \"<$line>\"; read code; exit $code")
      #expect(run.shows("first\n"))
      try run.type("hello\n")
      #expect(run.shows("<hello>"))
      try run.type("\u{18}")
      #expect(run.finish() == 0)
      #expect(!run.isRaw)
      #expect(try world.swrun("ps").lines.count == 2)
      let again = try world.swrunAtTerminal("attach", "web")
      #expect(eventually { again.isRaw })
      try again.type("7\n")
      #expect(again.finish() == 7)
      #expect(!again.isRaw)
      #expect(try world.swrun("logs", "web").output.contains("first"))
      let failed = try world.swrunAtTerminal(
        "run", "--rm", "-it", "--detach-keys", "ctrl-x", "--", "nosuch")
      #expect(failed.finish() == 127)
      #expect(!failed.isRaw && failed.text.contains("swrun: "))
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("without a terminal, input goes through, both outputs come, signals are the workload's")
  func pipes() throws {
    try World.with { world in
      try launch(
        world, ["-i"],
        "trap 'echo usr1' USR1; echo ready; read a; echo \"out $a\"; echo err >&2; while :; do read b && echo $b; done"
      )
      let looker = try world.startSwrun("attach", "--no-stdin", "web")
      let attached = try TestSupport.start(
        ["ip", "netns", "exec", world.hostName, World.binary, "attach", "web"],
        environment: world.environment, input: "one\n")
      #expect(eventually { attached.output == "out one\n" }, "\(attached.output)")
      kill(attached.pid, SIGUSR1)
      // sh runs its trap once read has ended.
      let typed = try TestSupport.start(
        [
          "ip", "netns", "exec", world.hostName, World.binary, "attach", "--sig-proxy=false", "web",
        ],
        environment: world.environment, input: "two\n")
      #expect(
        eventually { attached.output.contains("usr1\n") && attached.output.contains("two\n") })
      // Its input has ended, that of the workload has not.
      kill(typed.pid, SIGTERM)
      #expect(try typed.finish().code == 143)
      #expect(try world.swrun("ps").lines.count == 2)
      #expect(try world.swrun("kill", "web").code == 0)
      let result = try attached.finish()
      #expect(result.code == 137 && result.errors == "err\n", "\(result)")
      #expect(try looker.finish().code == 137)
    }
  }

  private func monitor(_ world: World) throws -> Int32 {
    let state = try #require(
      InstanceStore(root: "\(world.directory)/run", stateDirectory: "\(world.directory)/lib")
        .states().first)
    return try #require(state.monitor).pid
  }

  @Test(
    "the terminal is as it was, however the command ends",
    arguments: [SIGTERM, SIGHUP, SIGINT, SIGQUIT])
  func restored(_ signal: CInt) throws {
    try World.with { world in
      try launch(world, ["-it"], "sleep 1000")
      let attached = try world.swrunAtTerminal("attach", "web")
      #expect(eventually { attached.isRaw })
      kill(attached.pid, signal)
      #expect(attached.finish() == 128 + signal)
      #expect(!attached.isRaw)
      #expect(try world.swrun("ps").lines.count == 2)
    }
  }

  @Test("a monitor that is killed ends what is attached, and the terminal is as it was")
  func monitorKilled() throws {
    try World.with { world in
      try launch(world, ["-it"], "sleep 1000")
      let attached = try world.swrunAtTerminal("attach", "web")
      #expect(eventually { attached.isRaw })
      kill(try monitor(world), SIGKILL)
      #expect(attached.finish() == 137)
      #expect(!attached.isRaw)
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "SIGTSTP stops it with the terminal as it was, SIGCONT takes it up again",
    arguments: [["attach", "web"], ["exec", "-it", "web", "cat"]])
  func stopped(_ words: [String]) throws {
    try World.with { world in
      try launch(world, ["-it"], "cat")
      let attached = try TerminalCommand(
        ["ip", "netns", "exec", world.hostName, World.binary] + words,
        environment: world.environment)
      #expect(eventually { attached.isRaw })
      kill(attached.pid, SIGTSTP)
      #expect(eventually { attached.isStopped })
      #expect(!attached.isRaw)
      kill(attached.pid, SIGCONT)
      #expect(eventually { attached.isRaw })
      try attached.type("again\n")
      #expect(attached.shows("again\nagain"))
    }
  }

  @Test("who does not read is let go, and the workload goes on")
  func stuck() throws {
    try World.with { world in
      try launch(
        world, ["-i"],
        "(while :; do echo tick; sleep 0.1; done) & read go; head -c 3000000 /dev/zero | tr '\\0' x; touch /tmp/done; wait"
      )
      let stuck = try world.startSwrun("attach", "web")
      let other = try world.startSwrun("attach", "web")
      #expect(eventually { stuck.output.contains("tick") && other.output.contains("tick") })
      kill(stuck.pid, SIGSTOP)
      let go = try command(
        [
          "ip", "netns", "exec", world.hostName, "timeout", "1", World.binary, "attach",
          "--sig-proxy=false", "web",
        ], environment: world.environment, input: "go\n")
      #expect(go.code == 124 || go.code == 143, "\(go)")
      #expect(
        try eventually { try world.swrun("exec", "web", "test", "-e", "/tmp/done").code == 0 })
      // Who reads has all, and is still there.
      #expect(eventually { other.output.utf8.count { $0 == UInt8(ascii: "x") } == 3_000_000 })
      kill(stuck.pid, SIGCONT)
      let result = try stuck.finish()
      #expect(
        result.code == 125 && result.errors.contains("was not taken here for 5 s"),
        "\(result.errors)")
      #expect(try world.swrun("kill", "web").code == 0)
      #expect(try other.finish().code == 137)
    }
  }

  @Test("what cannot be attached to is refused in one line")
  func refusals() throws {
    try World.with { world in
      for (words, reason) in [
        (["attach", "nosuch"], "no instance is called"),
        (["attach", "--detach-keys", "ctrl-1", "web"], "is no key"),
        (["-d", "--detach-keys", "ctrl-x", "--", "true"], "with -d nobody is attached"),
        (["--detach-keys", "ctrl-x", "--", "true"], "Add -it"),
      ] {
        let result = try world.swrun(words)
        #expect(result.code == 125 && result.errors.contains(reason), "\(words): \(result)")
        #expect(result.errors.split(separator: "\n").count == 1)
      }
      _ = try world.swrun("--name", "ended", "--", "true")
      #expect(try world.swrun("attach", "ended").errors.contains("ended is not running"))
      try launch(world, ["-it"], "sleep 1000")
      let result = try world.swrun("attach", "web")
      #expect(result.code == 125 && result.errors.contains("--no-stdin"), "\(result)")
    }
  }
}
