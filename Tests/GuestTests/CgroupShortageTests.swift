import Glibc
import Linux
import TestSupport
import Testing

/// No room in a cgroup: one line says where and what to do, and nothing is left.
@Suite("cgroups without room", .serialized)
struct CgroupShortageTests {
  private static let parent = "/sys/fs/cgroup/swt-limited"

  /// Runs what is to be refused with one line, exit code 125 and nothing left.
  ///
  /// - Returns: the line.
  private func refusal(_ world: World, _ words: [String]) throws -> String {
    let result = try world.swrun(words)
    #expect(result.code == 125, "\(words): \(result)")
    let lines = result.errors.split(separator: "\n").map(String.init)
    #expect(lines.count == 1 && result.output == "", "\(words): \(result)")
    #expect(try world.swrun("ps", "-aq").lines == [])
    return lines.first ?? ""
  }

  private func shell(_ script: String) throws {
    let result = try command(["sh", "-ec", script])
    guard result.code == 0 else { throw TestFailure("\(script): \(result)") }
  }

  @Test("a limit of a cgroup above is named with the way out, which works")
  func above() throws {
    try World.with { world in
      try shell("echo +pids +memory > /sys/fs/cgroup/cgroup.subtree_control; mkdir \(Self.parent)")
      defer { rmdir(Self.parent) }
      try shell("echo +pids +memory > \(Self.parent)/cgroup.subtree_control")
      let start = [
        "--name", "web", "--cgroup-parent", "/swt-limited", "--net", "ipvlan:eth0:l2", "--ip",
        "10.20.20.2", "--", "true",
      ]
      for (index, (file, value)) in [
        ("cgroup.max.descendants", "0"), ("cgroup.max.depth", "0"), ("pids.max", "0"),
        ("pids.max", "1"), ("memory.max", "65536"),
      ].enumerated() {
        try shell("echo \(value) > \(Self.parent)/\(file)")
        let line = try refusal(world, [index % 2 == 0 ? "--rm" : "-d"] + start)
        #expect(line.contains("/swt-limited") && line.contains(file), "\(line)")
        let wayOut = "echo max > \(Self.parent)/\(file)"
        #expect(line.contains(wayOut), "\(line)")
        #expect(directoryEntries(Self.parent).allSatisfy { $0.contains(".") })
        #expect(try world.leftovers() == [])
        try shell(wayOut)
        let started = try world.swrun(["--rm"] + start)
        #expect(started.code == 0, "\(started)")
      }
    }
  }

  @Test("limits of its own in which nothing starts are named")
  func own() throws {
    try World.with { world in
      let bundle = try world.bundle(
        "true", linux: #""resources": { "memory": { "limit": 65536 } }"#)
      for mode in [["--rm"], ["-d"]] {
        let memory = try refusal(world, mode + ["--bundle", bundle])
        #expect(memory.contains("memory.limit): 64KiB is too little"), "\(memory)")
        let processes = try refusal(world, mode + ["--pids-limit", "1", "--", "true"])
        #expect(
          processes.contains("--pids-limit") && processes.contains("--no-init"), "\(processes)")
      }
      let alone = try world.swrun("--rm", "--no-init", "--pids-limit", "1", "--", "true")
      #expect(alone.code == 0, "\(alone)")
      #expect(try world.leftovers() == [])

      _ = try world.swrun("-d", "--name", "web", "--pids-limit", "2", "--", "sleep", "1000")
      let full = try world.swrun("exec", "web", "true")
      let wayOut = "swrun update --pids-limit 12 web"
      #expect(full.code == 125 && full.errors.contains(wayOut), "\(full)")
      #expect(try world.swrun("update", "--pids-limit", "12", "web").code == 0)
      #expect(try world.swrun("exec", "web", "true").code == 0)
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a kernel that has no number left for a cgroup with memory is named")
  func numbers() throws {
    try World.with { world in
      for mode in ["--rm", "-d"] {
        // 65535 of them would fill this guest, so its answer is given in its place.
        let result = try world.host([
          "strace", "-f", "-o", "/dev/null", "-e", "inject=mkdirat:error=ENOSPC", World.binary,
          mode,
          "--memory", "64M", "--net", "ipvlan:eth0:l2", "--ip", "10.20.20.2", "--", "true",
        ])
        #expect(result.code == 125 && result.output == "", "\(result)")
        #expect(result.errors.contains("65535") && result.errors.contains("drop_caches"))
        #expect(result.errors.split(separator: "\n").count == 1, "\(result)")
        #expect(try world.swrun("ps", "-aq").lines == [])
        #expect(try world.leftovers() == [])
      }
    }
  }

  @Test("the cgroup that swrun itself is in may have no room for its monitor")
  func monitor() throws {
    try World.with { world in
      try shell("echo +pids > /sys/fs/cgroup/cgroup.subtree_control; mkdir \(Self.parent)")
      defer { rmdir(Self.parent) }
      for limit in 1...2 {
        let result = try command(
          [
            "sh", "-c",
            "echo $$ > \(Self.parent)/cgroup.procs; echo \(limit) > \(Self.parent)/pids.max; exec \(World.binary) -d --net none -- sleep 1000",
          ], environment: world.environment)
        #expect(result.code == 125 && result.output == "", "\(result)")
        #expect(result.errors.contains("/swt-limited") && result.errors.contains("TasksMax="))
        #expect(result.errors.split(separator: "\n").count == 1, "\(result)")
      }
      #expect(try world.leftovers() == [])
    }
  }
}
