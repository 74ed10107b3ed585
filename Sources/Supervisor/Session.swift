import Glibc
import Linux
import Sandbox
import SystemPackage

/// Waits for a process and meanwhile hands on what goes to and fro: signals to it, keys to its
/// terminal, its output to ours or into the log. `run` and `exec` share it.
struct Session: ~Copyable {
  private let pidfd: Pidfd
  private let terminal: Descriptor?
  private let signals: FileDescriptor
  private let output: Descriptor?
  private let errors: Descriptor?
  private let log: LogWriter?
  private let relaysInput: Bool
  /// The terminal has a size of its own until ours changes.
  private let keepsSize: Bool
  /// A second descriptor of the terminal: epoll(7) waits for one thing with each.
  private let terminalInput: Descriptor?
  private var keys: [UInt8] = []
  /// Who is attached to an instance in the background.
  private let attachments: Attachments?
  /// Whether no output is read, until they and the log have taken what there was.
  private var isHeldUp = false
  /// Whether the log says when it has room.
  private var waitsForLog = false

  private enum Key: UInt64 {
    case process, signals, terminal, output, errors, input, room, monitor, attached, log
  }

  private static let outputs = [Key.output, .errors, .terminal]

  /// For how long nothing happens until a monitor in the background gives back the memory that it has used,
  /// in milliseconds; at first it does so at once.
  private static let quiet: CInt = 10_000

  /// Signals that go on to the process. Those of job control keep their meaning for swrun itself.
  static let forwarded: [CInt] =
    [
      SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCONT, SIGWINCH, SIGURG,
      SIGPWR,
    ]

  /// Blocks the signals that a session takes, so that none is lost between the start of a process
  /// and ``wait(beside:)``.
  ///
  /// - Parameters:
  ///   - stops: SIGTSTP too, by who has to leave raw mode first.
  ///   - orphans: SIGCHLD too, by who has to collect the children of others.
  static func signalDescriptor(stops: Bool = false, orphans: Bool = false) throws -> Descriptor {
    let taken = forwarded + (stops ? [SIGTSTP] : []) + (orphans ? [SIGCHLD] : [])
    var set = sigset_t()
    sigemptyset(&set)
    for signal in taken + [SIGCHLD] { sigaddset(&set, signal) }
    sigprocmask(SIG_BLOCK, &set, nil)
    // A reader of our output that has gone is an error of write, not our death.
    signal(SIGPIPE, SIG_IGN)
    return try Signal.descriptor(of: taken)
  }

  /// - Parameters:
  ///   - signals: of ``signalDescriptor()``; borrowed.
  ///   - output, errors: the read ends of pipes, for an instance that is logged.
  ///   - relaysInput: our standard input goes to the terminal.
  init(
    _ running: consuming Running, signals: FileDescriptor, output: consuming Descriptor?,
    errors: consuming Descriptor?, log: LogWriter?, relaysInput: Bool,
    keepsSize: Bool = false, attachments: Attachments? = nil
  ) throws {
    self.attachments = attachments
    terminalInput =
      switch running.terminal {
      case .some(let terminal) where relaysInput: try terminal.duplicate()
      default: nil
      }
    pidfd = running.pidfd
    terminal = running.terminal
    self.signals = signals
    self.output = output
    self.errors = errors
    self.log = log
    self.relaysInput = relaysInput
    self.keepsSize = keepsSize
  }

  /// Returns once the process has ended and all that it has printed is where it belongs.
  ///
  /// - Parameter monitor: what else there is to be done meanwhile.
  mutating func wait(beside monitor: Monitor? = nil) throws -> ExitStatus {
    let epoll = try Epoll()
    try epoll.add(pidfd.fd, key: Key.process.rawValue)
    try epoll.add(signals, key: Key.signals.rawValue)
    if let monitor { try epoll.add(monitor.fd, key: Key.monitor.rawValue) }
    if let attachments { try epoll.add(attachments.fd, key: Key.attached.rawValue) }
    for (fd, key) in [
      (view(output), Key.output), (view(errors), .errors), (view(terminal), .terminal),
    ] {
      guard let fd else { continue }
      try Self.setNonblocking(fd)
      try epoll.add(fd, key: key.rawValue)
    }
    let raw = relaysInput ? RawTerminal(.standardInput) : nil
    if relaysInput { try epoll.add(.standardInput, key: Key.input.rawValue) }
    if !keepsSize { adoptSize() }
    let settles = monitor?.isInBackground == true
    var patience: CInt = 0
    while true {
      var keys = try epoll.wait(milliseconds: settles ? patience : -1)
      if keys.isEmpty {
        log?.releaseIdleMemory()
        keys = try epoll.waitIdle()
      }
      patience = Self.quiet
      for key in keys.compactMap(Key.init(rawValue:)) {
        switch key {
        case .process:
          try drain()
          return try pidfd.wait()
        case .signals:
          while let signal = Signal.next(from: signals) {
            // Others may have set the terminal meanwhile, such as the shell.
            if signal == SIGTSTP { raw?.pause() } else { try forward(signal, monitor) }
            if signal == SIGCONT { raw?.enter() }
          }
        case .output, .errors, .terminal:
          if try !copy(key) { if let fd = descriptor(key) { epoll.remove(fd) } }
          try followReaders(epoll)
        case .log:
          stopWaitingForLog(epoll)
          log?.retry()
          try followReaders(epoll)
        case .input: try takeKeys(epoll)
        case .room: try giveKeys(epoll)
        case .monitor: monitor?.wake()
        case .attached:
          attachments?.serve { signal in
            monitor?.note(signal)
            _ = try? pidfd.send(signal)
          }
          try followReaders(epoll)
        }
      }
    }
  }

