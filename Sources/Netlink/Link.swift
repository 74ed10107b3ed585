import CMnl
import Glibc
import Linux
public import SystemPackage

/// A network interface as the kernel describes it.
public struct Link: Hashable, Sendable {
  public let index: Int32
  public let name: String
  /// `ARPHRD_*` of linux/if_arp.h.
  public let hardwareType: UInt16
  /// `IFF_*` of netdevice(7).
  public let flags: UInt32
  public let mtu: UInt32
  /// The MAC address, 6 bytes on Ethernet.
  public let hardwareAddress: [UInt8]
  /// `veth`, `ipvlan` and the like; `nil` for a physical one.
  public let kind: String?
  /// The kind of what it is a member of: `bridge`, `bond`, `team`, `openvswitch`.
  public let memberOf: String?
  /// The index of the bridge or bond it is a member of.
  public let master: Int32?
  /// The index of the parent (`IFLA_LINK`).
  public let parent: Int32?
  /// The parent's namespace as the id it has in this one (`IFLA_LINK_NETNSID`); `nil`: this one.
  public let parentNamespace: Int32?
  /// `IFLA_IPVLAN_MODE`.
  public let ipvlanMode: UInt16?
  /// `IFLA_IPVLAN_FLAGS`.
  public let ipvlanFlags: UInt16?
  /// `IFLA_VLAN_ID`, of a VLAN sub-interface.
  public let vlanID: UInt16?

  public var isUp: Bool { flags & UInt32(IFF_UP) != 0 }
  /// Whether a cable, or what stands for one, is plugged in (`IFF_LOWER_UP`).
  public var hasCarrier: Bool { flags & 0x10000 != 0 }
  public var isLoopback: Bool { flags & UInt32(IFF_LOOPBACK) != 0 }
  public var isEthernet: Bool { hardwareType == 1 }
  public var isPointToPoint: Bool { flags & UInt32(IFF_POINTOPOINT) != 0 }

  /// Whether it is the other, with the same name, MTU and MAC address, and up where that is.
  public func isAlike(_ other: Link) -> Bool {
    index == other.index && name == other.name && isUp == other.isUp && mtu == other.mtu
      && hardwareAddress == other.hardwareAddress
  }

  /// From the payload of `RTM_NEWLINK`; `nil` for one without a name.
  init?(_ payload: ArraySlice<UInt8>) {
    guard payload.count >= 16 else { return nil }
    let attributes = Attributes(payload.dropFirst(16))
    guard let name = attributes.string(.linkName) else { return nil }
    self.name = name
    index = payload.integer(at: 4, as: Int32.self)
    hardwareType = payload.integer(at: 2, as: UInt16.self)
    flags = payload.integer(at: 8, as: UInt32.self)
    mtu = attributes.uint32(.linkMTU) ?? 0
    hardwareAddress = attributes.bytes(.linkAddress) ?? []
    master = attributes.int32(.linkMaster)
    parent = attributes.int32(.linkParent)
    parentNamespace = attributes.int32(.linkParentNamespace)
    let info = attributes.nested(.linkInfo)
    kind = info?.string(.infoKind)
    memberOf = info?.string(.infoSlaveKind)
    let data = kind == "ipvlan" ? info?.nested(.infoData) : nil
    ipvlanMode = data?.uint16(.ipvlanMode)
    ipvlanFlags = data?.uint16(.ipvlanFlags)
    vlanID = kind == "vlan" ? info?.nested(.infoData)?.uint16(.vlanID) : nil
  }

  /// An Ethernet interface that is not there yet, as it will be: up, without an index (0).
  ///
  /// - Parameter mtu: bytes.
  public init(expected name: String, kind: String, mtu: UInt32) {
    self.name = name
    self.kind = kind
    self.mtu = mtu
    index = 0
    hardwareType = 1
    flags = UInt32(IFF_UP)
    hardwareAddress = []
    memberOf = nil
    master = nil
    parent = nil
    parentNamespace = nil
    ipvlanMode = nil
    ipvlanFlags = nil
    vlanID = nil
  }
}

extension NetlinkSocket {
  /// All interfaces, or those of one kind.
  public mutating func links(kind: String? = nil) throws(NetlinkError) -> [Link] {
    let found = try dump {
      var message = Message(.getLink, .dump, about: "links")
      message.putHeader(ifinfomsg())
      // RTEXT_FILTER_SKIP_STATS: counters are a kilobyte for each interface.
      message.put(.linkExtensionMask, UInt32(8))
      if let kind { message.nest(.linkInfo) { $0.put(.infoKind, kind) } }
      return message
    } _: {
      Link($0)
    }
    // The kernel ignores a kind whose driver is not loaded, and then sends all.
    return kind == nil ? found : found.filter { $0.kind == kind }
  }

  /// One interface by name; `nil` where there is none.
  public mutating func link(named name: String) throws(NetlinkError) -> Link? {
    var message = Message(.getLink, about: name)
    message.putHeader(ifinfomsg())
    message.put(.linkName, name)
    message.put(.linkExtensionMask, UInt32(8))
    return try oneLink(message)
  }

  /// One interface by index; `nil` where there is none.
  public mutating func link(index: Int32) throws(NetlinkError) -> Link? {
    var message = Message(.getLink, about: "#\(index)")
    var header = ifinfomsg()
    header.ifi_index = index
    message.putHeader(header)
    message.put(.linkExtensionMask, UInt32(8))
    return try oneLink(message)
  }

  private mutating func oneLink(_ message: consuming Message) throws(NetlinkError) -> Link? {
    var found: Link?
    do { try request(message) { found = Link($0) } } catch {
      if error.errno == .noSuchAddressOrDevice || error.errno.rawValue == ENODEV { return nil }
      throw error
    }
    return found
  }

