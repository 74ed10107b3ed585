import Linux
import Netlink

/// Who an instance's interface is to a DHCP server.
public struct DhcpIdentity: Hashable, Sendable {
  /// Option 61. All ipvlan slaves of a parent have its MAC address, so this alone tells them apart;
  /// and it stays what it is when a macvlan slave comes back with another MAC address.
  ///
  /// It is `INSTANCE/INTERFACE@MAC` with the MAC address of the parent, after a zero for "no hardware
  /// address" (RFC 2132 section 9.14): two hosts of a LAN may each have an instance of one name, and
  /// an instance may have two interfaces on one LAN. Servers compare it byte for byte whatever its
  /// type. Text was chosen over RFC 4361's DUID since it can be read in a server's log and written
  /// into its configuration: dnsmasq's `dhcp-host=id:TEXT` passes over the zero; ISC's
  /// `option dhcp-client-identifier "\000TEXT"`; Kea's `client-id` takes it in hex.
  public let clientIdentifier: [UInt8]
  /// Option 12; `nil` where the name cannot be one.
  public let hostName: String?

  /// - Parameters:
  ///   - parent: the parent's MAC address.
  ///   - hostName: the instance's; of a longer name, the first label.
  public init(instance: String, interface: String, parent: [UInt8], hostName: String) {
    clientIdentifier =
      [0] + Array("\(instance)/\(interface)@\(hexadecimal(parent))".utf8.prefix(254))
    self.hostName = Self.label(hostName)
  }

  /// The identifier as people write it into a server's configuration.
  public var text: String { String(decoding: clientIdentifier.dropFirst(), as: UTF8.self) }

  /// A label of RFC 1123; the `_` of a made-up instance name becomes `-`.
  private static func label(_ name: String) -> String? {
    let first = name.prefix { $0 != "." }.map { $0 == "_" ? "-" : $0 }
    let bytes = Array(String(first).utf8)
    let plain = bytes.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
        || $0 == 0x2d
    }
    guard (1...63).contains(bytes.count), plain, bytes.first != 0x2d, bytes.last != 0x2d else {
      return nil
    }
    return String(first)
  }
}
