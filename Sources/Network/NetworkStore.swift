import FoundationEssentials
import Glibc
public import Linux
import Netlink

/// The defined networks and the addresses that instances have of them:
///
///     STATE/networks/NAME.json              a ``NetworkRequest``
///     STATE/leases/lock
///     STATE/leases/NAME/BOOT/ADDRESS        a symbolic link to the instance's directory
///
/// A lease is claimed by symlink(2), which fails where there is one: an address is never given twice.
/// Those of an earlier boot lie in a directory of that boot and count for nothing.
public struct NetworkStore: Sendable {
  private let directory: String

  public init(stateDirectory: String) { directory = stateDirectory }

  private func path(_ name: String) -> String { "\(directory)/networks/\(name).json" }

  private func leaseDirectory(_ name: String) throws -> String {
    "\(directory)/leases/\(name)/\(try bootIdentity())"
  }

  /// Holds the lock under which definitions and leases come and go.
  public func hold() throws -> FileLock {
    for name in ["networks", "leases"] { try makeDirectories("\(directory)/\(name)") }
    return try FileLock.hold("\(directory)/leases/lock")
  }

  /// All networks in the order of their names, and a line for each file that is not one.
  public func all() -> (networks: [NetworkDefinition], faults: [String]) {
    var networks: [NetworkDefinition] = []
    var faults: [String] = []
    for file in directoryEntries("\(directory)/networks") where file.hasSuffix(".json") {
      do { networks.append(try read(String(file.dropLast(5)))) } catch { faults.append("\(error)") }
    }
    return (networks, faults)
  }

  func exists(_ name: String) -> Bool { FileIdentity(path: path(name)) != nil }

  /// One network.
  ///
  /// - Throws: that there is none, with those that there are; or what is wrong with its file.
  public func network(_ name: String) throws -> NetworkDefinition {
    guard NetworkDefinition.isName(name), FileIdentity(path: path(name)) != nil else {
      let names = all().networks.map(\.name)
      let there =
        names.isEmpty
        ? "none is defined (swrun network create)" : "there is \(names.joined(separator: ", "))"
      throw NetworkError(
        "no network is called \(quoted(name))\(suggestion(for: name, in: names + NetworkSpec.kinds)): \(there)"
      )
    }
    return try read(name)
  }

  /// Reads a definition as strictly as a command. One that is broken is kept aside, so that it is told
  /// of once and its name is free.
  private func read(_ name: String) throws -> NetworkDefinition {
    let path = path(name)
    let bytes = try readFile(path)
    // The version first: what a later swrun has written may look like anything else.
    struct Layout: Decodable { let version: Int }
    let reason: String
    do {
      let layout = try JSONDecoder().decode(Layout.self, from: Data(bytes))
      guard layout.version == 1 else {
        throw NetworkError(
          "\(path) has the layout \(layout.version) of another version of swrun; this one reads 1")
      }
      let request = try JSONDecoder().decode(NetworkRequest.self, from: Data(bytes))
      guard request.name == name else {
        throw NetworkError("it defines \(quoted(request.name))")
      }
      return try NetworkDefinition(request)
    } catch let error as NetworkError {
      if error.description.hasPrefix(path) { throw error }
      reason = error.description
    } catch { reason = "it is not a definition in JSON" }
    let aside = "\(path).corrupt"
    let kept = rename(path, aside) == 0 ? "; it is kept as \(aside)" : ""
    throw NetworkError("\(path) cannot be used: \(reason)\(kept)")
  }

  /// Defines a network; to be called under ``hold()``.
  public func create(_ request: NetworkRequest) throws {
    let network = try NetworkDefinition(request)
    for other in all().networks {
      guard other.name != network.name else {
        throw NetworkError(
          "a network is called \(network.name) already; choose another name, or remove it: swrun network rm \(network.name)"
        )
      }
      try network.check(beside: other)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try writeAtomically(Array(try encoder.encode(request)) + [0x0a], to: path(network.name))
  }

  /// Removes a definition and its leases; to be called under ``hold()``.
  public func remove(_ name: String) throws {
    try removeTree(path(name))
    try removeTree("\(directory)/leases/\(name)")
  }

  /// A network with the addresses that its instances have.
  public func withLeases(_ name: String) throws -> [AddressPool] {
    let leases = Set(directoryEntries(try leaseDirectory(name)).compactMap { IPAddress($0) })
    return try network(name).pools.map { pool in
      var pool = pool
      pool.leased = leases.filter(pool.subnet.contains)
      return pool
    }
  }

  /// The spec of an interface with what its network says put in; one that is on none is unchanged.
  public func resolve(_ spec: NetworkSpec) throws -> NetworkSpec {
    guard case .named(let name) = spec.kind else { return spec }
    let network = try network(name)
    var spec = spec
    try network.apply(to: &spec)
    spec.pools = try withLeases(name)
    return spec
  }

  /// Claims an address for an instance; to be called under ``hold()``.
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
    guard errno == EEXIST else { throw SystemError("symlink", lease) }
    throw NetworkError("\(address) of the network \(name) was given to another instance meanwhile")
  }

  /// Gives an address back, if it is the instance's.
  public func release(_ address: String, of name: String, from instance: String) throws {
    guard NetworkDefinition.isName(name) else { return }
    let lease = "\(try leaseDirectory(name))/\(address)"
    if (try? readLink(lease)) == instance { unlink(lease) }
  }

  /// Gives back what instances had that are no more.
  public func sweep(_ name: String) throws {
    let leases = try leaseDirectory(name)
    for address in directoryEntries(leases) where FileIdentity(path: "\(leases)/\(address)") == nil
    {
      unlink("\(leases)/\(address)")
    }
  }
}
