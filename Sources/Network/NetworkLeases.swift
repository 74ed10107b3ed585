import Glibc
import Linux
import Netlink

/// The addresses that instances have of a network.
extension NetworkStore {
  func leaseDirectory(_ name: String) throws -> String {
    "\(directory)/leases/\(name)/\(try bootIdentity())"
  }

  /// A network's pools with the addresses that are leased.
  ///
  /// - Parameter living: only those whose instances are still there. It takes a look at each.
  public func pools(
    of network: NetworkDefinition, living: Bool = false
  ) throws -> [AddressPool] {
    let leases = try leaseDirectory(network.name)
    var found: Set<IPAddress> = []
    try walkDirectory(leases) { name, kind in
      guard kind == DT_LNK, let address = IPAddress(canonical: name) else { return }
      if living, FileIdentity(path: "\(leases)/\(address)") == nil { return }
      found.insert(address)
    }
    return network.pools.map { pool in
      var pool = pool
      pool.leased = found.filter(pool.subnet.contains)
      return pool
    }
  }

  /// Keeps aside, and reports, what lies among a network's leases and is none; to be called under
  /// ``hold()``.
  public func checkLeases(_ name: String) throws {
    guard NetworkDefinition.isName(name) else { return }
    let leases = try leaseDirectory(name)
    var odd: [String] = []
    try walkDirectory(leases) { name, kind in
      if kind == DT_LNK, IPAddress(canonical: name) != nil { return }
      odd.append(String(cString: name))
    }
    for name in odd where !name.contains(".corrupt") {
      let path = "\(leases)/\(name)"
      guard let aside = Self.keepAside(path) else {
        report("\(path) is not a lease, and cannot be moved away")
        continue
      }
      report("\(path) is not a lease; it is kept as \(aside)")
    }
  }

  /// Claims an address for an instance; to be called under ``hold()``. The lease of one that is no
  /// more is replaced.
  ///
  /// - Parameter instance: the instance's directory.
  public func claim(_ address: String, of name: String, for instance: String) throws {
    let leases = try leaseDirectory(name)
    if FileIdentity(path: leases) == nil {
      // What an earlier boot has left.
      try removeTree("\(directory)/leases/\(name)")
      try makeDirectories(leases)
    }
    let lease = "\(leases)/\(address)"
    if symlink(instance, lease) == 0 { return }
    if errno == EEXIST, FileIdentity(path: lease) == nil, unlink(lease) == 0,
      symlink(instance, lease) == 0
    {
      return
    }
    guard errno == EEXIST else { throw SystemError("symlink", lease) }
    throw NetworkError("\(address) of the network \(name) was given to another instance meanwhile")
  }

  /// Gives an address back, if it is the instance's.
  public func release(_ address: String, of name: String, from instance: String) throws {
    guard NetworkDefinition.isName(name) else { return }
    let lease = "\(try leaseDirectory(name))/\(address)"
    if (try? readLink(lease)) == instance { unlink(lease) }
  }

  /// A lease, or all that a network's leases of an earlier boot are.
  public struct StaleLease: Sendable {
    public let path: String
    public let text: String
  }

  /// Leases of earlier boots, and of instances that are no more; for all networks, also those that
  /// have been removed.
  ///
  /// - Parameter isAlive: whether the instance with a directory lives.
  public func staleLeases(isAlive: (_ instance: String) -> Bool) -> [StaleLease] {
    guard let boot = try? bootIdentity() else { return [] }
    var found: [StaleLease] = []
    for name in directoryEntries("\(directory)/leases") where name != "lock" {
      for other in directoryEntries("\(directory)/leases/\(name)") where other != boot {
        found.append(
          StaleLease(
            path: "\(directory)/leases/\(name)/\(other)",
            text: "the leases that the network \(name) had before the last reboot"))
      }
      let leases = "\(directory)/leases/\(name)/\(boot)"
      for address in directoryEntries(leases) {
        guard let instance = try? readLink("\(leases)/\(address)"), !isAlive(instance) else {
          continue
        }
        found.append(
          StaleLease(
            path: "\(leases)/\(address)",
            text: "the lease of \(address) on the network \(name), of an instance that is no more"))
      }
    }
    return found
  }
}
