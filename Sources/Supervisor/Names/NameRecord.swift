public import JSON
import Netlink
public import Network

/// What `swrun run` is told of names: `--hostname` is in the request.
public struct NameOptions: Hashable, Sendable {
  /// `--dns`, `--dns-search`, `--dns-option`
  public var resolver = ResolverRequest()
  /// `--add-host`
  public var extraHosts: [ExtraHost] = []

  public init() {}
}

/// What an instance is called and what it calls others, kept in its state so that its files can be
/// written anew while it runs.
public struct NameRecord: Hashable, Sendable, Decodable {
  /// The host name inside.
  public let hostname: String
  public let domainname: String?
  public let resolver: ResolverRequest
  public let extraHosts: [Extra]
  /// Whether its hosts file is its own, and follows its networks.
  public let followsNetworks: Bool
  /// Whether its resolv.conf is its own.
  public let hasResolver: Bool

  public struct Extra: Hashable, Sendable, Decodable {
    public let address: String
    public let name: String
  }

  /// What it is called inside: the full name first, as hosts(5) wants it.
  var hostNames: [String] {
    if let domainname { return ["\(hostname).\(domainname)", hostname] }
    guard let dot = hostname.firstIndex(of: ".") else { return [hostname] }
    return [hostname, String(hostname[..<dot])]
  }

  var extraLines: [HostsTable.Line] {
    extraHosts.compactMap { extra in
      IPAddress(extra.address).map { HostsTable.Line($0, [extra.name]) }
    }
  }
}

extension NameRecord.Extra: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("address", address)
    json.add("name", name)
  }
}

extension NameRecord: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("domainname", domainname)
    json.add("extraHosts", extraHosts)
    json.add("followsNetworks", followsNetworks)
    json.add("hasResolver", hasResolver)
    json.add("hostname", hostname)
    json.add("resolver", resolver)
  }
}
