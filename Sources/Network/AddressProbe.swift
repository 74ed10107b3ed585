import Glibc
import Linux
import Netlink
public import SystemPackage

/// Asks the LAN behind the parents whether anybody has the addresses that an instance shall get.
///
/// It asks from the parent, in the host's network namespace, and before anything is made. From a slave
/// it would not work: all ipvlan slaves of a parent have its MAC address, and the answer to a probe,
/// which comes to that address and is for no IP address (the probe has none), reaches the parent alone
/// (`ipvlan_addr_lookup`, drivers/net/ipvlan/ipvlan_core.c). A macvlan slave is not there yet.
///
/// RFC 5227 section 2.1.1 sends three probes one to two seconds apart, after a random wait of up to one
/// second, and listens for two more: four to seven seconds. That is made for radio and for networks of
/// 1998; a machine on a wired LAN answers within a millisecond. Here the probes are 250 ms apart, and
/// the last is listened for for 500 ms; RFC 4862 has one solicitation and one second, here it is three
/// within that second.
public struct AddressProbe: ~Copyable {
  /// The addresses that are asked for on one parent.
  public struct Target: Hashable, Sendable {
    public let parent: Link
    public let addresses: [IPAddress]

    public init(parent: Link, addresses: [IPAddress]) {
      self.parent = parent
      self.addresses = addresses
    }
  }

  static let count = 3
  /// Nanoseconds between probes.
  static let interval: Int64 = 250_000_000
  /// Nanoseconds after the last.
  static let patience: Int64 = 500_000_000

  private var listeners: [Listener] = []
  private let interruption: FileDescriptor?

  /// A parent that is listened on.
  private final class Listener {
    let socket: Descriptor
    let target: Target
    let wanted: Set<IPAddress>
    let frames: [[UInt8]]

    init(_ target: Target) throws {
      self.target = target
      wanted = Set(target.addresses)
      frames = target.addresses.map {
        AddressProbeFrames.probe($0, from: target.parent.hardwareAddress)
      }
      var groups: Set<[UInt8]> = []
      for address in target.addresses where !address.isIPv4 {
        // Whoever has the address answers to all nodes; who probes for it asks its own group.
        groups.insert([0x33, 0x33, 0, 0, 0, 1])
        let group = AddressProbeFrames.solicitedNode(address.bytes)
        groups.insert(AddressProbeFrames.groupHardware(group))
      }
      socket = try PacketTap.open(on: target.parent.index, groups: Array(groups))
    }
  }

  /// Listens from now on.
  ///
  /// - Parameter interruption: a signalfd(2) of signals that end the wait.
  public init(_ targets: [Target], interruption: FileDescriptor? = nil) throws {
    self.interruption = interruption
    for target in targets where !target.addresses.isEmpty {
      try Self.check(target.parent)
      do { listeners.append(try Listener(target)) } catch let error as SystemError {
        throw Self.explain(error, target.parent.name)
      }
    }
  }

  /// Refuses a parent on which nobody could answer.
  static func check(_ parent: Link) throws(NetworkError) {
    guard parent.hardwareAddress.count == 6 else {
      throw NetworkError(
        "\(parent.name) has no MAC address, and the LAN cannot be probed from it. Leave the probe out"
      )
    }
    guard parent.isUp else {
      throw NetworkError(
        "\(parent.name) is down, and the LAN behind it cannot be probed. Set it up (ip link set \(parent.name) up), or leave the probe out"
      )
    }
    guard parent.hasCarrier else {
      throw NetworkError(
        "\(parent.name) has no carrier, and the LAN behind it cannot be probed. Plug in the cable, or leave the probe out"
      )
    }
  }

  /// Probes for all addresses at once and returns when nobody has answered in time.
  ///
  /// - Parameter delay: nanoseconds to listen before the first probe. Two machines that probe for one
  ///   address at the same moment both see a conflict; unequal delays let one of them have the next.
  /// - Throws: the first ``AddressConflict`` at once; or that the parent has failed.
  public consuming func run(after delay: Int64 = 0) throws {
    let start = Clock.monotonic() + delay
    var sent = 0
    while true {
      let due =
        sent < Self.count
        ? start + Int64(sent) * Self.interval
        : start + Int64(Self.count - 1) * Self.interval + Self.patience
      try listen(until: due)
      if sent == Self.count { return }
      for listener in listeners { try Self.send(listener) }
      sent += 1
    }
  }

  private static func send(_ listener: borrowing Listener) throws {
    for frame in listener.frames {
      // The socket is bound to its interface.
      let count = Glibc.send(listener.socket.fd.rawValue, frame, frame.count, 0)
      guard count == frame.count else {
        throw explain(SystemError("send", "probe"), listener.target.parent.name)
      }
    }
  }

  /// Reads what comes until a moment of the monotonic clock; however much that is, it ends then.
  private func listen(until deadline: Int64) throws {
    guard !listeners.isEmpty else { return }
    while true {
      let left = deadline - Clock.monotonic()
      guard left > 0 else { return }
      var entries = listeners.map {
        pollfd(fd: $0.socket.fd.rawValue, events: Int16(POLLIN), revents: 0)
      }
      if let interruption {
        entries.append(pollfd(fd: interruption.rawValue, events: Int16(POLLIN), revents: 0))
      }
      // Rounded up, so that the last millisecond is not spun away.
      let milliseconds = CInt(clamping: (left + 999_999) / 1_000_000)
      let ready = Glibc.poll(&entries, nfds_t(entries.count), milliseconds)
      if ready < 0, errno != EINTR { throw SystemError("poll", "probe") }
      guard ready > 0 else { continue }
      if entries.count > listeners.count, entries[listeners.count].revents != 0 {
        try Wait.checkSignals(interruption, for: "answers of the LAN")
      }
      for (entry, listener) in zip(entries, listeners) where entry.revents != 0 {
        try Self.read(listener)
      }
    }
  }

  private static func read(_ listener: borrowing Listener) throws {
    let parent = listener.target.parent
    let frame: [UInt8]
    do { frame = try PacketTap.receive(from: listener.socket.fd) } catch {
      throw explain(error, parent.name)
    }
    guard let conflict = AddressProbeFrames.conflict(in: frame, own: parent.hardwareAddress),
      listener.wanted.contains(conflict.address)
    else { return }
    throw conflict
  }

  private static func explain(_ error: SystemError, _ parent: String) -> NetworkError {
    switch error.errno.rawValue {
    case ENETDOWN:
      NetworkError(
        "\(parent) went down while the LAN behind it was probed. Set it up (ip link set \(parent) up)"
      )
    case ENXIO, ENODEV:
      NetworkError("\(parent) has gone while the LAN behind it was probed")
    case EPERM, EACCES:
      NetworkError(
        "no privilege to probe the LAN behind \(parent): CAP_NET_RAW is missing. Run swrun as root")
    default: NetworkError("the LAN behind \(parent) cannot be probed: \(error)")
    }
  }
}
