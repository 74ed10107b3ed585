public import Netlink

/// A machine on the LAN that has, or at this moment claims, an address that is wanted here.
public struct AddressConflict: Error, Hashable, Sendable {
  public let address: IPAddress
  /// Its MAC address, 6 bytes.
  public let hardwareAddress: [UInt8]
  /// It does not have the address yet: it probes for it as well.
  public let isClaim: Bool

  /// An error's words for it.
  ///
  /// - Parameter parent: the interface behind which it is.
  public func text(behind parent: String) -> String {
    let mac = hardwareText(hardwareAddress)
    return isClaim
      ? "\(address) is at this moment being claimed on the LAN behind \(parent), by \(mac)"
      : "\(address) is in use on the LAN behind \(parent), by \(mac)"
  }
}
