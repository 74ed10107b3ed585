import CMnl
import Glibc
public import Linux
public import SystemPackage

/// What has happened to an interface.
public enum LinkEvent: Hashable, Sendable {
  /// It is new, or something of it has changed.
  case changed(Link)
  /// It has gone; its last description.
  case removed(Link)
  /// More has happened than the socket could hold: look at all anew.
  case missed
}

/// Tells of the interfaces of a network namespace as they come, change and go: the multicast group
/// `RTNLGRP_LINK` of rtnetlink(7).
public struct LinkWatch: ~Copyable {
  private let descriptor: Descriptor

  /// Groups of rtnetlink(7) that a watch can listen to, `RTMGRP_*`.
  public struct Groups: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let links = Groups(rawValue: 0x1)
    public static let ipv6Addresses = Groups(rawValue: 0x100)
    public static let ipv6Routes = Groups(rawValue: 0x400)
  }

  /// To be made in the namespace that is watched.
  ///
  /// - Parameter groups: what makes ``fd`` readable; ``events()`` tells of links alone.
  public init(_ groups: Groups = .links) throws(SystemError) {
    let flags = CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
    let socket = Descriptor(
      owning: try check("socket", "AF_NETLINK", socket(AF_NETLINK, flags, NETLINK_ROUTE)))
    var address = sockaddr_nl()
    address.nl_family = sa_family_t(AF_NETLINK)
    address.nl_groups = groups.rawValue
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket.fd.rawValue, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
      }
    }
    try check("bind", "AF_NETLINK", result)
    descriptor = socket
  }

  /// Readable when something has happened.
  public var fd: FileDescriptor { descriptor.fd }

  /// What has happened since the last call; empty where nothing has.
  public borrowing func events() -> [LinkEvent] {
    var found: [LinkEvent] = []
    while true {
      let bytes: [UInt8]
      do { bytes = try fd.readSome(1 << 16) } catch {
        if error.errno.rawValue == ENOBUFS { found.append(.missed) } else { return found }
        continue
      }
      if bytes.isEmpty { return found }
      found += Self.events(in: bytes[...])
    }
  }

  static func events(in bytes: ArraySlice<UInt8>) -> [LinkEvent] {
    var found: [LinkEvent] = []
    var rest = bytes
    while rest.count >= 16 {
      let length = Int(rest.integer(at: 0, as: UInt32.self))
      guard length >= 16, length <= rest.count else { break }
      let payload = rest.dropFirst(16).prefix(length - 16)
      switch MessageType(rawValue: rest.integer(at: 4, as: UInt16.self)) {
      // A message of one family (bridge, IPv6) tells of a part only.
      case .newLink where payload.first == 0:
        if let link = Link(payload) { found.append(.changed(link)) }
      case .deleteLink where payload.first == 0:
        if let link = Link(payload) { found.append(.removed(link)) }
      default: break
      }
      rest = rest.dropFirst((length + 3) & ~3)
    }
    return found
  }
}
