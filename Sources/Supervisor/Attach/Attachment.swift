import Glibc
import Linux
import SystemPackage

/// This process at an instance in the background: what the workload writes is shown here, what is typed
/// here is read there. The other side is ``Attachments``.
public struct Attachment {
  private let store: InstanceStore
  private let id: String
  private let socket: HeldDescriptor
  private let isTerminal: Bool
  private let takesInput: Bool
  private let proxiesSignals: Bool
  private var keys: DetachKeys
  /// For the monitor, which has no room for it yet.
  private var unsent: [[UInt8]] = []
  /// For our standard output or error, which has no room for it yet.
  private var unwritten: (bytes: ArraySlice<UInt8>, fd: FileDescriptor)?
  private var isInputOpen: Bool

  /// Messages. Keys of a terminal beyond are lost, as in the terminal itself.
  private static let mostUnsent = 16

  /// - Parameters:
  ///   - isTerminal: the workload has a terminal.
  ///   - takesInput: the workload reads our standard input.
  init(
    _ store: InstanceStore, id: String, _ socket: HeldDescriptor, isTerminal: Bool,
    takesInput: Bool, proxiesSignals: Bool = false, keys: DetachKeys
  ) {
    self.store = store
    self.id = id
    self.socket = socket
    self.isTerminal = isTerminal
    self.takesInput = takesInput
    self.proxiesSignals = proxiesSignals
    self.keys = keys
    isInputOpen = takesInput
  }

  /// Attaches to an instance that runs.
  ///
  /// - Parameters:
  ///   - input: whether the workload gets our standard input, where it reads any.
  ///   - proxiesSignals: signals to this process are for the workload; where it has a terminal they are
  ///     not, as with Docker.
  /// - Returns: the instance's exit code; 0 after the detach keys.
  public static func run(
    _ store: InstanceStore, _ state: InstanceState, keys: DetachKeys, input: Bool,
    proxiesSignals: Bool
  ) throws -> Int32 {
    if state.status == .paused {
      throw SupervisorError(
        "\(state.name) is paused, and says nothing. Let it go on first: swrun unpause \(state.name)"
      )
    }
    let signals = try Session.signalDescriptor(stops: true)
    let (reply, socket) = try ControlSocket.open(
      .attach, of: state, in: store.directory(state.id))
    let takesInput = input && reply.takesInput == true
    if takesInput, state.terminal, !Linux.isTerminal(.standardInput) {
      throw SupervisorError(
        "\(state.name) has a terminal, and the standard input is none. Look on with --no-stdin, or run something beside it: swrun exec -i \(state.name) COMMAND"
      )
    }
    return try Attachment(
      store, id: state.id, socket, isTerminal: state.terminal, takesInput: takesInput,
      proxiesSignals: proxiesSignals && !state.terminal, keys: keys
    ).run(signals)
  }

  private enum End {
    case detached
    case signal(CInt)
    case exited(Int32)
    case letGo, unheard
  }

  consuming func run(_ signals: borrowing Descriptor) throws -> Int32 {
    try socket.descriptor.setNonblocking()
    switch try relay(signals.fd) {
    case .exited(let code): return code
    case .signal(let signal): return 128 + signal
    // As if SIGPIPE had its way.
    case .unheard: return 128 + SIGPIPE
    case .detached:
      let name = store.state(id)?.name ?? String(id.prefix(12))
      let line = "\ndetached from \(name); swrun attach \(name) comes back\n"
      try? FileDescriptor.standardError.writeEverything(Array(line.utf8))
      return 0
    case .letGo:
      guard let state = store.state(id) else { return 128 + SIGKILL }
      if store.isAlive(id), !isEnding(state) {
        throw SupervisorError(
          "what \(state.name) wrote was not taken here for \(Attachments.patience / 1_000_000_000) s, and it goes on without. What it wrote: swrun logs \(state.name)"
        )
      }
      return try Lifecycle(store).wait(state)
    }
  }

  /// Whether the instance's monitor is on its way out: of one that is killed the socket may be closed
  /// before its lock is. One that has let us go lives on.
  private func isEnding(_ state: InstanceState) -> Bool {
    guard let monitor = state.monitor?.open() else { return true }
    return (try? waitForAny([monitor.fd], milliseconds: 1000)) == true
  }

