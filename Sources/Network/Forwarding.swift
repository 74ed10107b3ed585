import Netlink

/// Makes the host forward for its bridges, and no more than that.
///
/// IPv4 is switched on for each interface and not as a whole (`net.ipv4.ip_forward`), which would set
/// the same of interfaces that somebody has set otherwise, and lose that when it is switched off
/// again; and so that a tool which needs it as a whole, such as Docker, sees that it is off.
enum Forwarding {
  static func setting(of interface: String) -> String { "ipv4/conf/\(interface)/forwarding" }
  static let whole = setting(of: "all")
  static let ipv6 = "ipv6/conf/all/forwarding"

  /// Whether the host as a whole forwarded when an interface of it was made to.
  static func former() throws -> String { try HostResource.read(whole) }

  static func open(_ interface: String, _ table: String) throws {
    try NftablesProgram.apply(Nftables.opening([interface], ipv4: true, in: table))
    do { try HostResource.write(setting(of: interface), "1") } catch {
      try? NftablesProgram.apply(Nftables.closing([interface], ipv4: true, in: table))
      throw error
    }
  }

  static func close(_ interface: String, _ table: String, former: String?) throws {
    // Where somebody has made a router of the host since, it stays one.
    let isRouter = former == "0" && (try? HostResource.read(whole)) == "1"
    // The interface may have gone.
    if !isRouter, (try? HostResource.read(setting(of: interface))) == "1" {
      try HostResource.write(setting(of: interface), "0")
    }
    try NftablesProgram.apply(Nftables.closing([interface], ipv4: true, in: table))
  }

  /// The interfaces that will forward because of us.
  static func formerIPv6(_ host: inout NetlinkSocket) throws -> String {
    try host.links().filter { !$0.isLoopback && Nftables.isWritable($0.name) }.map(\.name)
      .joined(separator: " ")
  }

  static func openIPv6(_ table: String, _ host: inout NetlinkSocket) throws {
    let names = try host.links().filter { !$0.isLoopback && Nftables.isWritable($0.name) }
    try NftablesProgram.apply(Nftables.opening(names.map(\.name), ipv4: false, in: table))
    try HostResource.write(ipv6, "1")
  }

  static func closeIPv6(_ table: String, former: String?) throws {
    if try HostResource.read(ipv6) == "1" { try HostResource.write(ipv6, "0") }
    let names = (former ?? "").split(separator: " ").map(String.init)
    try NftablesProgram.apply(Nftables.closing(names, ipv4: false, in: table))
  }
}
