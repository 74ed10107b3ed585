import Glibc
import Linux
import Supervisor
import TestSupport
import Testing

/// `create`, `start`, `rename`, and instances that come back at boot.
@Suite("start", .serialized)
struct StartTests {
  @Test("an instance that has ended is started again as it was, and its log goes on")
  func again() throws {
    try World.with { world in
      let words = [
        "-d", "--name", "web", "-e", "GIVEN=by me", "-e", "HANDED", "-w", "/tmp", "--net",
        "macvlan:eth0,ip=10.20.20.2", "--", "sh", "-c", "echo \"$GIVEN $HANDED $PWD\"; exit 6",
      ]
      let id = try command(
        ["ip", "netns", "exec", world.hostName, World.binary] + words,
        environment: world.environment.merging(["HANDED": "on"]) { $1 }
      ).lines[0]
      #expect(try world.swrun("wait", "web").output == "6\n")
      let before = try world.state("web")
      // The variable is not in this environment.
      #expect(try world.swrun("start", "web").output == "web\n")
      #expect(try world.swrun("wait", "web").output == "6\n")
      let after = try world.state("web")
      #expect(after.id == id && after.name == "web" && after.created == before.created)
      #expect(after.networks.map(\.addresses) == [["10.20.20.2/24"]])
      #expect(try world.swrun("logs", "web").lines == ["by me on /tmp", "by me on /tmp"])
      let attached = try world.swrun("start", "-a", "web")
      #expect(attached.code == 6 && attached.output == "by me on /tmp\n", "\(attached)")
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("one that runs stays as it is, and one that cannot be started is as it was")
  func refused() throws {
    try World.with { world in
      _ = try world.swrun("-d", "--name", "web", "--", "sleep", "1000")
      let running = try world.state("web")
      #expect(try world.swrun("start", "web").output == "web\n")
      #expect(try world.state("web").process == running.process)
      _ = try world.swrun("--name", "ended", "--net", "macvlan:eth1,ip=10.30.0.2/24", "--", "true")
      try world.ip("-n", world.hostName, "link", "del", "eth1")
      let result = try world.swrun("start", "ended", "web")
      #expect(result.code == 125 && result.output == "web\n", "\(result)")
      #expect(result.errors.contains("eth1"), "\(result)")
      let state = try world.state("ended")
      #expect(state.status == .exited && state.exitCode == 0)
      #expect(try world.swrun("start", "nobody").code == 125)
    }
  }

  @Test("create records, and start starts")
  func created() throws {
    try World.with { world in
      let created = try world.swrun(
        "create", "--name", "web", "--rm", "--net", "macvlan:eth0,ip=10.20.20.2", "--", "sleep",
        "1000")
      #expect(created.code == 0 && created.lines.first?.count == 64, "\(created)")
      #expect(try world.swrun("ps").lines.count == 1)
      #expect(try world.swrun("ps", "-a").lines[1].contains("  Created  "))
      #expect(try world.swrun("ps", "--filter", "status=created", "-q").lines.count == 1)
      #expect(try world.swrun("inspect", "web").output.contains("\"sleep\""))
      // Its name is taken, its address is not.
      #expect(try world.swrun("--name", "web", "--", "true").code == 125)
      let other = try world.swrun("--rm", "--net", "macvlan:eth0,ip=10.20.20.2", "--", "true")
      #expect(other.code == 0, "\(other)")
      for words in [
        ["exec", "web", "true"], ["kill", "web"], ["wait", "web"], ["pause", "web"],
      ] {
        let result = try world.swrun(words)
        #expect(result.code == 125 && result.errors.contains("swrun start web"), "\(result)")
      }
      #expect(try world.swrun("stop", "web").code == 0)
      #expect(try world.swrun("start", "web").code == 0)
      #expect(try world.swrun("exec", "web", "ip", "-br", "addr").output.contains("10.20.20.2/24"))
      // What --rm says of its end holds.
      #expect(try world.swrun("stop", "web").code == 0)
      #expect(try world.swrun("ps", "-aq").lines == [])
      _ = try world.swrun("create", "--name", "never", "--", "true")
      #expect(try world.swrun("rm", "never").code == 0)
      #expect(try world.swrun("create", "--net", "macvlan:nosuch", "--", "true").code == 125)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a record of a newer swrun or a damaged one is named and refused")
  func records() throws {
    try World.with { world in
      let id = try world.swrun("create", "--name", "web", "--", "true").lines[0]
      let path = "\(world.directory)/run/instances/\(id)/run.json"
      let text = try readText(path)
      for (changed, reason) in [
        (text.replacing("\"version\":1", with: "\"version\":9"), "newer swrun"),
        (String(text.dropLast(9)), "damaged"), ("", "damaged"),
        (text.replacing("\"words\":[", with: "\"words\":[\"a\\u0000b\","), "damaged"),
        (text.replacing("\"words\":[", with: "\"words\":[\"--nosuch\","), "--nosuch"),
      ] {
        try writeAtomically(Array(changed.utf8), to: path)
        let result = try world.swrun("start", "web")
        #expect(result.code == 125 && result.errors.contains(reason), "\(result)")
        if !reason.hasPrefix("--") { #expect(result.errors.contains(path), "\(result)") }
        #expect(result.errors.split(separator: "\n").count == 1, "\(result)")
        #expect(try world.state("web").status == .created)
      }
      try writeAtomically(Array(text.utf8), to: path)
      #expect(try world.swrun("start", "web").code == 0)
    }
  }

  @Test(
    "rename holds for an instance that runs, for one that has ended, and for those that know it")
  func rename() throws {
    try World.with { world in
      _ = try world.swrun(
        "network", "create", "--driver", "macvlan", "--subnet", "10.20.20.0/24", "--opt",
        "parent=eth0", "lan")
      for name in ["web", "db"] {
        _ = try world.swrun("-d", "--name", name, "--net", "lan", "--", "sleep", "1000")
      }
      #expect(try world.swrun("rename", "web", "front").code == 0)
      let hosts = try world.swrun("exec", "db", "cat", "/etc/hosts").output
      #expect(hosts.contains("front") && !hosts.contains("web"), "\(hosts)")
      #expect(try world.swrun("inspect", "web").code == 125)
      let taken = try world.swrun("rename", "front", "db")
      #expect(taken.code == 125 && taken.errors.contains("in use"), "\(taken)")
      #expect(try world.swrun("rename", "front", "a b").code == 125)
      #expect(try world.swrun("stop", "front").code == 0)
      #expect(try world.swrun("rename", "front", "web").code == 0)
      #expect(try world.swrun("start", "web").output == "web\n")
      #expect(try world.state("web").isRunning)
      #expect(try world.swrun("rm", "-f", "web", "db").lines == ["web", "db"])
      #expect(try world.swrun("network", "rm", "lan").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("autostart brings back after a reboot what was to come back, with id, name and log")
  func autostart() throws {
    try World.with { world in
      var ids: [String: String] = [:]
      for (name, policy) in [
        ("a", "always"), ("u", "unless-stopped"), ("s", "unless-stopped"), ("t", "always"),
        ("f", "on-failure"), ("n", "no"),
      ] {
        ids[name] = try world.swrun(
          "-d", "--name", name, "--restart", policy, "--", "sh", "-c",
          "echo run of $HOSTNAME; exec sleep 1000"
        ).lines.first
      }
      #expect(try world.swrun("rename", "u", "renamed").code == 0)
      #expect(try world.swrun("stop", "s", "t").code == 0)
      // As after a power loss: the monitors and /run have gone.
      for name in ["a", "renamed", "f", "n"] {
        Glibc.kill(try #require(try world.state(name).monitor).pid, SIGKILL)
      }
      #expect(try eventually { try world.swrun("ps", "-q").lines.isEmpty })
      try removeTree("\(world.directory)/run")
      // Whatever command comes first leaves the logs of those that are to come back.
      #expect(try world.swrun("ps", "-aq").lines.isEmpty)
      let started = try world.swrun("autostart")
      // As with Docker, what was stopped by hand comes back with always.
      #expect(started.code == 0 && Set(started.lines) == ["a", "renamed", "t"], "\(started)")
      for (name, former) in [("a", "a"), ("renamed", "u"), ("t", "t")] {
        let state = try world.state(name)
        #expect(state.isRunning && state.id == ids[former])
        #expect(try eventually { try world.swrun("logs", name).lines.count == 2 })
      }
      #expect(try world.swrun("autostart").output == "")
      #expect(try world.swrun("rm", "-f", "a", "renamed", "t").code == 0)
      #expect(try world.swrun("autostart").output == "")
      #expect(directoryEntries("\(world.directory)/lib/autostart") == [])
      #expect(try world.leftovers() == [])
    }
  }

  @Test("what cannot be started at boot is named, and is there for the next time")
  func autostartFails() throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--name", "web", "--restart", "always", "--net", "macvlan:eth1,ip=10.30.0.2/24",
        "--", "sleep", "1000")
      Glibc.kill(try #require(try world.state("web").monitor).pid, SIGKILL)
      #expect(try eventually { try world.swrun("ps", "-q").lines.isEmpty })
      try removeTree("\(world.directory)/run")
      try world.ip("-n", world.hostName, "link", "set", "eth1", "name", "away")
      let failed = try world.swrun("autostart")
      #expect(failed.code == 125 && failed.errors.contains("eth1"), "\(failed)")
      try world.ip("-n", world.hostName, "link", "set", "away", "name", "eth1")
      #expect(try world.swrun("autostart").output == "web\n")
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("two that remove one instance at once do not fail but for its absence")
  func removedTwice() throws {
    try World.with { world in
      for _ in 0..<5 {
        _ = try world.swrun(
          "-d", "--name", "web", "--restart", "always", "--net", "macvlan:eth0,ip=10.20.20.2", "--",
          "sleep", "1000")
        let both = try [
          world.startSwrun("rm", "-f", "web"), world.startSwrun("rm", "-f", "web"),
        ].map { try $0.finish() }
        #expect(both.contains { $0.code == 0 }, "\(both)")
        for result in both where result.code != 0 {
          #expect(result.errors.contains("no instance is called"), "\(result)")
        }
        #expect(try world.leftovers() == [])
      }
    }
  }
}
