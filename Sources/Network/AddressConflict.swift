public import Netlink

/// A machine on the LAN that has, or at this moment claims, an address that is wanted here.
public struct AddressConflict: Error, Hashable, Sendable {
  public let address: IPAddress
  /// Its MAC address, 6 bytes.
  public let hardwareAddress: [UInt8]
  /// It does not have the address yet: it probes for it as well.
  public let isClaim: Bool

  /// `02:42:ac:11:00:02`, as ip-link(8) writes it.
  public var hardwareText: String {
    let digits = Array("0123456789abcdef".utf8)
    return hardwareAddress.map { byte in
      String(decoding: [digits[Int(byte >> 4)], digits[Int(byte & 15)]], as: UTF8.self)
    }.joined(separator: ":")
  }
}
