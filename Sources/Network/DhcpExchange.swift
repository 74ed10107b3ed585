import Netlink

/// The client's side of RFC 2131 without its sockets and clock: what comes in and when, what goes out.
/// Moments and spans are nanoseconds.
struct DhcpExchange {
  /// A message to be sent.
  struct Outgoing: Hashable {
    enum Way: Hashable {
      /// To everybody on the link.
      case broadcast
      /// To a server, as any datagram goes.
      case server(IPAddress)
    }

    let message: DhcpMessage
    let way: Way
  }

  /// What follows from a message or a moment.
  struct Step {
    var outgoing: Outgoing?
    var event: DhcpEvent?
  }

  private enum Phase {
    /// Not started, or given up.
    case idle
    /// Until the deadline nothing is sent: a server refused, or an address was taken.
    case pausing
    /// Whoever answers first is asked.
    case selecting
    case requesting(DhcpLease)
    case bound, renewing, rebinding
  }

  let identity: DhcpIdentity
  /// The slave's MAC address.
  var hardwareAddress: [UInt8]
  /// The longest message that arrives in one piece, in bytes.
  let messageSize: UInt16
  private(set) var lease: DhcpLease?
  /// When ``tick(_:)`` is to be called; `nil`: not at all.
  private(set) var deadline: Int64?
  /// The last answer that could not be used, for an error's line.
  private(set) var complaint: String?
  /// Whether nothing is under way and nothing is had.
  var isIdle: Bool { if case .idle = phase { true } else { false } }
  /// Whether an answer is waited for.
  var isListening: Bool {
    switch phase {
    case .selecting, .requesting, .renewing, .rebinding: true
    case .idle, .pausing, .bound: false
    }
  }

  private var phase = Phase.idle
  private var transaction: UInt32 = 0
  /// When the client began, for `secs`.
  private var began: Int64 = 0
  /// When the first question of this transaction was sent: a lease counts from there.
  private var asked: Int64 = 0
  private var attempt = 0
  /// Refusals since the last lease.
  private var refusals = 0
  /// Of the lease: T1, T2 and its end.
  private var renewal: Int64?
  private var rebinding: Int64?
  private var expiry: Int64?

  private static let second: Int64 = 1_000_000_000

  init(_ identity: DhcpIdentity, hardwareAddress: [UInt8], messageSize: UInt16) {
    self.identity = identity
    self.hardwareAddress = hardwareAddress
    self.messageSize = messageSize
  }

  // The client's own doings.

  /// Looks for a server.
  mutating func start(_ now: Int64) -> Step {
    began = now
    complaint = nil
    return discover(now)
  }

  /// Asks any server whether the lease still holds: the link was away.
  mutating func verify(_ now: Int64) -> Step {
    guard let lease else { return start(now) }
    if let expiry, now >= expiry { return lose(now, "its time was over") }
    return rebind(lease, now)
  }

  /// Tells the server that somebody has the address already, and looks for another after the ten
  /// seconds of RFC 2131 section 3.1.
  mutating func decline(_ now: Int64) -> Step {
    guard let lease else { return Step() }
    var message = newMessage(.decline, now)
    message.options.append(.requestedAddress, lease.address.address.bytes)
    message.options.append(.serverIdentifier, lease.server.bytes)
    forget()
    pause(until: now + 10 * Self.second)
    complaint =
      "the DHCP server \(lease.server) gave \(lease.address.address), which another machine has"
    return Step(outgoing: Outgoing(message: message, way: .broadcast))
  }

  /// Gives the lease back and ends; nothing is answered.
  mutating func release(_ now: Int64) -> Step {
    defer {
      forget()
      phase = .idle
      deadline = nil
    }
    guard let lease else { return Step() }
    transaction = .random(in: .min ... .max)
    var message = newMessage(.release, now)
    message.clientAddress = lease.address.address
    message.options.append(.serverIdentifier, lease.server.bytes)
    return Step(outgoing: Outgoing(message: message, way: .server(lease.server)))
  }