  /// Makes an interface.
  ///
  /// - Parameters:
  ///   - alias: a note on it for who looks, `ip -d link`.
  ///   - data: puts what goes into `IFLA_INFO_DATA`.
  public mutating func createLink(
    _ name: String, kind: String, parent: Int32? = nil, alias: String,
    data: (inout Message) -> Void = { _ in }
  ) throws(NetlinkError) {
    var message = Message(.newLink, [.create, .exclusive], about: "\(kind) \(name)")
    message.putHeader(Self.header(0, up: true))
    message.put(.linkName, name)
    if let parent { message.put(.linkParent, parent) }
    message.nest(.linkInfo) {
      $0.put(.infoKind, kind)
      $0.nest(.infoData, data)
    }
    try request(message)
    // Making one does not take a note yet (`rtnl_create_link`, net/core/rtnetlink.c).
    var note = Message(.newLink, about: name)
    note.putHeader(Self.header(0, up: nil))
    note.put(.linkName, name)
    note.put(.linkAlias, alias)
    try request(note)
  }

  /// Asks the kernel whether it has a kind of slave, by a request for one without a parent, which no
  /// kernel grants: one that does not know the kind says so first (`rtnl_newlink`). It may load the
  /// driver.
  ///
  /// - Returns: `nil` for who may not make interfaces.
  public mutating func hasDriver(_ kind: String) -> Bool? {
    var message = Message(.newLink, [.create, .exclusive], about: kind)
    message.putHeader(Self.header(0, up: nil))
    message.put(.linkName, "swrun-asks")
    message.nest(.linkInfo) { $0.put(.infoKind, kind) }
    do { try request(message) } catch {
      if error.errno == .permissionDenied || error.errno.rawValue == EPERM { return nil }
      return error.errno.rawValue != EOPNOTSUPP
    }
    return nil
  }

  /// Changes an interface's MTU, in bytes.
  public mutating func setMTU(_ mtu: UInt32, index: Int32, named name: String) throws(NetlinkError)
  {
    var message = Message(.newLink, about: name)
    message.putHeader(Self.header(index, up: nil))
    message.put(.linkMTU, mtu)
    try request(message)
  }

  /// Sets an interface up or down.
  public mutating func setLink(index: Int32, up: Bool, named name: String) throws(NetlinkError) {
    try request(Self.upMessage(index: index, up: up, named: name))
  }

  public static func upMessage(index: Int32, up: Bool, named name: String) -> Message {
    var message = Message(.newLink, about: name)
    message.putHeader(header(index, up: up))
    return message
  }

  /// Renames an interface that is down.
  public mutating func rename(index: Int32, to name: String) throws(NetlinkError) {
    var message = Message(.newLink, about: name)
    message.putHeader(Self.header(index, up: nil))
    message.put(.linkName, name)
    try request(message)
  }

  /// Keeps an interface that is down from making itself a link-local address: without one, and with no
  /// other, it has no IPv6 at all. A kernel without IPv6 refuses to be told.
  public static func withoutLinkLocalMessage(index: Int32, named name: String) -> Message {
    familiesMessage(index: index, named: name, withoutLinkLocal: true, tellingNeighbours: false)
  }

  /// Settings of an interface that is down.
  ///
  /// - Parameters:
  ///   - withoutLinkLocal: it gets no address of IPv6 by itself.
  ///   - tellingNeighbours: the kernel announces its IPv4 addresses when it comes up, or gets another MAC
  ///     address (`arp_notify`, Documentation/networking/ip-sysctl.rst).
  public static func familiesMessage(
    index: Int32, named name: String, withoutLinkLocal: Bool, tellingNeighbours: Bool
  ) -> Message {
    var message = Message(.newLink, about: name)
    message.putHeader(header(index, up: nil))
    message.nest(.linkFamilies) {
      if tellingNeighbours {
        $0.nest(.familyIPv4) {
          $0.nest(.ipv4Settings) { $0.put(.ipv4TellsNeighbours, UInt32(1)) }
        }
      }
      // IN6_ADDR_GEN_MODE_NONE
      if withoutLinkLocal {
        $0.nest(.familyIPv6) { $0.put(.ipv6AddressGeneration, UInt8(1)) }
      }
    }
    return message
  }

  /// Removes an interface; its addresses are free when this returns. One that is gone is fine.
  public mutating func deleteLink(index: Int32, named name: String) throws(NetlinkError) {
    var message = Message(.deleteLink, about: name)
    message.putHeader(Self.header(index, up: nil))
    do { try request(message) } catch {
      if error.errno.rawValue != ENODEV { throw error }
    }
  }

  /// The id that the namespace `fd` has in the socket's own; `nil` where it has none.
  public mutating func namespaceID(of fd: FileDescriptor) throws(NetlinkError) -> Int32? {
    var message = Message(.getNamespaceID, about: "namespace")
    // struct rtgenmsg, padded
    message.putHeader(UInt32(0))
    message.put(.namespaceDescriptor, fd.rawValue)
    var id: Int32?
    try request(message) { id = Attributes($0.dropFirst(4)).int32(.namespaceID) }
    // NETNSA_NSID_NOT_ASSIGNED
    return id == -1 ? nil : id
  }

  private static func header(_ index: Int32, up: Bool?) -> ifinfomsg {
    var header = ifinfomsg()
    header.ifi_index = index
    if let up {
      header.ifi_change = UInt32(IFF_UP)
      header.ifi_flags = up ? UInt32(IFF_UP) : 0
    }
    return header
  }
}
