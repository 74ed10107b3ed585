public import JSON
import Linux
import Netlink

/// What the user says about resolv.conf(5): `--dns`, `--dns-search`, `--dns-option`; checked word by
/// word, so that nothing else can get into the file.
public struct ResolverRequest: Hashable, Sendable, Decodable {
  /// Addresses.
  public private(set) var servers: [String] = []
  /// Domains; a single `.` for none at all.
  public private(set) var search: [String] = []
  public private(set) var options: [String] = []

  public init() {}

  public var isEmpty: Bool { servers.isEmpty && search.isEmpty && options.isEmpty }

  /// MAXNS of resolv.h: the resolver reads no more.
  static let mostServers = 3
  /// The C library has no limit since glibc 2.26. This is Kubernetes', which others are made for.
  static let mostDomains = 32

  /// Options of resolv.conf(5), with the most that a number may be (RES_MAXNDOTS and so on of resolv.h).
  static let known: [String: Int?] = [
    "debug": nil, "ndots": 15, "timeout": 30, "attempts": 5, "rotate": nil, "no-aaaa": nil,
    "no-check-names": nil, "inet6": nil, "ip6-bytestring": nil, "ip6-dotint": nil,
    "no-ip6-dotint": nil, "edns0": nil, "single-request": nil, "single-request-reopen": nil,
    "no-tld-query": nil, "use-vc": nil, "no-reload": nil, "trust-ad": nil,
  ]

  /// `--dns ADDRESS`
  public mutating func addServer(_ text: String) throws(NetworkError) {
    guard let address = IPAddress(text), !address.isUnspecified, !address.isMulticast else {
      throw NetworkError(
        "--dns \(quoted(text)): that is not the IP address of a server; write it as 10.20.20.1 or fd00::1"
      )
    }
    guard !servers.contains("\(address)") else {
      throw NetworkError("--dns \(address) is given twice")
    }
    guard servers.count < Self.mostServers else {
      throw NetworkError(
        "--dns is given \(servers.count + 1) times, and resolv.conf has at most \(Self.mostServers) servers"
      )
    }
    servers.append("\(address)")
  }

  /// `--dns-search DOMAIN`, or `.` for no search at all.
  public mutating func addSearch(_ text: String) throws(NetworkError) {
    if text != "." { try HostName.check(text, "--dns-search") }
    guard text == "." ? search.isEmpty : search.first != "." else {
      throw NetworkError("--dns-search . means no domain at all; it stands alone")
    }
    guard search.count < Self.mostDomains else {
      throw NetworkError(
        "--dns-search is given \(search.count + 1) times; \(Self.mostDomains) are the most")
    }
    search.append(text)
  }

  /// `--dns-option OPTION`
  public mutating func addOption(_ text: String) throws(NetworkError) {
    if let reason = Self.fault(ofOption: text) {
      throw NetworkError("--dns-option \(quoted(text)): \(reason)")
    }
    guard !options.contains(text) else {
      throw NetworkError("--dns-option \(text) is given twice")
    }
    options.append(text)
  }

  /// Why a word is no option; `nil` for one that is.
  static func fault(ofOption text: String) -> String? {
    let pair = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(pair[0])
    guard let limit = known[name] else {
      let names = known.keys.sorted()
      return
        "unknown option\(suggestion(for: name, in: names)); resolv.conf(5) has \(names.joined(separator: ", "))"
    }
    guard let limit else { return pair.count == 1 ? nil : "\(name) takes no value" }
    guard pair.count == 2, let number = Int(pair[1]), pair[1].utf8.allSatisfy({ $0 > 0x2f }),
      (0...limit).contains(number)
    else { return "write it as \(name):N, with N from 0 to \(limit)" }
    return nil
  }
}

extension ResolverRequest: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("options", options)
    json.add("search", search)
    json.add("servers", servers)
  }
}
