import Glibc
import Linux

extension World {
  /// What this machine had already when the world was made.
  struct Kept {
    let namespaces = World.namespaces()
    let cgroups = World.cgroups()
  }

  /// What is left of instances: processes, namespaces, interfaces, mounts, cgroups, leases, rules, files.
  /// Empty when all is clean; what the kernel does in the background is waited for.
  ///
  /// - Parameter network: what ``hostNetwork()`` was before, where that has to be as it was.
  public func leftovers(since network: [String]? = nil) throws -> [String] {
    var found: [String] = []
    _ = try eventually(seconds: 30) {
      found = try self.look()
      if let network {
        found += Set(try hostNetwork()).symmetricDifference(network).map {
          "the host's network: \($0)"
        }
      }
      return found.isEmpty
    }
    // What CI shows of a failed expectation is its condition alone.
    for line in found { print("left: \(line)") }
    return found
  }

  /// The host's routes, proxied neighbours, interfaces and settings, a line each.
  public func hostNetwork() throws -> [String] {
    let script = """
      ip -o link | sed 's/^[0-9]*: //'; ip route show table all; ip -6 route show table all; ip neigh show proxy
      cd /proc/sys/net; grep -H . ipv*/conf/*/forwarding ipv4/conf/*/proxy_arp ipv6/conf/*/proxy_ndp
      """
    // Addresses that are still looked at for duplicates have no routes yet.
    _ = try eventually { try host("ip", "-6", "addr", "show", "tentative").output.isEmpty }
    // What the kernel itself changes in the course of time.
    return try host("sh", "-c", script).lines.map {
      $0.replacing(#/ expires \S+/#, with: "").replacing(#/ state \S+/#, with: "")
    }
  }

  private func look() throws -> [String] {
    var found: [String] = []
    let links = try command(["ip", "-n", hostName, "-o", "link"]).lines
    found += links.filter {
      !$0.contains(": lo:") && !$0.contains(": eth0@") && !$0.contains(": eth1@")
    }
    for (kind, now) in Self.namespaces(of: directory) {
      let new = now.subtracting(before.namespaces[kind] ?? [])
      if !new.isEmpty { found.append("\(new.count) \(kind) namespaces") }
    }
    // Those with an id that was heard of here.
    let heard = (try? readText("\(directory)/run/events.json")) ?? ""
    found += Self.cgroups().subtracting(before.cgroups)
      .filter { heard.contains($0.suffix(64)) }.map { "the cgroup \($0)" }
    found += monitors()
    found += try host("nft", "list", "tables").lines.filter { $0.contains("swrun") }
    let mounts = try readText("/proc/self/mountinfo")
    found += mounts.split(separator: "\n").map(String.init).filter { $0.contains(directory) }
    for name in ["run/instances", "run/names", "run/rootfs", "lib/logs", "lib/autostart"] {
      found += directoryEntries("\(directory)/\(name)").map { "\(name)/\($0)" }
    }
    for name in directoryEntries("\(directory)/run/host") {
      found += directoryEntries("\(directory)/run/host/\(name)").map { "host resource \($0)" }
    }
    for name in directoryEntries("\(directory)/lib/leases") {
      for boot in directoryEntries("\(directory)/lib/leases/\(name)") {
        found += directoryEntries("\(directory)/lib/leases/\(name)/\(boot)").map {
          "lease \(name)/\($0)"
        }
      }
    }
    return found + drafts("\(directory)/run") + drafts("\(directory)/lib")
  }

  /// Files that were never finished.
  private func drafts(_ directory: String) -> [String] {
    directoryEntries(directory).flatMap { name in
      let path = "\(directory)/\(name)"
      return (name.hasSuffix("~") ? [path] : []) + drafts(path)
    }
  }

  /// Processes of swrun's that are there: monitors, which are in the host's network namespace.
  public func monitors() -> [String] { monitorPids().map { "the process \($0)" } }

  public func monitorPids() -> [Int32] {
    guard let host = FileIdentity(path: "/run/netns/\(hostName)") else { return [] }
    return directoryEntries("/proc").compactMap { Int32($0) }.filter { pid in
      guard let namespace = FileIdentity(path: "/proc/\(pid)/ns/net") else {
        // One that has been killed gives up its memory and its namespaces before its files, and
        // with them its lock (do_exit, kernel/exit.c): it is there until it is a zombie.
        let status = (try? readText("/proc/\(pid)/stat")) ?? ""
        return status.contains("(swrun") && !status.contains(") Z ") && !status.contains(") X ")
      }
      return namespace == host
        && (try? readText("/proc/\(pid)/cmdline"))?.contains("swrun") == true
    }
  }

  /// The instances whose locks are held: by their monitors, or by what these have forked and the kernel is
  /// still ending.
  public func heldLocks() -> [String] {
    let instances = "\(directory)/run/instances"
    return directoryEntries(instances).filter { FileLock.isHeld("\(instances)/\($0)/lock") }
  }

  /// The cgroups that instances have, or have had.
  private static func cgroups() -> Set<String> {
    func below(_ path: String, _ depth: Int) -> [String] {
      directoryEntries(path).flatMap { name -> [String] in
        var status = stat()
        let path = "\(path)/\(name)"
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return [] }
        let isOurs = name.hasPrefix("swrun") || name.utf8.count == 64
        return (isOurs ? [path] : []) + (depth > 0 ? below(path, depth - 1) : [])
      }
    }
    guard let hierarchy = CgroupHierarchy.current else { return [] }
    return Set(below(hierarchy.mountPoint, 2))
  }

  /// All namespaces that processes are in, but those that somebody else's swrun has made meanwhile.
  ///
  /// - Parameter world: the directory of a world; what is started for another has that in its environment.
  private static func namespaces(of world: String? = nil) -> [String: Set<FileIdentity>] {
    var found: [String: Set<FileIdentity>] = [:]
    var others: [String: Set<FileIdentity>] = [:]
    for pid in directoryEntries("/proc") where Int32(pid) != nil {
      let environment = (try? readText("/proc/\(pid)/environ")) ?? ""
      let isOther =
        world != nil && environment.contains("SWRUN_ROOT=")
        && !environment.contains("SWRUN_ROOT=\(world ?? "")/")
      // Nothing but a pid is left of it, until its parent looks; that of orphans is the machine's init.
      if (try? readText("/proc/\(pid)/stat"))?.contains(") Z ") == true { continue }
      for kind in ["net", "mnt", "pid", "ipc", "uts", "cgroup"] {
        if let identity = FileIdentity(path: "/proc/\(pid)/ns/\(kind)") {
          found[kind, default: []].insert(identity)
          if isOther { others[kind, default: []].insert(identity) }
        }
      }
    }
    for (kind, some) in others { found[kind]?.subtract(some) }
    return found
  }
}
