import Glibc
import JSON
import Linux
import Supervisor
import TestSupport
import Testing

@Suite("events", .serialized)
struct EventTests {
  private func events(_ world: World, _ words: String...) throws -> [Event] {
    let result = try world.swrun(["events", "--no-follow", "--format", "json"] + words)
    #expect(result.code == 0 && result.errors == "", "\(result)")
    return try result.lines.map { try JSON.value(Event.self, from: $0.utf8) }
  }

  @Test("the life of an instance is told in Docker's words")
  func life() throws {
    try World.with { world in
      #expect(try events(world) == [])
      let started = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth0", "--ip", "10.20.20.2", "--", "sleep", "1000")
      try #require(started.code == 0, "\(started)")
      let id = started.lines[0]
      #expect(
        try world.swrun("network", "connect", "macvlan:eth1,ip=10.30.0.2/24", "web").code == 0)
      _ = try world.ip("-n", world.hostName, "link", "set", "eth0", "down")
      #expect(try eventually { try events(world).contains { $0.action == "down" } })
      _ = try world.ip("-n", world.hostName, "link", "set", "eth0", "up")
      #expect(try eventually { try events(world).contains { $0.action == "up" } })
      #expect(try world.swrun("network", "disconnect", "eth1", "web").code == 0)
      #expect(try world.swrun("stop", "web").code == 0)
      #expect(try world.swrun("rm", "web").code == 0)
      let all = try events(world)
      #expect(
        all.map(\.action) == [
          "create", "connect", "start", "connect", "down", "up", "disconnect", "disconnect", "die",
          "destroy",
        ])
      #expect(all.allSatisfy { $0.instance == (id, "web") })
      #expect(all.map(\.time) == all.map(\.time).sorted())
      #expect(all[8].attributes["exitCode"] == "143")
      #expect(all[4].id == "macvlan:eth0:bridge" && all[4].attributes["reason"] == "eth0 is down")
      #expect(all[3].attributes["interface"] == "eth1" && all[3].kind == .network)