  private mutating func relay(_ signals: FileDescriptor) throws -> End {
    let raw = isTerminal && takesInput ? RawTerminal(.standardInput) : nil
    queueSize()
    while true {
      let isFull = unsent.count >= Self.mostUnsent
      var entries = [
        Self.entry(signals, POLLIN),
        Self.entry(
          socket.descriptor.fd, (unwritten == nil ? POLLIN : 0) | (unsent.isEmpty ? 0 : POLLOUT)),
        Self.entry(.standardInput, isInputOpen && (!isFull || raw != nil) ? POLLIN : 0),
        Self.entry(unwritten?.fd ?? .standardOutput, unwritten == nil ? 0 : POLLOUT),
      ]
      if Glibc.poll(&entries, nfds_t(entries.count), -1) < 0 { continue }
      if entries[0].revents != 0 {
        while let signal = Signal.next(from: signals) {
          switch signal {
          case SIGWINCH: queueSize()
          case SIGTSTP:
            // Who sees nothing of the terminal is stopped all the same.
            if raw == nil { raise(SIGSTOP) } else { raw?.pause() }
            queueSize()
          case SIGCONT:
            raw?.enter()
            queueSize()
          default:
            guard proxiesSignals else { return .signal(signal) }
            unsent.append(AttachMessage.signal(signal).bytes)
          }
        }
      }
      if entries[3].revents != 0, !write() { return .unheard }
      if entries[2].revents != 0, isInputOpen, try takeInput(isFull) { return .detached }
      if entries[1].revents & Int16(POLLIN) != 0 {
        if let end = try receive() { return end }
      } else if entries[1].revents & Int16(POLLHUP | POLLERR) != 0, unwritten == nil {
        return .letGo
      }
      flush()
    }
  }

  private static func entry(_ fd: FileDescriptor, _ events: CInt) -> pollfd {
    // A negative descriptor is passed over, poll(2): nor is its end told of.
    pollfd(fd: events == 0 ? -1 : fd.rawValue, events: Int16(events), revents: 0)
  }

  private mutating func queueSize() {
    guard isTerminal,
      let size = TerminalSize(of: .standardInput) ?? TerminalSize(of: .standardOutput)
    else { return }
    unsent.append(AttachMessage.size(size).bytes)
    flush()
  }

  private mutating func flush() {
    while let message = unsent.first {
      // The end of the other side is seen where it is read.
      if UnixSocket.send(message, over: socket.descriptor.fd) == .full { return }
      unsent.removeFirst()
    }
  }

  /// - Returns: whether the detach keys were typed.
  private mutating func takeInput(_ isFull: Bool) throws -> Bool {
    let bytes = (try? FileDescriptor.standardInput.readSome(1 << 12)) ?? []
    if bytes.isEmpty {
      isInputOpen = false
      return false
    }
    guard isTerminal else {
      unsent.append(AttachMessage.input(bytes).bytes)
      return false
    }
    let (passed, isComplete) = keys.take(bytes)
    if !passed.isEmpty, !isFull { unsent.append(AttachMessage.input(passed).bytes) }
    return isComplete
  }

  /// Takes one message.
  private mutating func receive() throws -> End? {
    let bytes: [UInt8]
    do { bytes = try socket.descriptor.fd.readSome(AttachMessage.longest + 1) } catch {
      return error.errno == .wouldBlock ? nil : .letGo
    }
    switch AttachMessage(bytes) {
    case .output(let bytes, let isError):
      unwritten = (bytes[...], isError ? .standardError : .standardOutput)
      return nil
    case .end(let code): return .exited(code)
    default: return .letGo
    }
  }

  /// Writes what a descriptor that is ready takes without making us wait: PIPE_BUF, pipe(7).
  ///
  /// - Returns: false where nobody reads it any more.
  private mutating func write() -> Bool {
    guard let (bytes, fd) = unwritten else { return true }
    let part = Array(bytes.prefix(4096))
    let written = Glibc.write(fd.rawValue, part, part.count)
    if written < 0 { return errno == EINTR || errno == EAGAIN }
    let rest = bytes.dropFirst(written)
    unwritten = rest.isEmpty ? nil : (rest, fd)
    return true
  }
}