  /// The workload waits for its log, and for who is attached and does not keep up.
  private mutating func followReaders(_ epoll: borrowing Epoll) throws {
    if let log, log.isBlocked, !waitsForLog {
      let room = try log.room()
      try epoll.add(room.fd, key: Key.log.rawValue, forOutput: room.forOutput)
      waitsForLog = true
    }
    let isFull = log?.isBlocked == true || attachments?.isFull == true
    guard isFull != isHeldUp else { return }
    isHeldUp = isFull
    for key in Self.outputs {
      guard let fd = descriptor(key) else { continue }
      if isHeldUp { epoll.remove(fd) } else { try epoll.add(fd, key: key.rawValue) }
    }
  }

  private mutating func stopWaitingForLog(_ epoll: borrowing Epoll) {
    if let room = try? log?.room() { epoll.remove(room.fd) }
    waitsForLog = false
  }

  private static func setNonblocking(_ fd: FileDescriptor) throws {
    let flags = try check("fcntl", "F_GETFL", fcntl(fd.rawValue, F_GETFL))
    try check("fcntl", "F_SETFL", fcntl(fd.rawValue, F_SETFL, flags | O_NONBLOCK))
  }

  private func descriptor(_ key: Key) -> FileDescriptor? {
    switch key {
    case .output: view(output)
    case .errors: view(errors)
    case .terminal: view(terminal)
    default: nil
    }
  }

  private func forward(_ signal: CInt, _ monitor: Monitor?) throws {
    if signal == SIGCHLD {
      monitor?.collectOrphans()
      return
    }
    monitor?.note(signal)
    if signal == SIGWINCH, view(terminal) != nil { adoptSize() } else { try pidfd.send(signal) }
  }

  /// The instance's terminal is as large as ours.
  private func adoptSize() {
    guard let fd = view(terminal) else { return }
    (TerminalSize(of: .standardInput) ?? TerminalSize(of: .standardOutput))?.apply(to: fd)
  }

  /// Copies what is there now.
  ///
  /// - Returns: false at the end.
  private mutating func copy(_ key: Key) throws -> Bool {
    guard let fd = descriptor(key) else { return false }
    // What is held back is read later.
    if log?.isBlocked == true { return true }
    do throws(SystemError) {
      if let log {
        let bytes = try log.take(from: fd, key == .errors ? .errors : .output)
        attachments?.send(bytes, isError: key == .errors)
        return !bytes.isEmpty
      }
      let bytes = try fd.readSome(1 << 16)
      if let attachments {
        bytes.withUnsafeBytes { attachments.send($0, isError: key == .errors) }
      } else {
        // Who reads our output may go before the workload does, and the workload goes on.
        try? FileDescriptor.standardOutput.writeEverything(bytes)
      }
      return !bytes.isEmpty
    } catch {
      if error.errno == .wouldBlock { return true }
      // A terminal whose last user has gone.
      if error.errno == .ioError { return false }
      throw error
    }
  }

  /// The process has ended: what it has printed is all there.
  private mutating func drain() throws {
    repeat {
      log?.retry()
      for key in Self.outputs {
        while log?.isBlocked != true, let fd = descriptor(key),
          poll(fd, for: Int16(POLLIN), milliseconds: 0)
        {
          if try !copy(key) { break }
        }
      }
      log?.finish()
    } while log?.isBlocked == true && log?.waitForRoom() == true
  }

  /// Keys wait until the terminal has room; none are read meanwhile.
  private mutating func takeKeys(_ epoll: borrowing Epoll) throws {
    let bytes = try FileDescriptor.standardInput.readSome(1 << 12)
    epoll.remove(.standardInput)
    guard !bytes.isEmpty, let fd = view(terminalInput) else { return }
    keys = bytes
    try epoll.add(fd, key: Key.room.rawValue, forOutput: true)
  }

  private mutating func giveKeys(_ epoll: borrowing Epoll) throws {
    guard let fd = view(terminalInput) else { return }
    let written = write(fd.rawValue, keys, keys.count)
    if written > 0 { keys.removeFirst(written) }
    if keys.isEmpty || (written < 0 && errno != EAGAIN && errno != EINTR) {
      epoll.remove(fd)
      try epoll.add(.standardInput, key: Key.input.rawValue)
    }
  }
}