      let network = try events(world, "--filter", "type=network")
      #expect(network == all.filter { $0.kind == .network })
      #expect(
        try events(
          world, "--filter", "event=die", "--filter", "event=start", "--filter",
          "container=\(id.prefix(9))"
        )
        .map(\.action) == ["start", "die"])
      #expect(try events(world, "--filter", "container=we") == [])
      #expect(
        try events(world, "--since", all[8].time.text) == all.filter { $0.time >= all[8].time })
      #expect(try events(world, "--until", all[1].time.text).map(\.action).last == "start")
      #expect(try events(world, "--since", "1h", "--stream=false") == all)
      let table = try world.swrun("events", "--since", "1h", "--until", "0s").lines
      #expect(table.count == all.count)
      #expect(table[8].hasSuffix(" container die \(id) (exitCode=143, name=web)"), "\(table[8])")
      #expect(table[8].hasPrefix(all[8].time.localText))
      // Docker's own form.
      let text = try world.swrun("events", "--no-follow", "--format", "json").lines[8]
      #expect(text.contains(#""Type":"container""#) && text.contains(#""Actor":{"Attributes":{"#))
    }
  }

  @Test("health, new names, pauses and launches again are told, each once and in its order")
  func course() throws {
    try World.with { world in
      let started = try world.swrun(
        "-d", "--name", "web", "--health-cmd", "test -e /tmp/well", "--health-interval", "100ms",
        "--health-retries", "1", "--net", "macvlan:eth0,ip=10.20.20.2", "--", "sleep", "1000")
      try #require(started.code == 0, "\(started)")
      func told(_ action: String, times count: Int) throws -> Bool {
        try eventually {
          try events(world, "--filter", "event=\(action)").count == count
        }
      }
      #expect(try told("health_status: unhealthy", times: 1))
      #expect(try world.swrun("exec", "web", "touch", "/tmp/well").code == 0)
      #expect(try told("health_status: healthy", times: 1))
      #expect(try world.swrun("rename", "web", "kept").code == 0)
      let pauses = CgroupHierarchy.current == nil ? [] : ["pause", "unpause"]
      for verb in pauses { #expect(try world.swrun(verb, "kept").code == 0) }
      #expect(try world.swrun("restart", "-t", "0", "kept").code == 0)
      #expect(try told("health_status: unhealthy", times: 2))
      #expect(try world.swrun("rm", "-f", "kept").code == 0)
      let failing = try world.swrun(
        "--rm", "--name", "often", "--restart", "no", "--", "sh", "-c", "exit 7")
      #expect(failing.code == 7)
      _ = try world.swrun(
        "-d", "--name", "again", "--restart", "on-failure:2", "--", "sh", "-c", "exit 3")
      #expect(try world.swrun("wait", "again").output == "3\n")

      let web = try events(world, "--filter", "container=\(started.lines[0])")
      #expect(
        web.filter { $0.kind == .container }.map(\.action)
          == ["create", "start", "health_status: unhealthy", "health_status: healthy", "rename"]
          + pauses + ["die", "start", "restart", "health_status: unhealthy", "die", "destroy"])
      let rename = web.first { $0.action == "rename" }
      #expect(rename?.attributes["oldName"] == "web" && rename?.attributes["name"] == "kept")
      // Its interface goes and comes with each launch.
      let network = try events(world, "-f", "network=macvlan:eth0:bridge", "-f", "container=kept")
      #expect(network.map(\.action) == ["disconnect", "connect", "disconnect"], "\(network)")
      #expect(try events(world, "-f", "network=macvlan:eth1:bridge") == [])
      #expect(try events(world, "--filter", "event=health_status").count == 3)
      let again = try events(world, "--filter", "container=again")
      #expect(
        again.map(\.action) == [
          "create", "start", "die", "start", "restart", "die", "start", "restart", "die",
        ])
      #expect(again.filter { $0.action == "die" }.allSatisfy { $0.attributes["exitCode"] == "3" })
      let often = try events(world, "--filter", "container=often").map(\.action)
      #expect(often == ["create", "start", "die", "destroy"])
    }
  }

  @Test("events are shown as they come, and of an instance with --rm its end once")
  func following() throws {
    try World.with { world in
      _ = try world.swrun("--name", "past", "--", "true")
      let following = try world.startSwrun("events", "--filter", "container=web")
      let json = try world.startSwrun("events", "-f", "type=container", "--format", "json")
      // It is there once it hears of another.
      #expect(
        try eventually {
          _ = try world.swrun("--rm", "--name", "other", "--", "true")
          return json.output.contains("\"other\"")
        })
      #expect(try world.swrun("--rm", "--name", "web", "--", "sh", "-c", "exit 3").code == 3)
      #expect(
        eventually { following.output.contains("destroy") && json.output.contains("\"web\"") })
      #expect(!json.output.contains("past"))
      kill(following.pid, SIGKILL)
      kill(json.pid, SIGKILL)
      _ = try json.finish()
      let actions = try following.finish().lines.map { $0.split(separator: " ")[2] }
      #expect(actions == ["create", "start", "die", "destroy"])
    }
  }

  @Test("it ends at the time after --until, and wrong options are refused")
  func until() throws {
    try World.with { world in
      let soon = Clock.realtime() / 1_000_000_000 + 2
      let result = try world.swrun("events", "--until", "\(soon)")
      #expect(result.code == 0 && result.output == "")
      #expect(Clock.realtime() / 1_000_000_000 >= soon)
      for words in [
        ["--until", "x"], ["--filter", "event"], ["--filter", "image=x"],
        ["--no-follow", "--stream=true"],
      ] {
        let refused = try world.swrun(["events", "--no-follow"] + words)
        #expect(refused.code == 125 && refused.errors.hasPrefix("swrun: "), "\(refused)")
      }
    }
  }

  @Test("what is no event is left out, and said")
  func broken() throws {
    try World.with { world in
      _ = try world.swrun("--rm", "--name", "web", "--", "true")
      let path = "\(world.directory)/run/events.json"
      let lines = try readText(path)
      try writeAtomically(Array("{\"Type\":\n\n\(lines)\0\0\0\n".utf8), to: path)
      _ = try world.swrun("--rm", "--name", "web", "--", "true")
      let result = try world.swrun("events", "--no-follow")
      #expect(result.lines.count == 8, "\(result)")
      #expect(result.errors.contains("2 lines are no events"), "\(result)")
    }
  }

  @Test("a monitor that is killed is told of by who finds out")
  func killed() throws {
    try World.with { world in
      for (removed, actions) in [
        (true, ["create", "start", "die", "destroy"]), (false, ["create", "start", "die"]),
      ] {
        let name = removed ? "gone" : "kept"
        _ = try world.swrun(
          ["-d", "--name", name] + (removed ? ["--rm"] : []) + ["--", "sleep", "1000"])
        let status = try readText("/proc/\(try world.pid(name))/status")
        let parent = status.split(separator: "\n").first { $0.hasPrefix("PPid:") }?
          .split(separator: "\t").last.flatMap { Int32($0) }
        kill(try #require(parent), SIGKILL)
        #expect(try eventually { try world.swrun("ps", "-q").lines.isEmpty })
        #expect(try events(world, "--filter", "container=\(name)").map(\.action) == actions)
      }
      #expect(try events(world).last?.attributes["error"] == "its monitor was killed")
    }
  }

  @Test("a start tells of itself by one write, and its end by another")
  func cost() throws {
    try World.with { world in
      let trace = "\(world.directory)/trace"
      let result = try world.host([
        "strace", "-f", "-y", "-s", "2000", "-e", "trace=write", "-o", trace, World.binary, "--rm",
        "--net", "macvlan:eth0,ip=10.20.20.2/24", "--net",
        "macvlan:eth1,ip=10.30.0.2/24,gateway=none", "--", "true",
      ])
      try #require(result.code == 0, "\(result)")
      let writes = try readText(trace).split(separator: "\n").filter { $0.contains("events.json") }
      #expect(writes.count == 2, "\(writes)")
    }
  }
}
