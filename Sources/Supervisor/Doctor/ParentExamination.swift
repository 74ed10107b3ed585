import Glibc
import Linux
import Netlink
import Network

/// What can be said of interfaces as parents.
extension Doctor {
  func parents(
    named parent: String?, _ links: [Link], _ host: inout NetlinkSocket
  ) throws -> [Finding] {
    let slaves: Set<String?> = ["ipvlan", "macvlan", "macvtap", "ipvtap"]
    let candidates = links.filter {
      parent == nil
        ? $0.isEthernet && !$0.isLoopback && !slaves.contains($0.kind) : $0.name == parent
    }
    if candidates.isEmpty {
      return [Finding(.problem, "parents", "this network namespace has no Ethernet interface")]
    }
    let known = try store.knownSlaves()
    var found: [Finding] = []
    for link in candidates {
      // One that was asked for has to work; of all others it is only worth knowing.
      let grade: Finding.Grade = parent == nil ? .note : .problem
      let others = SlaveSearch(kinds: ["ipvlan", "macvlan", "macvtap", "ipvtap"])
        .slaves(of: link.index, host: &host, except: Set(known.compactMap(\.namespace)))
      let carried = known.filter { $0.parent == link.index } + others
      if let obstacle = Self.obstacle(to: link, links, carried) {
        found.append(Finding(grade, link.name, obstacle.text, fix: obstacle.fix))
      } else {
        found.append(Finding(.ok, link.name, "it can carry ipvlan"))
      }
      found += Self.inForce(on: link, carried)
      if link.isUp, link.flags & UInt32(IFF_RUNNING) == 0 {
        found.append(Finding(.note, link.name, "it has no carrier: is it plugged in?"))
      }
      found += sysctls(of: link, carried)
    }
    return found
  }

  /// Why an interface cannot carry ipvlan; `nil` where it can.
  private static func obstacle(
    to link: Link, _ links: [Link], _ carried: [Slave]
  ) -> (text: String, fix: String?)? {
    if link.isLoopback { return ("it is the loopback and cannot carry ipvlan", nil) }
    guard link.isEthernet else {
      return ("it is no Ethernet interface and cannot carry ipvlan", nil)
    }
    if link.kind == "ipvlan" || link.kind == "macvlan" {
      return ("it is itself a slave (\(link.kind ?? "")); use the interface it is on", nil)
    }
    if let master = link.master {
      let name = links.first { $0.index == master }?.name ?? "#\(master)"
      return (
        "it is in the \(link.memberOf ?? "bridge") \(name), which takes all its frames; use \(name) as parent",
        "ip link set \(link.name) nomaster"
      )
    }
    if let other = carried.first(where: { $0.kind != "ipvlan" }) {
      let owners = carried.filter { $0.kind == other.kind }.map(\.owner).joined(separator: ", ")
      return ("it carries \(other.kind) (\(owners)), and so no ipvlan", nil)
    }
    if !link.isUp { return ("it is down", "ip link set \(link.name) up") }
    return nil
  }

  /// The slaves that are there, and the mode and flag that all of them have.
  private static func inForce(on link: Link, _ carried: [Slave]) -> [Finding] {
    let ipvlan = carried.filter { $0.kind == "ipvlan" }
    guard let first = ipvlan.first else { return [] }
    let owners = ipvlan.map(\.owner).joined(separator: ", ")
    return [
      Finding(
        .ok, link.name,
        "it carries \(ipvlan.count) ipvlan \(ipvlan.count == 1 ? "slave" : "slaves") in mode \(first.modeName), flag \(first.flagName): \(owners)"
      )
    ]
  }

  private func sysctls(of link: Link, _ carried: [Slave]) -> [Finding] {
    func value(_ path: String) -> String {
      ((try? readText("/proc/sys/net/\(path)")) ?? "").filter { !$0.isWhitespace }
    }
    var found: [Finding] = []
    // A dot in an interface's name is a slash in a setting's, sysctl(8).
    let name = link.name.replacing(".", with: "/")
    let own = "ipv4/conf/\(link.name)"
    let isStrict = max(value("ipv4/conf/all/rp_filter"), value("\(own)/rp_filter")) == "1"
    let access = store.networks.all(asideKept: false).networks.filter {
      $0.options.hostAccess && $0.parent == link.name
    }.map(\.name)
    if isStrict, !access.isEmpty {
      found.append(
        Finding(
          carried.isEmpty ? .note : .problem, link.name,
          "rp_filter is strict, which drops what instances of \(access.joined(separator: ", ")) send the host; swrun sets it loose while one runs",
          fix: "sysctl -w net.ipv4.conf.\(name).rp_filter=2"))
    }
    let proxies =
      (try? store.hostResources().records().contains { $0.resource.isProxy(on: link.name) })
    if value("\(own)/proxy_arp") == "1", proxies != true {
      found.append(
        Finding(
          .note, link.name, "proxy_arp is on: the host answers for addresses of others on this LAN",
          fix: "sysctl -w net.ipv4.conf.\(name).proxy_arp=0"))
    }
    return found
  }
}
