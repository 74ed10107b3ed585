public import Netlink

/// The rules by which instances on bridges reach the world and are reached: one table of swrun's own,
/// with rules that never change and sets and maps whose elements come and go with networks and
/// instances.
///
/// All of it is one file of nft(8)'s language for each change, which the kernel takes as a whole or
/// not at all. Whatever is added brings the rules along: who flushes the host's rule set (`nft flush
/// ruleset`, a firewall that starts anew) takes ours too, and the next instance brings them back.
public enum Nftables {
  /// What is added to the table, and taken out again by its key.
  public enum Part: Hashable, Sendable, Decodable {
    /// The table itself.
    case table
    /// A bridge of swrun's own. `masqueraded`: the subnets that leave the host with its address.
    case network(bridge: String, masqueraded: [InterfaceAddress], isInternal: Bool)
    /// The published ports of an instance.
    case ports([PortBinding])
  }

  /// The table's name: each directory of running instances has its own.
  public static func table(root: String) -> String {
    root == "/run/swrun" ? "swrun" : "swrun-\(shortFingerprint(root))"
  }

  /// The rules, in the order in which packets meet them. Applying them again changes nothing.
  ///
  /// - guard: `route_localnet`, which lets the host's 127.0.0.1 lead to a bridge, would let what is on
  ///   the bridge reach services that listen on the loopback alone, CVE-2020-8558.
  /// - publish: to a port of the host's that is published, from outside, from another instance
  ///   (prerouting) and from the host itself (output).
  /// - postrouting: out of the host with the host's address. Back to the bridge with the bridge's:
  ///   what comes from the loopback, and what an instance sends to a published port, which the other
  ///   would else answer past the host.
  /// - forward: an internal bridge is left by nothing and entered by nothing. Of what enters another,
  ///   only answers and what was published pass: not what a neighbour on the LAN sends to an
  ///   instance's own address. Interfaces that forward because swrun has switched that on do so for
  ///   its bridges alone, and not from one LAN to another.
  static func base(_ table: String) -> String {
    let sets = [
      ("set", "bridges", "type ifname;"),
      ("set", "internal", "type ifname;"),
      ("set", "within", "type ifname . ifname;"),
      ("set", "opened4", "type ifname;"),
      ("set", "opened6", "type ifname;"),
      ("set", "sources4", "type ipv4_addr; flags interval;"),
      ("set", "sources6", "type ipv6_addr; flags interval;"),
      ("map", "at4", "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;"),
      ("map", "at6", "type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service;"),
      ("map", "any4", "type inet_proto . inet_service : ipv4_addr . inet_service;"),
      ("map", "any6", "type inet_proto . inet_service : ipv6_addr . inet_service;"),
    ]
    // The number where nft 1.0 takes no name: dstnat is one of prerouting alone.
    let hooks = [
      ("guard", "filter hook prerouting priority raw"),
      ("prerouting", "nat hook prerouting priority dstnat"),
      ("output", "nat hook output priority -100"),
      ("postrouting", "nat hook postrouting priority srcnat"),
      ("forward", "filter hook forward priority filter"),
    ]
    let transports = "meta l4proto { tcp, udp, sctp }"
    let rules = [
      ("guard", "iifname @bridges ip daddr 127.0.0.0/8 drop"),
      ("guard", "iifname @bridges ip saddr 127.0.0.0/8 drop"),
      ("publish", "\(transports) dnat ip to ip daddr . meta l4proto . th dport map @at4"),
      ("publish", "\(transports) dnat ip to meta l4proto . th dport map @any4"),
      ("publish", "\(transports) dnat ip6 to ip6 daddr . meta l4proto . th dport map @at6"),
      ("publish", "\(transports) dnat ip6 to meta l4proto . th dport map @any6"),
      ("prerouting", "fib daddr type local jump publish"),
      ("output", "fib daddr type local jump publish"),
      ("postrouting", "oifname @bridges ip saddr 127.0.0.0/8 masquerade"),
      ("postrouting", "oifname @bridges ct status dnat ip saddr @sources4 masquerade"),
      ("postrouting", "oifname @bridges ct status dnat ip6 saddr @sources6 masquerade"),
      ("postrouting", "oifname != @bridges ip saddr @sources4 masquerade"),
      ("postrouting", "oifname != @bridges ip6 saddr @sources6 masquerade"),
      ("forward", "iifname . oifname @within accept"),
      ("forward", "iifname @internal drop"),
      ("forward", "oifname @internal drop"),
      ("forward", "oifname @bridges ct state established,related accept"),
      ("forward", "oifname @bridges ct status dnat accept"),
      ("forward", "oifname @bridges drop"),
      ("forward", "iifname @bridges accept"),
      ("forward", "meta nfproto ipv4 iifname @opened4 oifname @opened4 drop"),
      ("forward", "meta nfproto ipv6 iifname @opened6 oifname @opened6 drop"),
    ]
    var lines = ["add table inet \(table)"]
    lines += sets.map { "add \($0.0) inet \(table) \($0.1) { \($0.2) }" }
    lines.append("add chain inet \(table) publish")
    lines += hooks.map { "add chain inet \(table) \($0.0) { type \($0.1); policy accept; }" }
    lines += (hooks.map(\.0) + ["publish"]).map { "flush chain inet \(table) \($0)" }
    lines += rules.map { "add rule inet \(table) \($0.0) \($0.1)" }
    return lines.map { $0 + "\n" }.joined()
  }

