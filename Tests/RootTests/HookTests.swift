import Glibc
import Linux
import TestSupport
import Testing

@Suite("hooks", .serialized)
struct HookTests {
  private static let names = [
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
  ]

  /// A hook that is a shell's script.
  private static func hook(_ script: String, more: String = "") throws -> String {
    #"{ "path": "/bin/sh", "args": ["sh", "-c", \#(try World.json(script))], "env": ["PATH=/bin:/usr/bin", "A=b"] \#(more) }"#
  }

  /// One hook at each step, which writes down its name, what it is told and what it sees.
  private static func hooks(
    _ file: (String) -> String, replacing: [String: String] = [:]
  ) throws -> String {
    let members = try names.map { name in
      let own = try hook(
        "echo \"\(name) $(cat) $A $(echo /proc/self/fd/*) $(readlink /proc/self/ns/uts)\" >> \(file(name))"
      )
      return "\"\(name)\": [\(replacing[name] ?? own)]"
    }
    return "\"hooks\": { \(members.joined(separator: ", ")) }"
  }

  private static let mount =
    #"{ "destination": "/mnt", "type": "bind", "source": "DATA", "options": ["rbind", "rw"] }"#

  /// A world with a directory that the instance sees too.
  private func bundle(
    _ world: World, replacing: [String: String] = [:], script: String = "echo workload >> /mnt/log"
  ) throws -> (bundle: String, log: String) {
    let data = "\(world.directory)/data"
    try makeDirectories(data, mode: 0o755)
    let bundle = try world.bundle(
      script,
      more: try Self.hooks(
        { $0 == "startContainer" ? "/mnt/log" : "\(data)/log" }, replacing: replacing)
        + #", "annotations": { "key": "a \"value\"" }"#,
      mounts: Self.mount.replacing("DATA", with: data))
    return (bundle, "\(data)/log")
  }

  @Test("each is run at its step, in its place, with the state and nothing else of swrun's")
  func order() throws {
    try World.with { world in
      let (bundle, log) = try bundle(world)
      let result = try world.swrun("--rm", "--bundle", bundle)
      #expect(result.code == 0 && result.errors == "", "\(result)")
      let lines = try readText(log).split(separator: "\n").map(String.init)
      // The workload and the hook after its start run beside each other.
      let order = lines.map { String($0.prefix { $0 != " " }) }
      #expect(order.filter { $0 != "workload" } == Self.names, "\(order)")
      #expect(try #require(order.firstIndex(of: "workload")) > 3)
      let states = ["creating", "creating", "creating", "created", "running", "stopped"]
      let host = try readLink("/proc/self/ns/uts")
      for (name, state) in zip(Self.names, states) {
        let line = try #require(lines.first { $0.hasPrefix("\(name) ") })
        #expect(line.contains(#"{"ociVersion":"1.2.0","id":""#), "\(line)")
        #expect(line.contains("\"status\":\"\(state)\""), "\(line)")
        #expect(line.contains(#""annotations":{"key":"a \"value\""}} b "#), "\(line)")
        #expect(line.contains("\"bundle\":\"\(bundle)\""), "\(line)")
        #expect(line.contains("\"pid\":") == (state != "stopped"))
        // The directory that the shell reads is the fourth.
        #expect(
          line.contains("b /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3 "),
          "\(line)")
        #expect(line.hasSuffix(host) == !["createContainer", "startContainer"].contains(name))
      }
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "one that fails stops the launch, says why, and poststop follows", arguments: names.prefix(4))
  func failing(_ name: String) throws {
    try World.with { world in
      let bad = try Self.hook("echo because of this >&2; exit 3")
      let (bundle, log) = try bundle(world, replacing: [name: bad])
      for mode in [["--rm"], ["-d"]] {
        let result = try world.swrun(mode + ["--bundle", bundle])
        #expect(result.code == 125 && result.output == "", "\(result)")
        #expect(
          result.errors
            == "swrun: hooks.\(name)[0] /bin/sh has failed with exit code 3: because of this\n")
        let text = try readText(log)
        #expect(!text.contains("workload") && text.contains("poststop"), "\(text)")
        #expect(try world.leftovers() == [])
        unlink(log)
      }
    }
  }

  @Test("one that takes too long is killed, with what it has started")
  func timeout() throws {
    try World.with { world in
      for name in ["createRuntime", "startContainer"] {
        let slow = try Self.hook("sleep 1000 & sleep 1000", more: ", \"timeout\": 1")
        let (bundle, _) = try bundle(world, replacing: [name: slow])
        let result = try world.swrun("--rm", "--bundle", bundle)
        #expect(result.code == 125, "\(result)")
        #expect(
          result.errors.contains("hooks.\(name)[0] /bin/sh was killed: it took more than 1 s"))
        #expect(try world.leftovers() == [])
      }
    }
  }

  @Test(
    "a signal breaks off a launch that waits for a hook",
    arguments: ["prestart", "createContainer"])
  func interrupted(_ name: String) throws {
    try World.with { world in
      let data = "\(world.directory)/data"
      let slow = try Self.hook("echo waiting > \(data)/waits; sleep 1000")
      let (bundle, _) = try bundle(world, replacing: [name: slow])
      let running = try world.startSwrun("--rm", "--bundle", bundle)
      #expect(eventually { FileIdentity(path: "\(data)/waits") != nil })
      kill(running.pid, SIGTERM)
      let result = try running.finish()
      #expect(result.code == 125 && result.errors.contains("interrupted"), "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("after the start one that fails is a warning", arguments: ["poststart", "poststop"])
  func warning(_ name: String) throws {
    try World.with { world in
      let bad = try Self.hook("exit 1")
      let (bundle, log) = try bundle(world, replacing: [name: bad], script: "exit 7")
      let result = try world.swrun("--name", "web", "--bundle", bundle)
      #expect(result.code == 7)
      #expect(result.errors == "swrun: hooks.\(name)[0] /bin/sh has failed with exit code 1\n")
      #expect(
        try world.swrun("inspect", "web").output.contains("hooks.\(name)[0] /bin/sh has failed"))
      #expect(try readText(log).contains(name == "poststop" ? "poststart" : "poststop"))
    }
  }

  @Test("what createContainer mounts below the root is in the instance, and not on the host")
  func mounting() throws {
    try World.with { world in
      let mounts = try Self.hook("mount -t tmpfs none /media && echo seen > /media/file")
      let (bundle, log) = try bundle(
        world, replacing: ["createContainer": mounts],
        script: "cat /media/file >> /mnt/log; ls /run/nothing 2>/dev/null; true")
      let result = try world.swrun("--rm", "--bundle", bundle)
      #expect(result.code == 0, "\(result)")
      #expect(try readText(log).contains("\nseen\n"))
      #expect(FileIdentity(path: "/media/file") == nil)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("inside, a hook has no more than the workload")
  func confined() throws {
    try World.with { world in
      let looks = try Self.hook(
        "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status > /mnt/log")
      let (bundle, log) = try bundle(
        world, replacing: ["startContainer": looks],
        script: "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status > /mnt/own")
      #expect(try world.swrun("--rm", "--bundle", bundle).code == 0)
      let own = try readText("\(world.directory)/data/own")
      #expect(own.contains("Seccomp:\t2"))
      #expect(try readText(log).hasPrefix(own))
    }
  }
}
