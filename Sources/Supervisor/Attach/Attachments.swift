import Glibc
import Linux
import Sandbox
import SystemPackage

/// Who is attached to an instance, in the hands of its monitor. It shows as one descriptor, which
/// ``Session`` waits for.
///
/// What the workload writes goes into the log and to each of them. One that does not keep up has what
/// fits into its socket, and one read of the monitor's beyond; then the workload waits for it, but no
/// longer than ``patience`` without a byte taken, after which it is let go.
///
/// What they type goes to the workload in the order in which it comes. Where the workload does not read
/// it, no more is taken from them.
final class Attachments {
  static let mostClients = 16
  /// Nanoseconds.
  static let patience: Int64 = 5_000_000_000

  private final class Client {
    let socket: HeldDescriptor
    /// Messages that did not fit.
    var pending: [[UInt8]] = []
    /// Whether it is told when there is room.
    var waits = false
    /// When it has last taken one.
    var taken: Int64 = 0
    init(_ socket: HeldDescriptor) { self.socket = socket }
    var fd: FileDescriptor { socket.descriptor.fd }
  }

  private var clients: [UInt64: Client] = [:]
  private var next = Attachments.firstClient
  private let epoll: Epoll
  /// Fires while somebody does not keep up.
  private let timer: Timer
  private var isTimed = false
  /// The workload's input: the master of its terminal, or the other end of its pipe.
  private var sink: Descriptor?
  private let isTerminal: Bool
  private var keepsSize = false
  /// Input that the workload has no room for yet.
  private var input: [UInt8] = []
  private var isSinkWatched = false

  private static let sinkKey: UInt64 = 0
  private static let timerKey: UInt64 = 1
  private static let firstClient: UInt64 = 2

  /// - Parameters:
  ///   - isTerminal: the workload has a terminal.
  ///   - takesInput: what is typed goes to the workload.
  init(isTerminal: Bool, takesInput: Bool) throws {
    self.isTerminal = isTerminal
    self.takesInput = takesInput
    epoll = try Epoll()
    timer = try Timer()
    try epoll.add(timer.fd, key: Self.timerKey)
  }

  let takesInput: Bool

  var fd: FileDescriptor { epoll.fd }

  /// Whether somebody has not taken all yet: no more of the workload's output is to be read.
  var isFull: Bool { clients.values.contains { !$0.pending.isEmpty } }

  /// Says where the input of the workload, which runs now, leads. What the last one has not read is
  /// forgotten.
  ///
  /// - Parameters:
  ///   - input: the other end of the pipe that it reads, where it has no terminal.
  ///   - keepsSize: its terminal has a size of its own until somebody's changes.
  func connect(
    _ running: borrowing Running, input: consuming Descriptor?, keepsSize: Bool
  ) throws {
    if isSinkWatched, let fd = view(sink) { epoll.remove(fd) }
    isSinkWatched = false
    self.input = []
    for (key, client) in clients { watch(key, client) }
    switch running.terminal {
    case .some(let terminal): sink = .some(try terminal.duplicate())
    case .none: sink = input
    }
    switch sink {
    case .some(let sink): try sink.setNonblocking()
    case .none: break
    }
    self.keepsSize = keepsSize
  }

  /// Whether there is room for one more.
  var hasRoom: Bool { clients.count < Self.mostClients }

  func add(_ socket: HeldDescriptor) {
    let client = Client(socket)
    guard hasRoom, (try? socket.descriptor.setNonblocking()) != nil,
      (try? epoll.add(client.fd, key: next)) != nil
    else { return }
    clients[next] = client
    next += 1
  }

