import CMnl
import Glibc
import Linux

/// An entry of a neighbour table, ip-neighbour(8).
public struct Neighbour: Hashable, Sendable {
  public let address: IPAddress
  /// The MAC address that is sent to, and never asked for; `nil`: the host answers for the address
  /// itself (a proxy entry).
  public let hardwareAddress: [UInt8]?

  public init(_ address: IPAddress, hardwareAddress: [UInt8]?) {
    self.address = address
    self.hardwareAddress = hardwareAddress
  }
}

extension NetlinkSocket {
  /// Adds an entry, in place of one that is there for the address.
  public mutating func setNeighbour(
    _ neighbour: Neighbour, on index: Int32
  ) throws(NetlinkError) {
    try request(Self.message(setting: neighbour, on: index))
  }

  public static func message(setting neighbour: Neighbour, on index: Int32) -> Message {
    // NLM_F_REPLACE
    let replace = MessageFlags(rawValue: 0x100)
    return message(.newNeighbour, [.create, replace], neighbour, on: index)
  }

  /// Removes an entry; one that is gone is fine.
  public mutating func deleteNeighbour(
    _ neighbour: Neighbour, on index: Int32
  ) throws(NetlinkError) {
    do { try request(Self.message(.deleteNeighbour, [], neighbour, on: index)) } catch {
      if ![ENOENT, ENODEV, ESRCH, ENXIO].contains(error.errno.rawValue) { throw error }
    }
  }

  static func message(
    _ type: MessageType, _ flags: MessageFlags, _ neighbour: Neighbour, on index: Int32
  ) -> Message {
    var message = Message(type, flags, about: "neighbour \(neighbour.address)")
    var header = ndmsg()
    header.ndm_family = neighbour.address.family
    header.ndm_ifindex = index
    // NUD_PERMANENT; NTF_PROXY
    if neighbour.hardwareAddress != nil { header.ndm_state = 0x80 } else { header.ndm_flags = 0x08 }
    message.putHeader(header)
    message.put(.neighbourAddress, neighbour.address.bytes)
    if let hardware = neighbour.hardwareAddress { message.put(.neighbourHardware, hardware) }
    return message
  }
}
