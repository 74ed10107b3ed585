import Glibc
import Linux
import Netlink
import Network
import Sandbox

/// Looks for what keeps instances from their networks, and changes nothing.
public struct Doctor {
  let store: InstanceStore

  public init(_ store: InstanceStore) { self.store = store }

  /// - Parameter parent: the one interface to look at; `nil` for all that could be parents.
  /// - Throws: for an interface that is not there.
  public func examine(parent: String?) throws -> [Finding] {
    var host = try NetlinkSocket()
    let links = try host.links()
    if let parent, !links.contains(where: { $0.name == parent }) {
      throw NetworkError(
        "no interface is called \(parent.debugDescription)\(suggestion(for: parent, in: links.map(\.name)))"
      )
    }
    let definitions = store.networks.all(asideKept: false)
    return kernel(&host) + [privilege()] + ipv6(definitions.networks)
      + (try parents(named: parent, links, &host))
      + definitions.faults.map {
        Finding(.problem, "network", $0, fix: "swrun network ls  # keeps the file aside")
      }
      + networks(definitions.networks, links) + asideFiles() + missing(&host) + records()
      + forwarding() + garbage()
  }

  // Whether the kernel has the drivers.

  private func kernel(_ host: inout NetlinkSocket) -> [Finding] {
    var found: [Finding] = []
    for driver in ["ipvlan", "macvlan"] { found.append(Self.kernel(driver, &host)) }
    found.append(Self.landlock())
    return found
  }

  private static func landlock() -> Finding {
    let abi = Landlock.abi
    guard abi >= Landlock.neededABI else {
      return Finding(
        .note, "kernel", "workloads are without Landlock: \(LandlockRecord.missing(abi))")
    }
    return Finding(.ok, "kernel", "workloads are under Landlock (ABI \(abi))")
  }

  private static func kernel(_ driver: String, _ host: inout NetlinkSocket) -> Finding {
    if FileIdentity(path: "/sys/module/\(driver)") != nil {
      return Finding(.ok, "kernel", "the driver \(driver) is loaded")
    }
    let modules = "/lib/modules/\(kernelRelease)"
    if lists("\(modules)/modules.builtin", driver) {
      return Finding(.ok, "kernel", "the driver \(driver) is built in")
    }
    if lists("\(modules)/modules.dep", driver) {
      return Finding(
        .note, "kernel", "the driver \(driver) is there and not loaded; its first use loads it",
        fix: "modprobe \(driver)")
    }
    // A kernel that was installed without its list of modules has to be asked.
    if host.hasDriver(driver) == true {
      return Finding(.ok, "kernel", "the kernel has the driver \(driver)")
    }
    let grade: Finding.Grade = driver == "ipvlan" ? .problem : .note
    return Finding(
      grade, "kernel",
      "no driver \(driver) was found for Linux \(kernelRelease): neither loaded nor in \(modules)",
      fix: "modprobe \(driver)  # or install a kernel with CONFIG_\(driver.uppercased())")
  }

  static var kernelRelease: String {
    ((try? readText("/proc/sys/kernel/osrelease")) ?? "").filter { !$0.isWhitespace }
  }

  /// Whether a list of modules has `…/DRIVER.ko`, however it is packed.
  private static func lists(_ path: String, _ driver: String) -> Bool {
    (try? readText(path))?.split(separator: "\n").contains {
      $0.prefix { $0 != ":" }.contains("/\(driver).ko")
    } ?? false
  }

  private func privilege() -> Finding {
    do { try Privilege.check() } catch {
      return Finding(.problem, "privilege", error.description, fix: "sudo swrun doctor")
    }
    return Finding(.ok, "privilege", "swrun has the capabilities that it needs")
  }

  private func ipv6(_ networks: [NetworkDefinition]) -> [Finding] {
    let path = "/proc/sys/net/ipv6/conf/all/disable_ipv6"
    let users = networks.filter { $0.pools.contains { !$0.subnet.address.isIPv4 } }.map(\.name)
    let grade: Finding.Grade = users.isEmpty ? .note : .problem
    let reason = users.isEmpty ? "" : ", and \(users.joined(separator: ", ")) needs it"
    guard let text = try? readText(path) else {
      return [Finding(grade, "ipv6", "this kernel has no IPv6\(reason)")]
    }
    guard text.hasPrefix("1") else { return [] }
    return [
      Finding(
        grade, "ipv6", "IPv6 is switched off\(reason)",
        fix: "sysctl -w net.ipv6.conf.all.disable_ipv6=0")
    ]
  }

  // The defined networks.

  private func networks(_ networks: [NetworkDefinition], _ links: [Link]) -> [Finding] {
    networks.compactMap { network in
      guard let missing = network.missingParent(among: links.map(\.name)) else { return nil }
      return Finding(
        .problem, network.name, "the network's parent \(missing) is not there",
        fix: "ip link  # plug it in or make it; or swrun network rm \(network.name)")
    }
  }

  private func asideFiles() -> [Finding] {
    let directory = "\(store.stateDirectory)/networks"
    return directoryEntries(directory).filter { $0.contains(".json.corrupt") }.map {
      Finding(
        .note, "network", "\(directory)/\($0) was kept aside since it could not be used",
        fix: "rm \(directory)/\($0)  # once it was looked at")
    }
  }

  // What instances need of the host.

  private func missing(_ host: inout NetlinkSocket) -> [Finding] {
    let resources = (try? store.hostResources())?.missing(&host) ?? []
    return resources.map {
      Finding(
        .problem, "host", "instances need this, and somebody has taken it away: \($0.key)",
        fix: $0.explanation.split(separator: "\n").joined(separator: "; "))
    }
  }

  private func records() -> [Finding] {
    ((try? store.hostResources())?.faults() ?? []).map {
      Finding(
        .problem, "host", $0, fix: "swrun gc  # keeps it aside, unless it is of a newer swrun")
    }
  }

  /// Another's rules that drop what goes to and fro between bridges and the LAN, as Docker's do.
  private func forwarding() -> [Finding] {
    let bridges = ((try? store.hostResources())?.records() ?? []).compactMap {
      if case .bridge(let name, _, _, _) = $0.resource { name } else { nil }
    }
    guard !bridges.isEmpty, let chains = NftablesProgram.droppingForwardChains() else { return [] }
    return chains.map { chain in
      Finding(
        .problem, "forwarding",
        "the chain \(chain) drops what no rule of its own lets through, also to and from \(bridges.joined(separator: ", "))",
        fix: bridges.map {
          "nft insert rule \(chain) iifname \($0) accept; nft insert rule \(chain) oifname \($0) accept"
        }.joined(separator: "; "))
    }
  }

  // What swrun has left.

  private func garbage() -> [Finding] {
    let found = Collector(store).garbage()
    if found.isEmpty {
      return [Finding(.ok, "state", "nothing is left of instances that are no more")]
    }
    return found.map { Finding(.problem, "state", $0.text, fix: "swrun gc") }
  }
}
