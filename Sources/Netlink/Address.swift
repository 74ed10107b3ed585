import CMnl
import Glibc

/// An address that an interface has.
public struct AssignedAddress: Hashable, Sendable {
  public let interface: Int32
  public let address: InterfaceAddress
  /// The low eight of `IFA_F_*`, linux/if_addr.h.
  public var flags: UInt8 = 0
  /// `RT_SCOPE_*`: 0 is global.
  public var scope: UInt8 = 0

  /// Whether the kernel has made it of what a router has advertised, for the world beyond the link, and
  /// nobody else has it.
  public var isAdvertised: Bool {
    // IFA_F_PERMANENT, IFA_F_TENTATIVE, IFA_F_DADFAILED
    !address.address.isIPv4 && scope == 0 && flags & (0x80 | 0x40 | 0x08) == 0
  }
}

extension NetlinkSocket {
  /// All addresses of the namespace, of both families.
  public mutating func addresses() throws(NetlinkError) -> [AssignedAddress] {
    try dump {
      var message = Message(.getAddress, .dump, about: "addresses")
      message.putHeader(ifaddrmsg())
      return message
    } _: { payload in
      guard payload.count >= 8 else { return nil }
      let attributes = Attributes(payload.dropFirst(8))
      // On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL is always ours.
      guard let bytes = attributes.bytes(.addressLocal) ?? attributes.bytes(.address),
        let address = IPAddress(bytes: bytes),
        let assigned = InterfaceAddress(
          address, prefix: Int(payload.integer(at: 1, as: UInt8.self)))
      else { return nil }
      return AssignedAddress(
        interface: Int32(bitPattern: payload.integer(at: 4, as: UInt32.self)), address: assigned,
        flags: payload.integer(at: 2, as: UInt8.self),
        scope: payload.integer(at: 3, as: UInt8.self))
    }
  }

  /// Takes an address from an interface; one that it has not is fine.
  public mutating func deleteAddress(
    _ address: InterfaceAddress, from index: Int32
  ) throws(NetlinkError) {
    do { try request(Self.message(deleting: address, from: index)) } catch {
      if error.errno != .noSuchAddressOrDevice && error.errno.rawValue != EADDRNOTAVAIL {
        throw error
      }
    }
  }

  public static func message(deleting address: InterfaceAddress, from index: Int32) -> Message {
    var message = Message(.deleteAddress, about: "\(address)")
    message.putHeader(header(address, index))
    message.put(.addressLocal, address.address.bytes)
    return message
  }

  /// Gives an interface an address, usable at once: IPv6 does not wait for duplicate address
  /// detection.
  public mutating func addAddress(
    _ address: InterfaceAddress, to index: Int32
  ) throws(NetlinkError) {
    try request(Self.message(adding: address, to: index))
  }

  public static func message(adding address: InterfaceAddress, to index: Int32) -> Message {
    var message = Message(.newAddress, [.create, .exclusive], about: "\(address)")
    var header = Self.header(address, index)
    // IFA_F_NODAD
    if !address.address.isIPv4 { header.ifa_flags = 0x02 }
    message.putHeader(header)
    message.put(.addressLocal, address.address.bytes)
    message.put(.address, address.address.bytes)
    // RFC 3021: a /31 has no broadcast address, and a /32 is alone.
    if address.address.isIPv4, address.prefix < 31 {
      message.put(.addressBroadcast, address.last.bytes)
    }
    return message
  }

  private static func header(_ address: InterfaceAddress, _ index: Int32) -> ifaddrmsg {
    var header = ifaddrmsg()
    header.ifa_family = address.address.family
    header.ifa_prefixlen = UInt8(address.prefix)
    header.ifa_index = UInt32(bitPattern: index)
    return header
  }
}
