import Linux
import Netlink

/// `eth0.20`: the VLAN 20 of `eth0`, as a parent that is made where it is missing.
struct VLANName {
  let base: String
  let id: UInt16

  /// `nil` for a name that means no VLAN.
  ///
  /// - Throws: for a number that no VLAN has, IEEE 802.1Q.
  init?(_ name: String) throws(NetworkError) {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return nil }
    let digits = name[name.index(after: dot)...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    guard let id = UInt16(digits), (1...4094).contains(id) else {
      throw NetworkError("\(name): the VLAN id \(digits) is out of range; it is 1 to 4094")
    }
    base = String(name[..<dot])
    self.id = id
  }
}

extension NetworkDefinition {
  /// What has to be there before an instance can be on the network, and is not; `nil` where all is.
  public func missingParent(among interfaces: [String]) -> String? {
    if hasPrivateParent || driver == "bridge" || interfaces.contains(parent) { return nil }
    guard let vlan = try? VLANName(parent) else { return parent }
    return interfaces.contains(vlan.base) ? nil : vlan.base
  }

  /// The name of the dummy that is the parent of a network without another: `swd-` and the
  /// fingerprint of the network's name, since an interface's name has 15 bytes.
  static func privateParent(of network: String) -> String { "swd-\(shortFingerprint(network))" }
}

/// Eight hex digits that stand for a text.
func shortFingerprint(_ text: String) -> String {
  let digits = String(UInt32(truncatingIfNeeded: fingerprint(Array(text.utf8))), radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits
}