  /// What is due now; to be called at the ``deadline``, and harmless before.
  mutating func tick(_ now: Int64) -> Step {
    guard let deadline, now >= deadline else { return Step() }
    switch phase {
    case .idle: return Step()
    case .pausing: return discover(now)
    case .selecting: return sendDiscover(now)
    case .requesting(let offer):
      // A server that has gone again is not waited for: another may offer.
      return attempt < 4 ? sendRequest(offer, now) : discover(now)
    case .bound, .renewing, .rebinding:
      guard let lease else { return Step() }
      if let expiry, now >= expiry { return lose(now, "no server prolonged it") }
      if let rebinding, now >= rebinding {
        if case .rebinding = phase { return sendRenewal(lease, now, until: expiry) }
        return rebind(lease, now)
      }
      if case .bound = phase { newTransaction(.renewing, now) }
      return sendRenewal(lease, now, until: rebinding)
    }
  }

  // What comes in.

  /// Takes an answer, which may come from anybody.
  mutating func receive(_ message: DhcpMessage, _ now: Int64) -> Step {
    guard isListening, message.transaction == transaction,
      message.hardwareAddress == hardwareAddress
    else { return Step() }
    // RFC 6842: a server that knows of it sends it back. All slaves have one MAC address.
    if let echo = message.options[.clientIdentifier], echo != identity.clientIdentifier {
      return Step()
    }
    switch (phase, message.kind) {
    case (.selecting, .offer):
      guard let offer = read(message) else { return Step() }
      phase = .requesting(offer)
      attempt = 0
      asked = now
      return sendRequest(offer, now)
    case (.requesting(let offer), .acknowledge):
      guard message.options[.serverIdentifier] == offer.server.bytes else { return Step() }
      guard let given = read(message), given.address.address == offer.address.address else {
        return refuse(now)
      }
      return take(given, now, event: .acquired(given))
    case (.requesting(let offer), .refuse):
      guard message.options[.serverIdentifier] == offer.server.bytes else { return Step() }
      complaint =
        "the DHCP server \(offer.server) offered \(offer.address.address) and then refused it\(Self.words(message))"
      return refuse(now)
    case (.renewing, .acknowledge), (.rebinding, .acknowledge):
      guard let lease, let given = read(message), given.address.address == lease.address.address
      else { return Step() }
      return take(given, now, event: .renewed(given, changed: !given.configures(like: lease)))
    case (.renewing, .refuse), (.rebinding, .refuse):
      let server = message.options[.serverIdentifier].flatMap(IPAddress.init(bytes:))
      if case .renewing = phase, server != lease?.server { return Step() }
      let name = server.map { "the DHCP server \($0)" } ?? "a DHCP server"
      return lose(now, "\(name) refused to prolong it\(Self.words(message))")
    default: return Step()
    }
  }

  /// What an answer gives, or nothing and a complaint.
  private mutating func read(_ message: DhcpMessage) -> DhcpLease? {
    do { return try DhcpLease(message) } catch {
      let server = message.options[.serverIdentifier].flatMap(IPAddress.init(bytes:))
      complaint =
        "what \(server.map { "the DHCP server \($0)" } ?? "a DHCP server") answered cannot be used: \(error)"
      return nil
    }
  }

  /// A server's own words (option 56), in quotes.
  private static func words(_ message: DhcpMessage) -> String {
    message.options.text(.message).map { " (\(quoted(String($0.prefix(80)))))" } ?? ""
  }

  private mutating func take(_ given: DhcpLease, _ now: Int64, event: DhcpEvent) -> Step {
    lease = given
    refusals = 0
    complaint = nil
    phase = .bound
    if let duration = given.duration {
      renewal = asked + Int64(given.renewal) * Self.second
      rebinding = asked + Int64(given.rebinding) * Self.second
      expiry = asked + Int64(duration) * Self.second
    } else {
      (renewal, rebinding, expiry) = (nil, nil, nil)
    }
    deadline = renewal
    return Step(event: event)
  }

  /// The address must not be used any more; another is looked for at once.
  private mutating func lose(_ now: Int64, _ reason: String) -> Step {
    forget()
    var step = start(now)
    complaint = reason
    step.event = .lost(reason)
    return step
  }

