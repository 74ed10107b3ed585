import Linux
import TestSupport
import Testing

/// What holds on every machine: this one may have version 1 beside version 2.
@Suite("cgroups", .serialized)
struct CgroupTests {
  private static let hierarchy = CgroupHierarchy.current
  private static let isWritable = hierarchy.map { !$0.isReadOnly } ?? false

  @Test("an instance without limits runs, whatever cgroups this machine has")
  func free() throws {
    try World.with { world in
      let result = try world.swrun("--rm", "--", "cat", "/proc/self/cgroup")
      #expect(result.code == 0 && result.lines.contains("0::/"), "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "a limit that this machine's version 2 cannot keep is refused, with the way out",
    .enabled(
      if: hierarchy?.controllers.contains("memory") != true, "version 2 has the memory controller"))
  func refused() throws {
    try World.with { world in
      let result = try world.swrun("--rm", "-m", "64m", "--", "true")
      #expect(result.code == 125)
      #expect(result.errors.hasPrefix("swrun: --memory (linux.resources.memory.limit) needs"))
      #expect(result.errors.contains("leave the limit out"), "\(result)")
      #expect(try world.swrun("--explain", "-m", "64m", "--", "true").code == 125)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "what version 2 does not have is refused",
    arguments: [
      ["--oom-kill-disable"], ["--memory-swappiness", "10"], ["--memory", "1m"],
      ["--cpus", "1", "--cpu-quota", "5000"], ["--cgroup-parent", "/../x"],
      ["--device-cgroup-rule", "x"], ["--device", "/nosuch"], ["--oom-score-adj", "1001"],
    ])
  func never(_ options: [String]) throws {
    try World.with { world in
      let result = try world.swrun(["--rm"] + options + ["--", "true"])
      #expect(result.code == 125, "\(result)")
      #expect(result.errors.split(separator: "\n").count == 1, "\(result)")
      #expect(result.errors.contains(options[0]) || result.errors.contains("/../x"), "\(result)")
    }
  }

  @Test(
    "pause, unpause, top and the end of a paused instance",
    .enabled(if: isWritable, "no version 2 hierarchy that can be written"))
  func pause() throws {
    try World.with { world in
      let id = try world.swrun("-d", "--name", "web", "--", "sleep", "1000").lines.first ?? ""
      let path = "\(Self.hierarchy?.mountPoint ?? "")/swrun/\(id)"
      #expect(FileIdentity(path: path) != nil)
      #expect(try world.swrun("unpause", "web").code == 125)
      #expect(try world.swrun("pause", "web").output == "web\n")
      #expect(try world.swrun("ps", "--filter", "status=paused", "-q").lines.count == 1)
      #expect(try world.swrun("exec", "web", "true").code == 125)
      #expect(try world.swrun("unpause", "web").output == "web\n")
      #expect(try world.swrun("exec", "web", "cat", "/proc/self/cgroup").lines.contains("0::/"))
      let top = try world.swrun("top", "web").lines
      #expect(top.count == 3 && top[2].hasSuffix("sleep 1000"), "\(top)")
      #expect(try world.swrun("stats", "--no-stream", "web").lines.count == 2)
      #expect(try world.swrun("pause", "web").code == 0)
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(FileIdentity(path: path) == nil)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "a cgroup that is somebody else's is left alone",
    .enabled(if: isWritable, "no version 2 hierarchy that can be written"))
  func taken() throws {
    try World.with { world in
      let text = try readText("Tests/Fixtures/host-root/config.json")
        .replacing("\"linux\": {", with: "\"linux\": { \"cgroupsPath\": \"/swrun-test\",")
      try makeDirectories("\(world.directory)/bundle")
      try writeAtomically(Array(text.utf8), to: "\(world.directory)/bundle/config.json")
      let path = "\(Self.hierarchy?.mountPoint ?? "")/swrun-test"
      try makeDirectories(path, mode: 0o755)
      defer { _ = try? command(["rmdir", path]) }
      let result = try world.swrun("--rm", "--bundle", "\(world.directory)/bundle")
      #expect(result.code == 125 && result.errors.contains("is there already"), "\(result)")
      #expect(FileIdentity(path: path) != nil)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "--cgroupns host shows where the instance is, and --cgroup-parent decides it",
    .enabled(if: isWritable, "no version 2 hierarchy that can be written"))
  func places() throws {
    try World.with { world in
      defer { _ = try? command(["rmdir", "\(Self.hierarchy?.mountPoint ?? "")/swrun-parent"]) }
      let result = try world.swrun(
        "--rm", "--cgroupns", "host", "--cgroup-parent", "swrun-parent", "--oom-score-adj", "77",
        "--", "sh", "-c", "grep 0:: /proc/self/cgroup; cat /proc/self/oom_score_adj")
      #expect(result.lines.first?.hasPrefix("0::/swrun-parent/") == true, "\(result)")
      #expect(result.lines.last == "77")
      #expect(try world.leftovers() == [])
    }
  }
}