  /// Hands on what the workload has written.
  func send(_ bytes: UnsafeRawBufferPointer, isError: Bool) {
    guard !clients.isEmpty else { return }
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = Array(rest.prefix(AttachMessage.longest))
      rest = rest.dropFirst(part.count)
      sendAll(AttachMessage.output(part, isError: isError).bytes)
    }
  }

  private func sendAll(_ message: [UInt8]) {
    for (key, client) in clients {
      if client.pending.isEmpty { client.taken = Clock.monotonic() }
      client.pending.append(message)
      flush(key, client)
    }
    time()
  }

  /// Gives a client what it has room for.
  private func flush(_ key: UInt64, _ client: Client) {
    while let message = client.pending.first {
      let result = UnixSocket.send(message, over: client.fd)
      if result == .full { break }
      if result == .gone {
        clients[key] = nil
        return
      }
      client.pending.removeFirst()
      client.taken = Clock.monotonic()
    }
    if client.waits == client.pending.isEmpty { watch(key, client) }
  }

  private func watch(_ key: UInt64, _ client: Client) {
    client.waits = !client.pending.isEmpty
    epoll.change(client.fd, key: key, input: input.isEmpty, output: client.waits)
  }

  /// Wakes up now and then while somebody does not keep up.
  private func time() {
    guard isFull != isTimed else { return }
    isTimed = isFull
    try? timer.set(first: isTimed ? 1_000_000_000 : 0, interval: isTimed ? 1_000_000_000 : 0)
  }

  /// Does what there is to do.
  ///
  /// - Parameter signal: gets the signals that PID 1 is to get.
  func serve(signal: (Int32) -> Void) {
    for key in (try? epoll.wait(milliseconds: 0)) ?? [] {
      switch key {
      case Self.sinkKey: giveInput()
      case Self.timerKey:
        timer.acknowledge()
        let now = Clock.monotonic()
        clients = clients.filter {
          $0.value.pending.isEmpty || now - $0.value.taken < Self.patience
        }
      default:
        guard let client = clients[key] else { continue }
        if input.isEmpty { receive(key, client, signal) }
        if clients[key] != nil { flush(key, client) }
      }
    }
    time()
  }

  private func receive(_ key: UInt64, _ client: Client, _ signal: (Int32) -> Void) {
    let bytes: [UInt8]
    do { bytes = try client.fd.readSome(AttachMessage.longest + 1) } catch {
      if error.errno != .wouldBlock { clients[key] = nil }
      return
    }
    switch AttachMessage(bytes) {
    case .input(let bytes):
      guard takesInput, !bytes.isEmpty else { return }
      input = bytes
      giveInput()
    case .size(let size): adopt(size)
    case .signal(let number): signal(number)
    case .output, .end: break
    // It has gone, or is none of ours.
    case nil: clients[key] = nil
    }
  }

  private func giveInput() {
    let waited = isSinkWatched
    if let fd = view(sink) {
      let written = write(fd.rawValue, input, input.count)
      if written > 0 { input.removeFirst(written) }
      // A workload that has closed its input gets none.
      if written < 0, errno != EAGAIN, errno != EINTR { input = [] }
      if waited, input.isEmpty { epoll.remove(fd) }
      if !waited, !input.isEmpty {
        isSinkWatched = (try? epoll.add(fd, key: Self.sinkKey, forOutput: true)) != nil
      }
    } else {
      input = []
    }
    if input.isEmpty { isSinkWatched = false }
    // Nobody's is taken while there is some left.
    guard waited != isSinkWatched else { return }
    for (key, client) in clients { watch(key, client) }
  }

  /// The instance's terminal is as large as that of who came or changed last.
  private func adopt(_ size: TerminalSize) {
    guard isTerminal, let fd = view(sink) else { return }
    if keepsSize {
      keepsSize = false
      return
    }
    // Who comes with the same size wants to see what is there: only a change makes a program draw anew.
    if TerminalSize(of: fd) == size, size.rows < .max {
      TerminalSize(rows: size.rows + 1, columns: size.columns).apply(to: fd)
    }
    size.apply(to: fd)
  }

  /// Tells all that the instance has ended, once they have taken the rest of its output.
  func finish(_ code: Int32) {
    sendAll(AttachMessage.end(code).bytes)
    let deadline = Clock.monotonic() + Self.patience
    for (key, client) in clients {
      while clients[key] != nil, !client.pending.isEmpty {
        let left = Int((deadline - Clock.monotonic()) / 1_000_000)
        guard left > 0, poll(client.fd, for: Int16(POLLOUT), milliseconds: left) else { break }
        flush(key, client)
      }
    }
    clients = [:]
  }
}