  private mutating func forget() {
    lease = nil
    (renewal, rebinding, expiry) = (nil, nil, nil)
  }

  /// Begins anew after a while that grows, so that no server makes us send without end.
  private mutating func refuse(_ now: Int64) -> Step {
    pause(until: now + Self.about(Int64(1 << min(refusals, 6)) * Self.second))
    refusals += 1
    return Step()
  }

  private mutating func pause(until moment: Int64) {
    phase = .pausing
    deadline = moment
  }

  // What goes out.

  private mutating func newTransaction(_ phase: Phase, _ now: Int64) {
    self.phase = phase
    transaction = .random(in: .min ... .max)
    attempt = 0
    asked = now
  }

  private mutating func discover(_ now: Int64) -> Step {
    newTransaction(.selecting, now)
    return sendDiscover(now)
  }

  private mutating func rebind(_ lease: DhcpLease, _ now: Int64) -> Step {
    newTransaction(.rebinding, now)
    return sendRenewal(lease, now, until: expiry)
  }

  private mutating func sendDiscover(_ now: Int64) -> Step {
    retryWithBackoff(now)
    var message = newMessage(.discover, now)
    message.broadcast = true
    addWishes(&message)
    return Step(outgoing: Outgoing(message: message, way: .broadcast))
  }

  private mutating func sendRequest(_ offer: DhcpLease, _ now: Int64) -> Step {
    retryWithBackoff(now)
    var message = newMessage(.request, now)
    message.broadcast = true
    message.options.append(.requestedAddress, offer.address.address.bytes)
    message.options.append(.serverIdentifier, offer.server.bytes)
    addWishes(&message)
    return Step(outgoing: Outgoing(message: message, way: .broadcast))
  }

  /// RFC 2131 section 4.4.5: again after half of what is left, but not before a minute.
  private mutating func sendRenewal(_ lease: DhcpLease, _ now: Int64, until end: Int64?) -> Step {
    if let end {
      deadline = min(end, now + max(60 * Self.second, (end - now) / 2))
    } else {
      // A lease for ever, asked for again because the link was away.
      retryWithBackoff(now)
    }
    var message = newMessage(.request, now)
    message.clientAddress = lease.address.address
    addWishes(&message)
    if case .renewing = phase {
      return Step(outgoing: Outgoing(message: message, way: .server(lease.server)))
    }
    return Step(outgoing: Outgoing(message: message, way: .broadcast))
  }

  /// 2, 4, 8 … 64 seconds, RFC 2131 section 4.1 with a shorter beginning: an instance waits for it.
  private mutating func retryWithBackoff(_ now: Int64) {
    deadline = now + Self.about(Int64(2 << min(attempt, 5)) * Self.second)
    attempt += 1
  }

  /// A quarter more or less, so that instances that began together do not go on together.
  private static func about(_ span: Int64) -> Int64 { span + .random(in: -span / 4...span / 4) }

  private func newMessage(_ kind: DhcpMessage.Kind, _ now: Int64) -> DhcpMessage {
    var message = DhcpMessage(kind, transaction: transaction, hardwareAddress: hardwareAddress)
    message.seconds = UInt16(clamping: (now - began) / Self.second)
    message.options.append(.clientIdentifier, identity.clientIdentifier)
    return message
  }

  private func addWishes(_ message: inout DhcpMessage) {
    message.options.append(.maximumSize, DhcpMessage.big(messageSize))
    if let name = identity.hostName { message.options.append(.hostName, Array(name.utf8)) }
    // RFC 3442: 121 before 3.
    let wishes: [DhcpOption] = [
      .subnetMask, .classlessRoutes, .routers, .nameServers, .domain, .searchDomains, .mtu,
      .renewalTime, .rebindingTime,
    ]
    message.options.append(.parameterList, wishes.map(\.rawValue))
  }
}

/// What has become of an instance's DHCP lease.
public enum DhcpEvent: Hashable, Sendable {
  /// There was none before.
  case acquired(DhcpLease)
  /// It lasts longer; `changed`: and says something else than before.
  case renewed(DhcpLease, changed: Bool)
  /// The address must not be used any more; why. A server is looked for again.
  case lost(String)
}
