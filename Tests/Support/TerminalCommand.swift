import Glibc
import Linux
import SystemPackage

/// A command at a terminal of its own, of which the test has the keys and the screen.
public final class TerminalCommand {
  public let pid: pid_t
  private let master: Descriptor
  private var screen: [UInt8] = []
  private var status: ExitStatus?

  /// Starts a command in a session of its own, with its standard streams at a new terminal.
  public init(
    _ words: [String], environment: [String: String] = [:], rows: UInt16 = 24,
    columns: UInt16 = 80
  ) throws {
    let devices = try Descriptor.open("/dev/pts", O_RDONLY | O_DIRECTORY)
    let pair = try Pseudoterminal(ptmx: "ptmx", in: devices.fd)
    master = pair.master
    let terminal = pair.terminal
    try master.setNonblocking()
    TerminalSize(rows: rows, columns: columns).apply(to: master.fd)
    let path = try readLink("/proc/self/fd/\(terminal.fd.rawValue)")
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // The leader of a session gets the first terminal that it opens as its own.
    for fd in CInt(0)...2 { posix_spawn_file_actions_addopen(&actions, fd, path, O_RDWR, 0) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    let newSession: Int16 = 0x80  // POSIX_SPAWN_SETSID
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | newSession)
    var variables = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    variables += ["TERM=dumb"] + environment.map { "\($0.key)=\($0.value)" }
    let arguments = words.map { strdup($0) } + [nil]
    let values = variables.map { strdup($0) } + [nil]
    defer { for text in arguments + values { free(text) } }
    var started: pid_t = 0
    let result = posix_spawnp(&started, words[0], &actions, &attributes, arguments, values)
    guard result == 0 else {
      throw SystemError("posix_spawn", words[0], errno: Errno(rawValue: result))
    }
    pid = started
  }

  deinit {
    if status == nil {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
  }

  /// Types.
  public func type(_ text: String) throws { try master.fd.writeEverything(Array(text.utf8)) }

  public func resize(rows: UInt16, columns: UInt16) {
    TerminalSize(rows: rows, columns: columns).apply(to: master.fd)
  }

  public var size: TerminalSize? { TerminalSize(of: master.fd) }

  /// All that it has written, with its carriage returns gone.
  public var text: String {
    // What the last that had the terminal has written can still be read, then it is an error.
    while let part = try? master.fd.readSome(1 << 16), !part.isEmpty { screen += part }
    return String(decoding: screen.filter { $0 != 0x0d }, as: UTF8.self)
  }

  public func shows(_ wanted: String) -> Bool { eventually { text.contains(wanted) } }

  /// Whether the terminal hands on every key as it is.
  public var isRaw: Bool {
    var mode = termios()
    return tcgetattr(master.fd.rawValue, &mode) == 0
      && mode.c_lflag & UInt32(ICANON | ECHO | ISIG) == 0
  }

  /// Whether it has been stopped.
  public var isStopped: Bool {
    let line = (try? readText("/proc/\(pid)/stat")) ?? ""
    return line.split(separator: ")").last?.hasPrefix(" T") == true
  }

  /// Waits for its end, while its screen is read; `nil` where it does not end.
  public func finish() -> Int32? {
    _ = eventually {
      _ = text
      var code: CInt = 0
      if waitpid(pid, &code, WNOHANG) == pid { status = ExitStatus(waitStatus: code) }
      return status != nil
    }
    _ = text
    return status?.code
  }
}

extension World {
  /// swrun at a terminal.
  public func swrunAtTerminal(_ words: String...) throws -> TerminalCommand {
    try TerminalCommand(
      ["ip", "netns", "exec", hostName, Self.binary] + words, environment: environment)
  }
}
