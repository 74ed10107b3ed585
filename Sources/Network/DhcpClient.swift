import Glibc
public import Linux
public import Netlink
public import SystemPackage

/// Gets a lease for an interface of an instance from the LAN's DHCP server and keeps it. The sockets
/// are in the instance's network namespace, and are there only while an answer is waited for.
public struct DhcpClient: ~Copyable {
  /// The interface as it is in the namespace.
  public struct Interface: Hashable, Sendable {
    public let index: Int32
    public let name: String
    public let hardwareAddress: [UInt8]
    /// Bytes.
    public let mtu: UInt32

    public init(_ link: Link) {
      self.init(
        index: link.index, name: link.name, hardwareAddress: link.hardwareAddress, mtu: link.mtu)
    }

    public init(index: Int32, name: String, hardwareAddress: [UInt8], mtu: UInt32) {
      self.index = index
      self.name = name
      self.hardwareAddress = hardwareAddress
      self.mtu = mtu
    }
  }

  private let namespace: Namespace
  private var interface: Interface
  private var exchange: DhcpExchange
  private let epoll: Epoll
  private let alarm: Alarm
  private var packets: DhcpPacketSocket?
  private var unicast: DhcpServerSocket?
  /// The MAC address from which the lease came: the server's, or that of the router before it.
  private var serverHardware: [UInt8] = []
  /// Why the last message could not be sent: the interface is away. It is tried again when the next is due.
  private var trouble: (any Error)?

  public init(
    _ identity: DhcpIdentity, on interface: Interface, in namespace: consuming Namespace
  ) throws {
    let epoll = try Epoll()
    let alarm = try Alarm()
    try epoll.add(alarm.fd, key: 0)
    self.epoll = epoll
    self.alarm = alarm
    self.namespace = namespace
    self.interface = interface
    // Without the headers of IP and UDP; RFC 2132 section 9.10 has 576 as the least.
    exchange = DhcpExchange(
      identity, hardwareAddress: interface.hardwareAddress,
      messageSize: UInt16(max(576, min(interface.mtu, 1500) - min(interface.mtu, 28))))
  }

  /// Becomes readable when ``handle()`` has something to do.
  public var fd: FileDescriptor { epoll.fd }

  public var identity: DhcpIdentity { exchange.identity }

  /// What the interface may use now.
  public var lease: DhcpLease? { exchange.lease }

  /// Why there is no lease, where a server has said something.
  public var complaint: String? { exchange.complaint }

  /// Begins to look for a server, without waiting.
  public mutating func begin() { _ = perform { $0.start($1) } }

  /// Gets a lease; where one was declined, after the pause that follows.
  ///
  /// - Parameters:
  ///   - seconds: the longest wait.
  ///   - parent: for the error's line.
  ///   - interruption: a signalfd(2) of signals that end the wait.
  /// - Throws: that there is no server, or what its answer was.
  public mutating func acquire(
    seconds: Int, parent: String, interruption: FileDescriptor? = nil
  ) throws -> DhcpLease {
    let wait = try Wait(seconds: seconds, interruption: interruption)
    try wait.add(fd)
    if exchange.isIdle { begin() }
    while true {
      if let trouble { throw trouble }
      guard try wait.next(for: "a DHCP server on \(parent)") else { break }
      if case .acquired(let lease) = handle() { return lease }
    }
    throw NetworkError(
      exchange.complaint.map { "\(interface.name) has no address from the LAN of \(parent): \($0)" }
        ?? "no DHCP server answered on the LAN of \(parent) within \(seconds) seconds. Is there one, and does \(parent) reach it? An address of your choice is given with --ip A/P"
    )
  }

  /// Does what is due: takes the answers that are there, sends what has to be sent.
  ///
  /// - Returns: what has become of the lease. There may be more to do at once: then ``fd`` is still
  ///   readable.
  public mutating func handle() -> DhcpEvent? {
    // So many at once: the rest waits, as do others that this process serves.
    var budget = 32
    while budget > 0, let received = receive() {
      budget -= 1
      guard let message = received.message else { continue }
      let event = perform { $0.receive(message, $1) }
      switch event {
      case .acquired, .renewed: serverHardware = received.sender
      default: break
      }
      if event != nil { return event }
    }
    return perform { $0.tick($1) }
  }

  /// The interface was made again: whether the lease still holds is asked at once.
  public mutating func resume(on interface: Interface) {
    self.interface = interface
    exchange.hardwareAddress = interface.hardwareAddress
    closeSockets()
    _ = perform { $0.verify($1) }
  }

  /// Somebody else on the LAN has the address: it is given up, and another asked for after a while.
  public mutating func decline() { _ = perform { $0.decline($1) } }

  /// Gives the lease back. The interface still has to have its address.
  public mutating func release() { _ = perform { $0.release($1) } }

  private borrowing func receive() -> (message: DhcpMessage?, sender: [UInt8])? {
    switch packets {
    case .some(let socket): socket.receive()
    case .none: nil
    }
  }

  /// Lets the exchange go on, sends what it wants sent, and has the sockets that it needs from then on.
  private mutating func perform(
    _ body: (inout DhcpExchange, Int64) -> DhcpExchange.Step
  ) -> DhcpEvent? {
    let step = body(&exchange, Clock.boottime())
    do {
      trouble = nil
      try alarm.set(exchange.deadline)
      if let outgoing = step.outgoing { try send(outgoing) }
    } catch {
      trouble = error
    }
    if !exchange.isListening { closeSockets() }
    return step.event
  }

  private mutating func closeSockets() {
    // The epoll forgets a descriptor that is closed.
    packets = nil
    unicast = nil
  }

  private mutating func send(_ outgoing: DhcpExchange.Outgoing) throws {
    let bytes = outgoing.message.bytes()
    // The packet socket is there before the question is: no answer is missed.
    if packets == nil { try openPacketSocket() }
    let own = outgoing.message.clientAddress
    switch outgoing.way {
    case .broadcast:
      let packet = DhcpDatagram.packet(bytes, from: own, to: DhcpMessage.everybody)
      sendPacket(packet, to: [])
    case .server(let server) where outgoing.message.kind == .release:
      // The interface goes right after it: nothing waits for the server's MAC address to be asked for.
      sendPacket(DhcpDatagram.packet(bytes, from: own, to: server), to: serverHardware)
    case .server(let server):
      // Without it (the address is gone, say) the server is not asked, and later all are.
      if unicast == nil {
        let name = interface.name
        unicast = try? namespace.visit { try DhcpServerSocket(from: own, interface: name) }
      }
      switch unicast {
      case .some(let socket): socket.send(bytes, to: server)
      case .none: break
      }
    }
  }

  private mutating func openPacketSocket() throws {
    let index = interface.index
    let socket = try namespace.visit { try DhcpPacketSocket(index) }
    try epoll.add(socket.fd, key: 1)
    packets = consume socket
  }

  private borrowing func sendPacket(_ packet: [UInt8], to hardware: [UInt8]) {
    switch packets {
    case .some(let socket): socket.send(packet, to: hardware)
    case .none: break
    }
  }
}
