import Glibc
import Linux
import TestSupport
import Testing

@Suite("namespaces", .serialized)
struct NamespaceTests {
  private func own(_ kind: String) throws -> String { try readLink("/proc/self/ns/\(kind)") }

  @Test("what a bundle does not list is the host's, what it lists is its own")
  func shared() throws {
    try World.with { world in
      let bundle = try world.bundle(
        "for kind in mnt pid ipc uts cgroup net time; do readlink /proc/self/ns/$kind; done",
        without: ["ipc", "uts", "cgroup", "network"])
      let result = try world.swrun("--rm", "--bundle", bundle)
      try #require(result.lines.count == 7, "\(result)")
      let host = try world.host("readlink", "/proc/self/ns/net").lines
      #expect(result.lines[2...4] == [try own("ipc"), try own("uts"), try own("cgroup")][...])
      #expect(result.lines[5...5] == host[...])
      #expect(result.lines[6] == (try own("time")))
      #expect(try result.lines[0] != own("mnt") && result.lines[1] != own("pid"))
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "with the host's processes nothing of the command is left when it ends",
    arguments: [[], ["-d"]])
  func hostProcesses(_ mode: [String]) throws {
    try World.with { world in
      let file = "\(world.directory)/data/pids"
      try makeDirectories("\(world.directory)/data")
      // One that has left its session and its parent.
      let script =
        "(setsid sleep 1000 & echo $! >> /mnt/pids); readlink /proc/self/ns/pid >> /mnt/pids; sleep \(mode.isEmpty ? "0" : "1000")"
      let result = try world.swrun(
        mode + [
          "--name", "web", "--pid", "host", "-v", "\(world.directory)/data:/mnt", "--", "sh", "-c",
          script,
        ])
      #expect(result.code == 0, "\(result)")
      #expect(eventually { (try? readText(file).split(separator: "\n").count) == 2 })
      let lines = try readText(file).split(separator: "\n").map(String.init)
      let orphan = try #require(Int32(lines[0]))
      #expect(try lines[1] == own("pid"))
      if !mode.isEmpty {
        #expect(kill(orphan, 0) == 0)
        #expect(try world.swrun("kill", "web").code == 0)
      }
      #expect(eventually { kill(orphan, 0) != 0 && errno == ESRCH })
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("namespaces of another instance are shared, and go with it")
  func container() throws {
    try World.with { world in
      #expect(
        try world.swrun("-d", "--name", "web", "--hostname", "box", "--", "sleep", "1000").code == 0
      )
      let pid = try world.pid("web")
      func theirs(_ kind: String) throws -> String { try readLink("/proc/\(pid)/ns/\(kind)") }
      let result = try world.swrun(
        "--rm", "--pid", "container:web", "--ipc", "container:web", "--uts", "container:web", "--",
        "sh", "-c",
        "for kind in pid ipc uts; do readlink /proc/self/ns/$kind; done; hostname; echo $HOSTNAME; tr '\\0' ' ' < /proc/1/cmdline; (setsid sleep 1000 &)"
      )
      #expect(
        result.lines.prefix(5) == [
          try theirs("pid"), try theirs("ipc"), try theirs("uts"), "box", "box",
        ], "\(result)")
      #expect(result.output.contains("init"))
      // What the other has left is gone; init, its sleep and exec's own processes are there.
      let left = try world.swrun("exec", "web", "sh", "-c", "cat /proc/[0-9]*/comm | grep -c sleep")
      #expect(left.output == "1\n", "\(left)")
      let joined = try world.swrun(
        "-d", "--name", "side", "--pid", "ns:/proc/\(pid)/ns/pid", "--", "sleep", "1000")
      #expect(joined.code == 0, "\(joined)")
      #expect(
        try world.swrun("exec", "side", "readlink", "/proc/self/ns/pid").output
          == "\(theirs("pid"))\n")
      #expect(try world.swrun("kill", "web").code == 0)
      #expect(try world.swrun("wait", "side").output == "137\n")
      #expect(try world.swrun("rm", "web", "side").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("the host's IPC has its shared memory, the host's UTS its name")
  func host() throws {
    try World.with { world in
      let name = "swrun-test-\(UInt32.random(in: 0...UInt32.max))"
      try writeAtomically(Array("shared".utf8), to: "/dev/shm/\(name)")
      defer { unlink("/dev/shm/\(name)") }
      let result = try world.swrun(
        "--rm", "--ipc", "host", "--uts", "host", "--", "sh", "-c",
        "cat /dev/shm/\(name); echo; hostname; echo $HOSTNAME; readlink /proc/self/ns/ipc; cat /etc/hostname"
      )
      let own = try hostName()
      #expect(result.lines == ["shared", own, own, try self.own("ipc"), own], "\(result)")
      for option in [
        ["--uts", "host", "--hostname", "x"], ["--ipc", "host", "--sysctl", "kernel.shmmni=1"],
        ["--pid", "host", "--no-init"], ["--pid", "hots"], ["--uts", "container:nobody"],
        ["--net", "host", "--sysctl", "net.ipv4.ip_forward=1"],
      ] {
        let refused = try world.swrun(option + ["--", "true"])
        #expect(refused.code == 125 && refused.errors.hasPrefix("swrun: "), "\(option): \(refused)")
      }
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a time namespace has its clocks, also for exec")
  func time() throws {
    try World.with { world in
      let bundle = try world.bundle(
        "cut -d. -f1 /proc/uptime; exec sleep 1000",
        linux: #""timeOffsets": { "boottime": { "secs": 86400000 }, "monotonic": { "secs": 5 } }"#,
        more: "")
      let text = try readText("\(bundle)/config.json")
        .replacing("\"namespaces\": [", with: "\"namespaces\": [ { \"type\": \"time\" },")
      try writeAtomically(Array(text.utf8), to: "\(bundle)/config.json")
      let started = try world.swrun("-d", "--name", "web", "--bundle", bundle)
      #expect(started.code == 0, "\(started)")
      #expect(try eventually { try !world.swrun("logs", "web").output.isEmpty })
      #expect(Int(try world.swrun("logs", "web").lines[0]) ?? 0 > 86_400_000)
      let uptime = try world.swrun("exec", "web", "cut", "-d.", "-f1", "/proc/uptime")
      #expect(Int(uptime.lines.first ?? "") ?? 0 > 86_400_000, "\(uptime)")
      let offsets = try world.swrun("exec", "web", "cat", "/proc/self/timens_offsets")
      #expect(offsets.output.contains("86400000"), "\(offsets)")
    }
  }

  @Test("a file that is no namespace of the kind is refused before anything is made")
  func wrong() throws {
    try World.with { world in
      for (type, path, text) in [
        ("uts", "/proc/self/ns/ipc", "is not a uts namespace"),
        ("ipc", "/etc/passwd", "is not a ipc namespace"), ("pid", "/nowhere", "cannot be opened"),
      ] {
        let bundle = try world.bundle("true", without: [type])
        let config = try readText("\(bundle)/config.json").replacing(
          "\"namespaces\": [",
          with: "\"namespaces\": [ { \"type\": \"\(type)\", \"path\": \"\(path)\" },")
        try writeAtomically(Array(config.utf8), to: "\(bundle)/config.json")
        let refused = try world.swrun("--bundle", bundle)
        #expect(refused.code == 125 && refused.errors.contains(text), "\(refused)")
        #expect(try world.leftovers() == [])
      }
    }
  }
}
