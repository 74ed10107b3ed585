import CMnl
import Glibc
public import SystemPackage

extension Attribute {
  // linux/veth.h, VETH_INFO_*, inside infoData
  static let vethPeer = Attribute(rawValue: 1)
  /// `IFLA_INFO_SLAVE_DATA`, inside linkInfo
  static let infoSlaveData = Attribute(rawValue: 5)
  /// `IFLA_BRPORT_MODE`, inside infoSlaveData: whether a frame may leave by the port it came in by.
  static let bridgePortHairpin = Attribute(rawValue: 4)
}

/// A pair of interfaces, veth(4): one end a port of a bridge, the other in an instance.
public struct VethPair: Hashable, Sendable {
  /// The end that stays.
  public let name: String
  /// The index of the bridge that it is a port of.
  public let bridge: Int32
  /// Bytes, of the end that stays.
  public let mtu: UInt32
  /// The other end's name; it is looked up in the other namespace alone.
  public let peerName: String
  /// Bytes, of the other end.
  public let peerMTU: UInt32
  /// The other end's MAC address; `nil`: the kernel makes one up.
  public let peerHardwareAddress: [UInt8]?

  public init(
    name: String, bridge: Int32, mtu: UInt32, peerName: String, peerMTU: UInt32,
    peerHardwareAddress: [UInt8]?
  ) {
    self.name = name
    self.bridge = bridge
    self.mtu = mtu
    self.peerName = peerName
    self.peerMTU = peerMTU
    self.peerHardwareAddress = peerHardwareAddress
  }

  /// The request that makes both ends at once, each where it belongs. The peer's attributes follow a
  /// header of their own (`veth_newlink`, drivers/net/veth.c).
  func message(namespace: FileDescriptor) -> Message {
    var message = Message(.newLink, [.create, .exclusive], about: "veth \(name)")
    message.putHeader(ifinfomsg())
    message.put(.linkName, name)
    message.put(.linkMTU, mtu)
    message.put(.linkMaster, bridge)
    message.nest(.linkInfo) {
      $0.put(.infoKind, "veth")
      $0.nest(.infoData) {
        $0.nest(.vethPeer) {
          $0.putHeader(ifinfomsg())
          $0.put(.linkName, peerName)
          $0.put(.linkMTU, peerMTU)
          if let address = peerHardwareAddress { $0.put(.linkAddress, address) }
          $0.put(.linkNamespaceDescriptor, namespace.rawValue)
        }
      }
    }
    return message
  }
}

extension NetlinkSocket {
  /// Makes a veth pair and sets the end that stays up.
  ///
  /// - Parameters:
  ///   - namespace: that of the other end.
  ///   - reflects: frames may go back to the instance that they came from (`hairpin`), as those do
  ///     which it sends to a port of its own that is published on the host, where the host's netfilter
  ///     sees bridged frames (`net.bridge.bridge-nf-call-iptables`).
  ///   - hasIPv6: the kernel has it, and has to be told that the end that stays has no address.
  public mutating func createVeth(
    _ pair: VethPair, namespace: FileDescriptor, reflects: Bool, hasIPv6: Bool
  ) throws(NetlinkError) {
    try request(pair.message(namespace: namespace))
    guard let link = try link(named: pair.name) else { return }
    if hasIPv6 { try request(Self.withoutLinkLocalMessage(index: link.index, named: pair.name)) }
    if reflects { try request(Self.hairpinMessage(link.index, named: pair.name)) }
    try setLink(index: link.index, up: true, named: pair.name)
  }

  static func hairpinMessage(_ index: Int32, named name: String) -> Message {
    var message = Message(.newLink, about: name)
    var header = ifinfomsg()
    header.ifi_index = index
    message.putHeader(header)
    message.nest(.linkInfo) {
      $0.put(.infoSlaveKind, "bridge")
      $0.nest(.infoSlaveData) { $0.put(.bridgePortHairpin, UInt8(1)) }
    }
    return message
  }

  /// Makes a bridge that is down yet.
  ///
  /// - Parameter hardwareAddress: its MAC address for good; without, it would take that of a port, and
  ///   another each time that one comes or goes.
  public mutating func createBridge(
    _ name: String, hardwareAddress: [UInt8], mtu: UInt32, alias: String
  ) throws(NetlinkError) {
    try request(Self.bridgeMessage(name, hardwareAddress: hardwareAddress, mtu: mtu))
    var note = Message(.newLink, about: name)
    note.putHeader(ifinfomsg())
    note.put(.linkName, name)
    note.put(.linkAlias, alias)
    try request(note)
  }

  static func bridgeMessage(_ name: String, hardwareAddress: [UInt8], mtu: UInt32) -> Message {
    var message = Message(.newLink, [.create, .exclusive], about: "bridge \(name)")
    message.putHeader(ifinfomsg())
    message.put(.linkName, name)
    message.put(.linkAddress, hardwareAddress)
    message.put(.linkMTU, mtu)
    message.nest(.linkInfo) { $0.put(.infoKind, "bridge") }
    return message
  }
}
