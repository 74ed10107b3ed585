import Netlink

enum IPAddressText {
  /// The address of `10.20.20.2/24`.
  static func address(_ text: String) -> IPAddress? {
    IPAddress(String(text.prefix { $0 != "/" }))
  }
}
