import Glibc
import Linux
import TestSupport
import Testing

/// Somebody is killed at each step, in a test build: the next command says what is true, and nothing
/// may be left.
@Suite("kills", .serialized)
struct KillTests {
  private static let testBuild = ".build/debug/swrun"
  private static let networks = [
    "--net", "lan", "--net", "macvlan:eth1,ip=10.30.0.2/24,gateway=none",
  ]

  private func with(_ body: (World) throws -> Void) throws {
    try World.with { world in
      let created = try world.swrun(
        "network", "create", "--driver", "macvlan", "--subnet", "10.20.20.0/24", "--opt",
        "parent=eth0", "lan")
      #expect(created.code == 0)
      try body(world)
    }
  }

  private func expectNothingLeft(_ world: World, _ about: String) throws {
    // Drafts outside of an instance's directory are for gc.
    for line in try world.swrun("gc").lines where !line.hasSuffix(", which was never finished") {
      Issue.record("\(about) left for gc: \(line)")
    }
    let left = try world.leftovers()
    #expect(left.isEmpty, "\(about): \(left)")
  }

  /// Runs the test build with a fault.
  ///
  /// - Returns: its result, and the step at which it happened; `nil`: there are not so many.
  private func run(
    _ world: World, _ fault: String, _ words: [String]
  ) throws -> (result: CommandResult, step: String?) {
    let file = "\(world.directory)/step"
    unlink(file)
    let result = try TestSupport.command(
      ["ip", "netns", "exec", world.hostName, Self.testBuild] + words,
      environment: world.environment.merging(
        ["SWRUN_FAULT": fault, "SWRUN_FAULT_FILE": file]) { $1 })
    // A monitor in the background may still be on its way there.
    if words.last == "true" { _ = eventually { world.monitors().isEmpty } }
    return (result, try? readText(file))
  }

  @Test(
    "whenever a command that runs an instance is killed, the next one removes all that it had",
    arguments: [
      ("kill", ["--rm", "--name", "web"]), ("kill", ["-d", "--name", "web"]),
      ("kill-children", ["-d", "--name", "web"]),
    ])
  func launch(_ action: String, _ mode: [String]) throws {
    try with { world in
      let before = try world.hostNetwork()
      var place = 0
      while true {
        place += 1
        let (result, step) = try run(
          world, "\(action):\(place)", mode + Self.networks + ["--", "true"])
        guard let step else { break }
        let about = "\(action):\(place), \(step): \(result)"
        // Of one that was there to stay: what is listed has ended, and says how.
        let rows = try world.swrun("ps", "-a").lines.dropFirst()
        #expect(rows.allSatisfy { $0.contains("Exited (") }, "\(about)\n\(rows)")
        #expect(rows.isEmpty || !mode.contains("--rm"), "\(about)\n\(rows)")
        for _ in rows { #expect(try world.swrun("rm", "web").code == 0, "\(about)") }
        try expectNothingLeft(world, about)
        try #require(place < 200)
      }
      // As many steps as there are at least, from the directory's making to its end.
      #expect(place > 30, "only \(place)")
      _ = try world.swrun("rm", "web")
      let left = try world.leftovers(since: before)
      #expect(left.isEmpty, "\(left)")
    }
  }

  @Test("a command that is killed while its monitor goes into the background leaves that alone")
  func command() throws {
    try with { world in
      var place = 0
      while true {
        place += 1
        let file = "\(world.directory)/step"
        unlink(file)
        let running = try start(
          ["ip", "netns", "exec", world.hostName, Self.testBuild, "-d", "--name", "web"]
            + Self.networks + ["--", "sleep", "1000"],
          environment: world.environment.merging(
            ["SWRUN_FAULT": "stop:\(place)", "SWRUN_FAULT_FILE": file]) { $1 })
        var status: CInt = 0
        // Its monitor waits there, or it is through.
        var isThrough = false
        #expect(
          eventually {
            isThrough = waitpid(running.pid, &status, WNOHANG) == running.pid
            return isThrough || FileIdentity(path: file) != nil
          })
        if isThrough { break }
        kill(running.pid, SIGKILL)
        waitpid(running.pid, &status, 0)
        // It says where it is before it stops.
        var stopped: [Int32] = []
        #expect(
          eventually {
            stopped = world.monitorPids().filter { pid in
              let line = (try? readText("/proc/\(pid)/stat")) ?? ""
              return line.split(separator: ")").last?.hasPrefix(" T") == true
            }
            return !stopped.isEmpty
          })
        for pid in stopped { kill(pid, SIGCONT) }
        let about = "\(place), \((try? readText(file)) ?? "?")"
        #expect(
          try eventually { try world.swrun("ps").lines.last?.contains("Up ") == true }, "\(about)")
        #expect(try world.swrun("exec", "web", "true").code == 0, "\(about)")
        #expect(try world.swrun("rm", "-f", "web").code == 0, "\(about)")
        try expectNothingLeft(world, about)
        try #require(place < 100)
      }
      #expect(place > 10, "only \(place)")
      // The place of this one is on its way out, where it would wait.
      for pid in world.monitorPids() { kill(pid, SIGKILL) }
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "whenever a command that removes is killed, the next one does the rest",
    arguments: [["rm", "-f", "web"], ["ps"], ["gc"]])
  func removal(_ words: [String]) throws {
    try with { world in
      var place = 0
      while true {
        place += 1
        _ = try world.swrun(
          ["-d", "--name", "web"] + (words == ["rm", "-f", "web"] ? [] : ["--rm"]) + Self.networks
            + ["--", "sleep", "1000"])
        if words.first != "rm" {
          let pid = try world.pid("web")
          let parent = try readText("/proc/\(pid)/status").split(separator: "\n")
            .first { $0.hasPrefix("PPid:") }?.split(separator: "\t").last.flatMap { Int32($0) }
          kill(try #require(parent), SIGKILL)
          #expect(eventually { ProcessIdentity(pid: pid) == nil })
        }
        let (result, step) = try run(world, "kill:\(place)", words)
        let about = "\(place), \(step ?? "?"): \(result)"
        let rows = try world.swrun("ps", "-a").lines.dropFirst()
        #expect(rows.allSatisfy { $0.contains("Exited (137)") }, "\(about)\n\(rows)")
        for _ in rows { #expect(try world.swrun("rm", "web").code == 0, "\(about)") }
        try expectNothingLeft(world, about)
        if step == nil { break }
        try #require(place < 100)
      }
      #expect(place > 5, "only \(place)")
    }
  }
}