  /// What adds a part.
  static func adding(_ part: Part, to table: String) -> String {
    base(table) + elements(part).map { "add element inet \(table) \($0.full)\n" }.joined()
  }

  /// What takes a part out, whether it is there, or somebody has flushed it; an element that leads
  /// elsewhere by now makes it fail.
  static func removing(_ part: Part, from table: String) -> String {
    if part == .table { return "add table inet \(table)\ndelete table inet \(table)\n" }
    return adding(part, to: table)
      + elements(part).map { "delete element inet \(table) \($0.key)\n" }.joined()
  }

  /// One element: as it is added, and by what it is deleted.
  struct Element: Hashable {
    let full: String
    let key: String

    init(_ set: String, _ key: String, _ value: String? = nil) {
      self.key = "\(set) { \(key) }"
      full = "\(set) { \(key)\(value.map { " : \($0)" } ?? "") }"
    }
  }

  static func elements(_ part: Part) -> [Element] {
    switch part {
    case .table: return []
    case .network(let bridge, let masqueraded, let isInternal):
      return [
        Element("bridges", quote(bridge)),
        Element("within", "\(quote(bridge)) . \(quote(bridge))"),
      ] + (isInternal ? [Element("internal", quote(bridge))] : [])
        + masqueraded.map {
          Element($0.address.isIPv4 ? "sources4" : "sources6", "\($0.network)/\($0.prefix)")
        }
    case .ports(let bindings):
      return bindings.map { binding in
        let family = binding.hostAddress.isIPv4 ? "4" : "6"
        let number = binding.hostPort == 0 ? "PORT" : "\(binding.hostPort)"
        let port = "\(binding.transport.rawValue) . \(number)"
        let target = "\(binding.address) . \(binding.port)"
        return binding.hostAddress.isUnspecified
          ? Element("any\(family)", port, target)
          : Element("at\(family)", "\(binding.hostAddress) . \(port)", target)
      }
    }
  }

  /// What adds to the interfaces that forward because of us, or takes them all out.
  static func opening(_ interfaces: [String], ipv4: Bool, in table: String) -> String {
    let set = "opened\(ipv4 ? 4 : 6)"
    return base(table)
      + interfaces.map { "add element inet \(table) \(set) { \(quote($0)) }\n" }.joined()
  }

  static func closing(_ interfaces: [String], ipv4: Bool, in table: String) -> String {
    let set = "opened\(ipv4 ? 4 : 6)"
    return opening(interfaces, ipv4: ipv4, in: table)
      + interfaces.map { "delete element inet \(table) \(set) { \(quote($0)) }\n" }.joined()
  }

  /// Whether a name can stand in a rule: in nft's quotes nothing is escaped, and a star at the end
  /// means all that begin so.
  static func isWritable(_ name: String) -> Bool {
    name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x2a && $0 != 0x5c }
  }

  private static func quote(_ name: String) -> String { "\"\(name)\"" }
}

extension Nftables.Part {
  /// What tells it from the table's other parts.
  var key: String {
    switch self {
    case .table: "table"
    case .network(let bridge, _, _): "network \(bridge)"
    case .ports(let bindings):
      "ports "
        + shortFingerprint(
          bindings.map { "\($0.hostText)/\($0.transport.rawValue)" }.joined(separator: " "))
    }
  }
}
