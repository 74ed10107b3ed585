import CMnl

/// Message types, linux/rtnetlink.h.
public enum MessageType: UInt16, Sendable {
  case newLink = 16  // RTM_NEWLINK
  case deleteLink = 17  // RTM_DELLINK
  case getLink = 18  // RTM_GETLINK
  case newAddress = 20  // RTM_NEWADDR
  case deleteAddress = 21  // RTM_DELADDR
  case getAddress = 22  // RTM_GETADDR
  case newRoute = 24  // RTM_NEWROUTE
  case deleteRoute = 25  // RTM_DELROUTE
  case getRoute = 26  // RTM_GETROUTE
  case newNeighbour = 28  // RTM_NEWNEIGH
  case deleteNeighbour = 29  // RTM_DELNEIGH
  case getNamespaceID = 90  // RTM_GETNSID

  var name: String {
    switch self {
    case .newLink: "RTM_NEWLINK"
    case .deleteLink: "RTM_DELLINK"
    case .getLink: "RTM_GETLINK"
    case .newAddress: "RTM_NEWADDR"
    case .deleteAddress: "RTM_DELADDR"
    case .getAddress: "RTM_GETADDR"
    case .newRoute: "RTM_NEWROUTE"
    case .deleteRoute: "RTM_DELROUTE"
    case .getRoute: "RTM_GETROUTE"
    case .newNeighbour: "RTM_NEWNEIGH"
    case .deleteNeighbour: "RTM_DELNEIGH"
    case .getNamespaceID: "RTM_GETNSID"
    }
  }
}

/// `NLM_F_*` of netlink(7).
public struct MessageFlags: OptionSet, Sendable {
  public let rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  static let request = MessageFlags(rawValue: 0x01)
  static let acknowledge = MessageFlags(rawValue: 0x04)
  static let interrupted = MessageFlags(rawValue: 0x10)
  static let capped = MessageFlags(rawValue: 0x100)
  static let extendedAcknowledgement = MessageFlags(rawValue: 0x200)
  public static let dump = MessageFlags(rawValue: 0x300)
  public static let exclusive = MessageFlags(rawValue: 0x200)
  public static let create = MessageFlags(rawValue: 0x400)
}

/// A request while it is put together: the family's header first, then attributes and nests.
public struct Message: ~Copyable {
  public let type: MessageType
  /// What the request is about, for the error's text.
  public let object: String
  private let buffer: UnsafeMutableRawPointer
  let header: UnsafeMutablePointer<nlmsghdr>
  private static let capacity = 4096

  public init(_ type: MessageType, _ flags: MessageFlags = [], about object: String) {
    self.type = type
    self.object = object
    buffer = .allocate(byteCount: Self.capacity, alignment: 8)
    // What is left between attributes for alignment is sent as well: zero, not old memory.
    buffer.initializeMemory(as: UInt8.self, repeating: 0, count: Self.capacity)
    header = mnl_nlmsg_put_header(buffer)
    header.pointee.nlmsg_type = type.rawValue
    header.pointee.nlmsg_flags =
      flags.union(flags.contains(.dump) ? .request : [.request, .acknowledge]).rawValue
  }

  deinit {
    buffer.deallocate()
  }

  /// Appends the family's fixed header (`struct ifinfomsg` and its kin).
  public mutating func putHeader<Header: BitwiseCopyable>(_ value: Header) {
    let place = mnl_nlmsg_put_extra_header(header, MemoryLayout<Header>.size)
    place?.storeBytes(of: value, as: Header.self)
  }

  public mutating func put(_ type: Attribute, _ bytes: [UInt8]) {
    let fits = bytes.withUnsafeBytes {
      mnl_attr_put_check(header, Self.capacity, type.rawValue, $0.count, $0.baseAddress)
    }
    precondition(fits, "a netlink request is longer than its buffer")
  }

  public mutating func put<Value: FixedWidthInteger>(_ type: Attribute, _ value: Value) {
    put(type, withUnsafeBytes(of: value, Array.init))
  }

  /// Text with its NUL.
  public mutating func put(_ type: Attribute, _ text: String) {
    put(type, Array(text.utf8) + [0])
  }

  /// Puts what `body` puts into an attribute of its own.
  public mutating func nest(_ type: Attribute, _ body: (inout Message) -> Void) {
    guard let start = mnl_attr_nest_start_check(header, Self.capacity, type.rawValue) else {
      preconditionFailure("a netlink request is longer than its buffer")
    }
    body(&self)
    mnl_attr_nest_end(header, start)
  }

  /// The message as it is sent.
  public var bytes: [UInt8] {
    Array(UnsafeRawBufferPointer(start: buffer, count: Int(header.pointee.nlmsg_len)))
  }

  /// Puts it behind others that are sent in one write.
  ///
  /// - Returns: its name for an error.
  consuming func append(to bytes: inout [UInt8], sequence: UInt32) -> String {
    header.pointee.nlmsg_seq = sequence
    bytes += self.bytes
    bytes += repeatElement(0, count: -bytes.count & 3)
    return description
  }

  /// Its name for an error.
  var description: String { "\(type.name) \(object)" }
}
