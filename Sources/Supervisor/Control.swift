import Glibc
import JSON
import Linux
import OCI
import SystemPackage

/// What another command asks of an instance's monitor, in JSON.
enum ControlRequest: Codable {
  /// Give the instance an interface; the text is that of `--net`.
  case connect(network: String)
  /// Take an interface away, by its network or its name inside.
  case disconnect(network: String)
  /// Stop all processes, or let them go on.
  case pause(Bool)
  /// Change the limits to these, all of them.
  case update(resources: Spec.Resources)
  /// Hand on what the workload writes and what it is to read, as ``AttachMessage``s on this socket.
  case attach
  /// End the workload, for good; `nil`: as the instance was told to.
  case stop(signal: Int32?, seconds: Int?)
  /// Send the workload a signal.
  case kill(signal: Int32)
  /// End the workload, and launch it again.
  case restart(signal: Int32?, seconds: Int?)
  case rename(name: String)
}

/// The monitor's answer.
struct ControlReply: Codable {
  /// `nil`: it is done.
  var error: String?
  /// The interface that it was about.
  var interface: InstanceState.NetworkRecord?
  /// Of who is attached: whether the workload reads what is typed.
  var takesInput: Bool?
}

/// The monitor's socket, `instances/ID/control.sock`: a message with a request, a message with the
/// answer. Nobody can make the monitor wait: what is not there to be read is not waited for, and who
/// does not take the answer does not get it.
final class ControlSocket {
  private let listener: Descriptor
  private var clients: [UInt64: HeldDescriptor] = [:]
  /// Those who get their answer later.
  private var waiting: [HeldDescriptor] = []
  private var next: UInt64 = 0
  private let epoll: Epoll
  private static let longestRequest = 16 << 10
  private static let mostClients = 16

  /// - Parameter directory: the instance's, which only its owner can enter.
  init(in directory: String) throws {
    let place = try Descriptor.open(directory, O_RDONLY | O_DIRECTORY)
    listener = try UnixSocket.listen(Self.name, in: place.fd)
    epoll = try Epoll()
    try epoll.add(listener.fd, key: 0)
  }

  static let name = "control.sock"

  var fd: FileDescriptor { epoll.fd }

  /// Takes what has come, and answers it.
  ///
  /// - Parameters:
  ///   - answer: `nil` where the answer comes later, by ``answerWaiting(_:)``.
  ///   - attach: gets the socket of who is attached from now on.
  func serve(
    _ answer: (ControlRequest) -> ControlReply?, attach: (HeldDescriptor) -> Void
  ) {
    for key in (try? epoll.wait(milliseconds: 0)) ?? [] {
      if key == 0 { accept() } else { read(key, answer, attach) }
    }
  }

  private func accept() {
    while let socket = UnixSocket.accept(listener.fd) {
      guard UnixSocket.peerUser(socket.fd) == geteuid() else { continue }
      // Who connects and says nothing makes room for who does.
      if clients.count >= Self.mostClients, let oldest = clients.keys.min() {
        clients[oldest] = nil
      }
      next += 1
      let client = HeldDescriptor(socket)
      guard (try? epoll.add(client.descriptor.fd, key: next)) != nil else { continue }
      clients[next] = client
    }
  }

  /// Answers those who wait.
  func answerWaiting(_ reply: ControlReply) {
    for client in waiting { Self.send(reply, to: client) }
    waiting = []
  }

  private func read(
    _ key: UInt64, _ answer: (ControlRequest) -> ControlReply?,
    _ attach: (HeldDescriptor) -> Void
  ) {
    guard let client = clients.removeValue(forKey: key) else { return }
    // Its end of the socket closes with it.
    let fd = client.descriptor.fd
    var isAttached = false
    guard let bytes = try? fd.readSome(Self.longestRequest), !bytes.isEmpty else { return }
    let reply: ControlReply?
    do {
      let request = try JSON.value(ControlRequest.self, from: bytes)
      reply = answer(request)
      if case .attach = request { isAttached = reply?.error == nil }
    } catch { reply = ControlReply(error: "the monitor does not understand the request") }
    guard let reply else {
      // One that goes would wake us for ever.
      epoll.remove(fd)
      if waiting.count >= Self.mostClients { waiting.removeFirst() }
      waiting.append(client)
      return
    }
    guard Self.send(reply, to: client), isAttached else { return }
    epoll.remove(fd)
    attach(client)
  }

  /// - Returns: whether it was taken.
  @discardableResult
  private static func send(_ reply: ControlReply, to client: HeldDescriptor) -> Bool {
    guard let text = try? JSON.text(reply) else { return false }
    return UnixSocket.send(text, over: client.descriptor.fd) == .sent
  }

  /// Asks the monitor of an instance, from another process.
  ///
  /// - Parameter seconds: how long the answer may take; negative for ever. A DHCP server may take its
  ///   time.
  /// - Throws: the monitor's own line.
  static func ask(
    _ request: ControlRequest, of state: InstanceState, in directory: String, seconds: Int = 60
  ) throws -> ControlReply {
    let (reply, socket) = try open(request, of: state, in: directory, seconds: seconds)
    _ = consume socket
    return reply
  }

  /// The same, with the socket that goes on.
  static func open(
    _ request: ControlRequest, of state: InstanceState, in directory: String, seconds: Int = 60
  ) throws -> (ControlReply, HeldDescriptor) {
    let socket: Descriptor
    do {
      let place = try Descriptor.open(directory, O_RDONLY | O_DIRECTORY)
      socket = try UnixSocket.connect(name, in: place.fd)
    } catch {
      guard [.noSuchFileOrDirectory, .connectionRefused].contains(error.errno) else {
        throw SupervisorError("the monitor of \(state.name) cannot be asked: \(error)")
      }
      throw state.notRunning()
    }
    try socket.fd.writeEverything(try JSON.text(request))
    let limit = seconds < 0 ? -1 : min(seconds, 1_000_000) * 1000
    guard poll(socket.fd, for: Int16(POLLIN), milliseconds: limit) else {
      throw SupervisorError("the monitor of \(state.name) does not answer")
    }
    let bytes = (try? socket.fd.readSome(1 << 16)) ?? []
    guard let reply = try? JSON.value(ControlReply.self, from: bytes) else {
      throw SupervisorError("the monitor of \(state.name) has ended")
    }
    if let error = reply.error { throw SupervisorError(error) }
    return (reply, HeldDescriptor(socket))
  }
}
