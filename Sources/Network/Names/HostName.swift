public import Netlink

/// Names of hosts, as hosts(5) and resolv.conf(5) can hold them.
public enum HostName {
  /// Names that mean the machine itself or its links everywhere; ``HostsTable`` has them.
  static let reserved: Set<String> = [
    "localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "ip6-localnet",
    "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters",
  ]

  /// Refuses what is not a name: labels of 1 to 63 letters, digits, `-` and `_` with dots between
  /// them, 253 characters in all (RFC 1035 2.3.4, RFC 1123 2.1; the underscore, since people use it).
  /// With that nothing can be said to the reader of a file but the name.
  ///
  /// - Parameter option: where it was given, for the error.
  public static func check(_ text: String, _ option: String) throws(NetworkError) {
    guard text.utf8.count <= 253, isName(text) else {
      throw NetworkError(
        "\(option) \(quoted(text)): that is not a host name; it is labels of at most 63 letters, digits, - and _, with dots between them"
      )
    }
    guard IPAddress(text) == nil else {
      throw NetworkError("\(option) \(quoted(text)): an address cannot be a name")
    }
  }

  /// The same for the name of a host itself, of which the kernel keeps 64 bytes (uname(2)).
  public static func checkOwn(_ text: String, _ option: String) throws(NetworkError) {
    try check(text, option)
    guard text.utf8.count <= 64 else {
      throw NetworkError(
        "\(option) \(quoted(text)): it has \(text.utf8.count) characters, and the kernel keeps 64")
    }
    guard !isReserved(text) else {
      throw NetworkError("\(option) \(text): that name means every machine itself; use another")
    }
  }

  static func isReserved(_ text: String) -> Bool { reserved.contains(text.lowercased()) }

  private static func isName(_ text: String) -> Bool {
    text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      (1...63).contains(label.utf8.count) && label.utf8.first != 0x2d && label.utf8.last != 0x2d
        && label.utf8.allSatisfy {
          (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
            || $0 == 0x2d || $0 == 0x5f
        }
    }
  }
}

/// `--add-host NAME:ADDRESS`
public struct ExtraHost: Hashable, Sendable {
  public let name: String
  public let target: Target

  public enum Target: Hashable, Sendable {
    case address(IPAddress)
    /// `host-gateway`: the address at which the host is reached.
    case host
  }

  /// Reads the option's text, in Docker's forms `NAME:ADDRESS` and `NAME=ADDRESS`; an IPv6 address
  /// may be in brackets.
  public init(parsing text: String) throws(NetworkError) {
    guard let end = text.firstIndex(where: { $0 == ":" || $0 == "=" }) else {
      throw NetworkError(
        "--add-host \(quoted(text)): write it as NAME:ADDRESS, for example db:10.20.20.9")
    }
    name = String(text[..<end])
    try HostName.check(name, "--add-host")
    var word = String(text[text.index(after: end)...])
    if word == "host-gateway" {
      target = .host
      return
    }
    if word.hasPrefix("["), word.hasSuffix("]") { word = String(word.dropFirst().dropLast()) }
    guard let address = IPAddress(word) else {
      throw NetworkError(
        "--add-host \(quoted(text)): \(quoted(word)) is neither an IP address nor host-gateway")
    }
    target = .address(address)
  }
}
