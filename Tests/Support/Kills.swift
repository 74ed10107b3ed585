import Glibc
import Linux

/// Somebody is killed at a step of a launch or a removal, in a test build, and the next commands are
/// watched: they have to say what is true, and nothing may be left.
///
/// A world has one at a time; its instances are called `web`.
public final class Kills {
  /// Who is killed while an instance is launched, which then ends by itself.
  public enum Victim: Sendable {
    /// The command, which stays, and so is the monitor.
    case foreground
    /// The command before it goes into the background, and from there on the monitor.
    case background
    /// The instance's first process, once it is there.
    case initial
    /// The command, while its monitor is at the step, which goes on.
    case command
  }

  private let world: World
  private let options: [String]
  private let interval: Int
  private var unchecked: [String] = []
  /// What was not as it has to be, a line each.
  public private(set) var problems: [String] = []

  /// - Parameters:
  ///   - options: what all instances get, their networks and limits.
  ///   - interval: after how many steps is looked for what is left; after each, the next command is.
  public init(_ world: World, _ options: [String], checkingEvery interval: Int = 1) {
    self.world = world
    self.options = options
    self.interval = interval
  }

  /// Launches an instance, and kills at the Nth step.
  ///
  /// - Returns: which one that was; `nil`: there are not so many.
  public func launch(_ victim: Victim, at place: Int) throws -> String? {
    switch victim {
    case .foreground: try launch("kill", ["--rm", "--name", "web"], place)
    case .background: try launch("kill", ["-d", "--name", "web"], place)
    case .initial: try launch("kill-children", ["-d", "--name", "web"], place)
    case .command: try launchWithoutCommand(place)
    }
  }

  /// Runs a command that removes an instance, whose monitor is killed for all but `rm`, and kills it at
  /// the Nth step.
  ///
  /// - Returns: which one that was; `nil`: there are not so many.
  public func removal(_ words: [String], at place: Int) throws -> String? {
    let isRm = words.first == "rm"
    let began = try world.swrun(
      ["-d", "--name", "web"] + (isRm ? [] : ["--rm"]) + options + ["--", "sleep", "1000"])
    guard began.code == 0 else { throw TestFailure("\(words) at \(place): \(began)") }
    if !isRm {
      let pid = try world.pid("web")
      let parent = try readText("/proc/\(pid)/status").split(separator: "\n")
        .first { $0.hasPrefix("PPid:") }?.split(separator: "\t").last.flatMap { Int32($0) }
      guard let parent else { throw TestFailure("\(pid) has no parent") }
      kill(parent, SIGKILL)
      expect(
        eventually { ProcessIdentity(pid: pid) == nil && world.heldLocks().isEmpty },
        "\(pid) has outlived its monitor")
    }
    let (result, step) = try run("kill:\(place)", words)
    let about = "\(words) at \(place), \(step ?? "?"): \(result)"
    let rows = try world.swrun("ps", "-a").lines.dropFirst()
    expect(rows.allSatisfy { $0.contains("Exited (137)") }, "\(about)\n\(rows)")
    for _ in rows { try expect(world.swrun("rm", "web").code == 0, about) }
    try expectNothingLeft(about)
    return step
  }

  private func launch(_ action: String, _ mode: [String], _ place: Int) throws -> String? {
    let (result, step) = try run("\(action):\(place)", mode + options + ["--", "true"])
    let about = "\(action):\(place), \(mode[0]), \(step ?? "?"): \(result)"
    // Of one that was there to stay: what is listed has ended, and says how.
    let rows = try world.swrun("ps", "-a").lines.dropFirst()
    expect(rows.allSatisfy { $0.contains("Exited (") }, "\(about)\n\(rows)")
    expect(rows.isEmpty || !mode.contains("--rm"), "\(about)\n\(rows)")
    for _ in rows { try expect(world.swrun("rm", "web").code == 0, about) }
    try expectNothingLeft(about)
    return step
  }

  private func launchWithoutCommand(_ place: Int) throws -> String? {
    let file = stepFile()
    let running = try start(
      world.testBuild(["-d", "--name", "web"] + options + ["--", "sleep", "1000"]),
      environment: environment("stop:\(place)", file))
    var status: CInt = 0
    // Its monitor waits there, or it is through.
    var isThrough = false
    expect(
      eventually {
        isThrough = waitpid(running.pid, &status, WNOHANG) == running.pid
        return isThrough || FileIdentity(path: file) != nil
      }, "stop:\(place) does not end")
    if isThrough {
      // The place of this one is on its way out, where it would wait.
      for pid in world.monitorPids() { kill(pid, SIGKILL) }
      try expect(world.swrun("rm", "-f", "web").code == 0, "stop:\(place)")
      try expectNothingLeft("stop:\(place)")
      return nil
    }
    kill(running.pid, SIGKILL)
    waitpid(running.pid, &status, 0)
    // It says where it is before it stops.
    var stopped: [Int32] = []
    expect(
      eventually {
        stopped = world.monitorPids().filter { pid in
          let line = (try? readText("/proc/\(pid)/stat")) ?? ""
          return line.split(separator: ")").last?.hasPrefix(" T") == true
        }
        return !stopped.isEmpty
      }, "stop:\(place): nobody has stopped")
    for pid in stopped { kill(pid, SIGCONT) }
    let step = try? readText(file)
    let about = "stop:\(place), \(step ?? "?")"
    try expect(eventually { try world.swrun("ps").lines.last?.contains("Up ") == true }, about)
    try expect(world.swrun("exec", "web", "true").code == 0, about)
    try expect(world.swrun("rm", "-f", "web").code == 0, about)
    try expectNothingLeft(about)
    return step
  }

  /// Runs the test build with a fault.
  private func run(
    _ fault: String, _ words: [String]
  ) throws -> (result: CommandResult, step: String?) {
    let file = stepFile()
    let result = try command(world.testBuild(words), environment: environment(fault, file))
    // A monitor in the background may still be on its way there.
    if words.last == "true" {
      expect(
        eventually { world.monitors().isEmpty && world.heldLocks().isEmpty },
        "\(fault): the monitor does not end")
    }
    return (result, try? readText(file))
  }

  private func stepFile() -> String {
    let file = "\(world.directory)/step"
    unlink(file)
    return file
  }

  private func environment(_ fault: String, _ file: String) -> [String: String] {
    world.testBuildEnvironment.merging(["SWRUN_FAULT": fault, "SWRUN_FAULT_FILE": file]) { $1 }
  }

  private func expectNothingLeft(_ about: String) throws {
    unchecked.append(about)
    if unchecked.count == interval { try check() }
  }

  /// Looks for what is left of the last steps.
  public func check() throws {
    let about = unchecked.joined(separator: "; ")
    unchecked = []
    // Drafts outside of an instance's directory are for gc.
    for line in try world.swrun("gc").lines where !line.hasSuffix(", which was never finished") {
      problems.append("\(about) left for gc: \(line)")
    }
    let left = try world.leftovers()
    expect(left.isEmpty, "\(about): \(left)")
  }

  private func expect(_ holds: @autoclosure () throws -> Bool, _ about: String) rethrows {
    if try !holds() { problems.append(about) }
  }
}
