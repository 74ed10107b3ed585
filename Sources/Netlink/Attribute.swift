/// The type of an attribute of a netlink message. The same number means another thing in another
/// message or nest, so the constants carry the place in their names.
public struct Attribute: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  // linux/if_link.h, IFLA_*
  public static let linkAddress = Attribute(rawValue: 1)
  public static let linkName = Attribute(rawValue: 3)
  public static let linkMTU = Attribute(rawValue: 4)
  /// `IFLA_LINK`: the index of the parent.
  public static let linkParent = Attribute(rawValue: 5)
  public static let linkMaster = Attribute(rawValue: 10)
  public static let linkInfo = Attribute(rawValue: 18)
  /// `IFLA_IFALIAS`: a note that administrators read.
  public static let linkAlias = Attribute(rawValue: 20)
  /// `IFLA_STATS64`
  static let linkStatistics = Attribute(rawValue: 23)
  public static let linkFamilies = Attribute(rawValue: 26)
  public static let linkNamespaceDescriptor = Attribute(rawValue: 28)
  public static let linkExtensionMask = Attribute(rawValue: 29)
  /// `IFLA_LINK_NETNSID`: the namespace of the parent, where it is another.
  public static let linkParentNamespace = Attribute(rawValue: 37)

  // IFLA_INFO_*, inside linkInfo
  public static let infoKind = Attribute(rawValue: 1)
  public static let infoData = Attribute(rawValue: 2)
  public static let infoSlaveKind = Attribute(rawValue: 4)

  // IFLA_IPVLAN_*, IFLA_MACVLAN_*, inside infoData
  public static let ipvlanMode = Attribute(rawValue: 1)
  public static let ipvlanFlags = Attribute(rawValue: 2)
  public static let macvlanMode = Attribute(rawValue: 1)
  /// `IFLA_VLAN_ID`
  public static let vlanID = Attribute(rawValue: 1)

  // Inside linkFamilies: the address family, then IFLA_INET_* and IFLA_INET6_*
  public static let familyIPv4 = Attribute(rawValue: 2)
  /// `IFLA_INET_CONF`; in it settings of linux/ip.h, `IPV4_DEVCONF_*`.
  public static let ipv4Settings = Attribute(rawValue: 1)
  public static let ipv4TellsNeighbours = Attribute(rawValue: 22)
  public static let familyIPv6 = Attribute(rawValue: 10)
  public static let ipv6AddressGeneration = Attribute(rawValue: 8)

  // linux/if_addr.h, IFA_*
  public static let address = Attribute(rawValue: 1)
  public static let addressLocal = Attribute(rawValue: 2)
  public static let addressBroadcast = Attribute(rawValue: 4)

  // linux/rtnetlink.h, RTA_*
  public static let routeDestination = Attribute(rawValue: 1)
  public static let routeInterface = Attribute(rawValue: 4)
  public static let routeGateway = Attribute(rawValue: 5)
  public static let routePriority = Attribute(rawValue: 6)
  /// `RTA_PREFSRC`
  public static let routeSource = Attribute(rawValue: 7)

  // linux/neighbour.h, NDA_*
  public static let neighbourAddress = Attribute(rawValue: 1)
  public static let neighbourHardware = Attribute(rawValue: 2)

  // linux/net_namespace.h, NETNSA_*
  public static let namespaceID = Attribute(rawValue: 1)
  public static let namespaceDescriptor = Attribute(rawValue: 3)

  // linux/netlink.h, NLMSGERR_ATTR_*
  static let errorMessage = Attribute(rawValue: 1)
}

/// The attributes of a received message or nest, by type. Lengths are checked: what the kernel, or
/// who plays it, sends cannot make a reader leave the message.
public struct Attributes: Sendable {
  private let values: [Attribute: ArraySlice<UInt8>]

  /// Reads `struct nlattr` after `struct nlattr`, netlink(7); stops where one does not fit.
  public init(_ bytes: ArraySlice<UInt8>) {
    var values: [Attribute: ArraySlice<UInt8>] = [:]
    var rest = bytes
    while rest.count >= 4 {
      let length = Int(rest.integer(at: 0, as: UInt16.self))
      // The two top bits say "nested" and "network byte order".
      let type = rest.integer(at: 2, as: UInt16.self) & 0x3fff
      guard length >= 4, length <= rest.count else { break }
      values[Attribute(rawValue: type)] = rest.dropFirst(4).prefix(length - 4)
      rest = rest.dropFirst((length + 3) & ~3)
    }
    self.values = values
  }

  public func bytes(_ type: Attribute) -> [UInt8]? { values[type].map(Array.init) }

  public func uint8(_ type: Attribute) -> UInt8? { values[type]?.first }

  public func uint16(_ type: Attribute) -> UInt16? { integer(type) }

  public func uint32(_ type: Attribute) -> UInt32? { integer(type) }

  public func int32(_ type: Attribute) -> Int32? { integer(type) }

  /// Text up to its NUL.
  public func string(_ type: Attribute) -> String? {
    values[type].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  public func nested(_ type: Attribute) -> Attributes? { values[type].map(Attributes.init) }

  private func integer<Value: FixedWidthInteger>(_ type: Attribute) -> Value? {
    guard let bytes = values[type], bytes.count >= MemoryLayout<Value>.size else { return nil }
    return bytes.integer(at: 0, as: Value.self)
  }
}

extension ArraySlice<UInt8> {
  /// An integer in the machine's byte order, `offset` bytes into the slice. The caller has checked
  /// that it lies within.
  func integer<Value: FixedWidthInteger>(at offset: Int, as: Value.Type) -> Value {
    withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Value.self) }
  }
}
