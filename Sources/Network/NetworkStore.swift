import Glibc
import JSON
public import Linux
import Netlink

/// The defined networks and the addresses that instances have of them:
///
///     STATE/networks/NAME.json              a ``NetworkRequest``
///     STATE/leases/lock
///     STATE/networks/lock                   for who changes a definition's file
///     STATE/leases/NAME/BOOT/ADDRESS        a symbolic link to the instance's directory
///
/// A lease is claimed by symlink(2), which fails where there is one: an address is never given twice.
/// Those of an earlier boot lie in a directory of that boot and count for nothing.
public struct NetworkStore: Sendable {
  let directory: String
  /// Gets a line for each file that cannot be used, while the work goes on without it.
  let report: @Sendable (String) -> Void

  public init(stateDirectory: String, report: @escaping @Sendable (String) -> Void = { _ in }) {
    directory = stateDirectory
    self.report = report
  }

  private func path(_ name: String) -> String { "\(directory)/networks/\(name).json" }

  /// Holds the lock under which definitions and leases come and go.
  public func hold() throws -> FileLock {
    for name in ["networks", "leases"] { try makeDirectories("\(directory)/\(name)") }
    return try FileLock.hold("\(directory)/leases/lock")
  }

  /// All networks in the order of their names, and a line for each file that is not one.
  ///
  /// - Parameter asideKept: whether such a file is taken out of the way.
  public func all(
    asideKept: Bool = true
  ) -> (networks: [NetworkDefinition], faults: [String]) {
    var networks: [NetworkDefinition] = []
    var faults: [String] = []
    let files: [String]
    do { files = try directoryNames("\(directory)/networks") } catch {
      return ([], ["\(directory)/networks cannot be read: \(error.errno)"])
    }
    for file in files {
      guard let name = Self.name(of: file) else { continue }
      do { networks.append(try read(name, asideKept: asideKept)) } catch {
        faults.append("\(error)")
      }
    }
    return (networks, faults)
  }

  func exists(_ name: String) -> Bool { FileIdentity(path: path(name)) != nil }

  /// The network that a file of the directory defines; `nil` for another file.
  static func name(of file: String) -> String? {
    // By its bytes: to look for characters takes ten times as long.
    file.utf8.reversed().starts(with: ".json".utf8.reversed())
      ? String(decoding: file.utf8.dropLast(5), as: UTF8.self) : nil
  }

  /// One network.
  ///
  /// - Throws: that there is none, with those that there are; or what is wrong with its file.
  public func network(_ name: String) throws -> NetworkDefinition {
    guard NetworkDefinition.isName(name), FileIdentity(path: path(name)) != nil else {
      let (networks, faults) = all()
      for fault in faults { report(fault) }
      let names = networks.map(\.name)
      let there =
        names.isEmpty ? "none is defined (swrun network create)" : "there is \(list(names))"
      throw NetworkError(
        "no network is called \(quoted(name))\(suggestion(for: name, in: names + NetworkSpec.kinds)): \(there)"
      )
    }
    return try read(name)
  }

  /// Reads a definition as strictly as a command. One that is broken is kept aside, so that it is told
  /// of once and its name is free.
  func read(_ name: String, asideKept: Bool = true) throws -> NetworkDefinition {
    let path = path(name)
    let bytes = try readFile(path, limit: 1 << 20)
    // The version first: what a later swrun has written may look like anything else.
    struct Layout: Decodable { let version: Int }
    let reason: String
    do {
      let layout = try JSON.value(Layout.self, from: bytes)
      guard layout.version == 1 else {
        throw NetworkError(
          "\(path) has the layout \(layout.version) of another version of swrun; this one reads 1")
      }
      let request = try JSON.value(NetworkRequest.self, from: bytes)
      guard request.name == name else {
        throw NetworkError("it defines \(quoted(request.name))")
      }
      return try NetworkDefinition(request)
    } catch let error as NetworkError {
      if error.description.hasPrefix(path) { throw error }
      reason = error.description
    } catch { reason = "it is not a definition in JSON" }
    switch asideKept ? keepAside(path, bytes) : .left {
    case .kept(let aside):
      throw NetworkError("\(path) cannot be used: \(reason); it is kept as \(aside)")
    case .left: throw NetworkError("\(path) cannot be used: \(reason)")
    case .changed: return try read(name)
    }
  }

  private enum Aside {
    case kept(as: String)
    /// Who may only read leaves it where it is.
    case left
    /// Another has written or removed it meanwhile.
    case changed
  }

  /// Takes a definition that cannot be used out of the way. Under a lock, so that nobody takes away what
  /// has just been defined anew in its place.
  private func keepAside(_ path: String, _ bytes: [UInt8]) -> Aside {
    guard let lock = try? FileLock.hold("\(directory)/networks/lock") else { return .left }
    defer { extendLifetime(lock) }
    let now: [UInt8]
    do { now = try readFile(path, limit: 1 << 20) } catch { return .left }
    guard now == bytes else { return .changed }
    return Self.keepAside(path).map { .kept(as: $0) } ?? .left
  }

  /// Renames a file to a name that says that it cannot be used; one that was kept before stays as well.
  ///
  /// - Returns: the name; `nil` where it could not be renamed.
  public static func keepAside(_ path: String) -> String? {
    for count in 1...999 {
      let aside = "\(path).corrupt" + (count == 1 ? "" : ".\(count)")
      var status = stat()
      if lstat(aside, &status) != 0 { return rename(path, aside) == 0 ? aside : nil }
    }
    return nil
  }

  /// Defines a network; to be called under ``hold()``.
  public func create(_ request: NetworkRequest) throws {
    let network = try NetworkDefinition(request)
    let (others, faults) = all()
    for fault in faults { report(fault) }
    for other in others {
      guard other.name != network.name else {
        throw NetworkError(
          "a network is called \(network.name) already; choose another name, or remove it: swrun network rm \(network.name)"
        )
      }
      try network.check(beside: other)
    }
    let path = path(network.name)
    guard FileIdentity(path: path) == nil else {
      throw NetworkError(
        "\(path) is there already, and cannot be read as a network. Choose another name, or move it away"
      )
    }
    let bytes = try JSON.text(request, indented: true) + [0x0a]
    let lock = try FileLock.hold("\(directory)/networks/lock")
    try writeAtomically(bytes, to: path)
    _ = consume lock
  }

  /// Removes a definition and its leases; to be called under ``hold()``.
  public func remove(_ name: String) throws {
    try removeTree(path(name))
    try removeTree("\(directory)/leases/\(name)")
  }

  /// The spec of an interface with what its network says put in; one that is on none is unchanged.
  public func resolve(_ spec: NetworkSpec) throws -> NetworkSpec {
    guard case .named(let name) = spec.kind else { return spec }
    let network = try network(name)
    var spec = spec
    try network.apply(to: &spec)
    spec.pools = try pools(of: network)
    // Only where it makes a difference are the leases asked whether their instances are still there.
    let isTight =
      spec.pools.contains { $0.freeCount() == 0 }
      || spec.addresses.contains { wanted in
        spec.pools.contains { $0.leased.contains(wanted.address) }
      }
    if isTight { spec.pools = try pools(of: network, living: true) }
    return spec
  }
}
