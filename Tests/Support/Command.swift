import Glibc
import Linux
import SystemPackage

/// What a command has printed and how it has ended.
public struct CommandResult: Sendable, CustomStringConvertible {
  public let code: Int32
  public let output: String
  public let errors: String

  public var lines: [String] { output.split(separator: "\n").map(String.init) }
  public var description: String { "exit \(code)\n\(output)\(errors)" }
}

/// Runs a command to its end. Output goes through files, so that a background process which keeps it
/// open keeps nobody waiting.
public func command(
  _ words: [String], environment: [String: String] = [:], input: String = ""
) throws -> CommandResult {
  let running = try start(words, environment: environment, input: input)
  return try running.finish()
}

/// Starts a command.
public func start(
  _ words: [String], environment: [String: String] = [:], input: String = ""
) throws -> StartedCommand {
  var template = Array("/tmp/swrun-test.XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
  let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  try writeAtomically(Array(input.utf8), to: "\(directory)/in")
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "\(directory)/in", O_RDONLY, 0)
  posix_spawn_file_actions_addopen(&actions, 1, "\(directory)/out", O_WRONLY | O_CREAT, 0o600)
  posix_spawn_file_actions_addopen(&actions, 2, "\(directory)/err", O_WRONLY | O_CREAT, 0o600)
  var variables = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
  variables += environment.map { "\($0.key)=\($0.value)" }
  let arguments = words.map { strdup($0) } + [nil]
  let values = variables.map { strdup($0) } + [nil]
  defer { for text in arguments + values { free(text) } }
  // Tests run on threads that have all signals blocked, and what they start would inherit it.
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var none = sigset_t()
  sigemptyset(&none)
  posix_spawnattr_setsigmask(&attributes, &none)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
  var pid: pid_t = 0
  let result = posix_spawnp(&pid, words[0], &actions, &attributes, arguments, values)
  guard result == 0 else {
    throw SystemError("posix_spawn", words[0], errno: Errno(rawValue: result))
  }
  return StartedCommand(pid: pid, directory: directory)
}

/// A command that runs.
public struct StartedCommand: Sendable {
  public let pid: pid_t
  let directory: String

  /// What it has printed until now.
  public var output: String { (try? readText("\(directory)/out")) ?? "" }

  /// Waits for its end.
  public func finish() throws -> CommandResult {
    var status: CInt = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    defer { try? removeTree(directory) }
    return CommandResult(
      code: ExitStatus(waitStatus: status).code, output: output,
      errors: (try? readText("\(directory)/err")) ?? "")
  }
}

/// Waits until something holds; generous, since these machines are slow.
public func eventually(seconds: Int = 60, _ condition: () throws -> Bool) rethrows -> Bool {
  let end = Clock.monotonic() + Int64(seconds) * 1_000_000_000
  while Clock.monotonic() < end {
    if try condition() { return true }
    usleep(50_000)
  }
  return try condition()
}
