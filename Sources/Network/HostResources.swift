import Glibc
import JSON
import Linux
public import Netlink

/// What instances need of the host, counted: it is made for the first that needs it and undone after
/// the last, however that ended.
///
///     ROOT/host/NAMESPACE/KEY               one record, with all that undoing needs
///
/// A record is written before its resource is made, so that a crash in between leaves nothing that
/// nobody knows of. What was there already without a record is somebody else's, and stays. All calls
/// are made under ``NetworkStore/hold()``.
public struct HostResources: Sendable {
  private let directory: String

  /// - Parameters:
  ///   - root: the directory of the running instances' state.
  ///   - namespace: the host's network namespace, which this process is in.
  public init(root: String, namespace: FileIdentity) {
    directory = "\(root)/host/\(namespace.device)-\(namespace.inode)"
  }

  /// One resource and who needs it.
  public struct Record: Sendable, Codable {
    public let resource: HostResource
    /// See ``HostResource/former()``.
    public let former: String?
    public let bootId: String
    /// On the monotonic clock, in nanoseconds: what was made last is undone first.
    public let made: Int64
    /// `ID/INTERFACE`
    public internal(set) var users: Set<String>
  }

  private func path(_ resource: HostResource) -> String {
    "\(directory)/\(resource.key.replacing("/", with: "%2F"))"
  }

  /// Sees to it that a resource is there, for as long as `user` needs it.
  ///
  /// - Parameter user: the instance's id, a slash, and the interface's name inside.
  public func acquire(
    _ resource: HostResource, for user: String, _ host: inout NetlinkSocket
  ) throws {
    let path = path(resource)
    if var record = try record(path) {
      guard record.resource == resource else {
        throw NetworkError(
          "another instance needs this otherwise: \(record.resource.title), and not \(resource.title)"
        )
      }
      record.users.insert(user)
      try write(record, path)
      // It may have gone with something else, such as a parent that was recreated.
      if try !resource.isPresent(&host) { try resource.make(&host) }
      return
    }
    if try resource.isPresent(&host) {
      guard !resource.isExclusive else {
        throw NetworkError(
          "the host has an interface already that the network's own would be called by: \(resource.title). Give the network another name for it (--opt bridge=NAME), or use what is there: --net bridge:NAME"
        )
      }
      return
    }
    try makeDirectories(directory)
    let record = Record(
      resource: resource, former: try resource.former(&host), bootId: try bootIdentity(),
      made: Clock.monotonic(), users: [user])
    try write(record, path)
    do { try resource.make(&host) } catch {
      unlink(path)
      throw error
    }
    try FaultPoint.reach(resource.title)
  }

  /// A resource is to be otherwise from now on, for all who need it.
  public func renew(
    _ resource: HostResource, for user: String, _ host: inout NetlinkSocket
  ) throws {
    let path = path(resource)
    guard let record = try record(path), record.resource != resource, record.users.contains(user)
    else { return }
    let renewed = Record(
      resource: resource, former: record.former, bootId: record.bootId, made: record.made,
      users: record.users)
    try write(renewed, path)
    try resource.make(&host)
  }

  /// `user` needs nothing any more.
  ///
  /// - Parameter user: an instance's id and an interface's name, or the id for all of its interfaces.
  public func release(_ user: String, _ host: inout NetlinkSocket) {
    drop(&host) { $0 == user || $0.hasPrefix("\(user)/") }
  }

  /// Undoes what only instances needed that are no more.
  ///
  /// - Returns: what it was.
  @discardableResult
  public func sweep(
    _ host: inout NetlinkSocket, isAlive: (_ id: String) -> Bool
  ) -> [HostResource] {
    drop(&host) { !isAlive(String($0.prefix { $0 != "/" })) }
  }

  /// What instances need and somebody has taken away or set otherwise since. What cannot be told is not
  /// among it.
  public func missing(_ host: inout NetlinkSocket) -> [HostResource] {
    records().map(\.resource).filter { resource in
      switch resource {
      case .neighbour, .nftables: false
      default: (try? resource.isPresent(&host)) == false
      }
    }
  }

  /// Whether an instance needs anything.
  public func hasAny(_ id: String) -> Bool {
    records().contains { $0.users.contains { $0.hasPrefix("\(id)/") } }
  }

  /// All resources, in the order in which they were made.
  public func records() -> [Record] {
    directoryEntries(directory).compactMap { try? record("\(directory)/\($0)") }
      .sorted { $0.made < $1.made }
  }

  @discardableResult
  private func drop(
    _ host: inout NetlinkSocket, _ isGone: (_ user: String) -> Bool
  ) -> [HostResource] {
    var undone: [HostResource] = []
    for var record in records().reversed() where record.users.contains(where: isGone) {
      record.users = record.users.filter { !isGone($0) }
      let path = path(record.resource)
      if record.users.isEmpty {
        // One that cannot be undone keeps its record for the next that looks.
        guard (try? record.resource.undo(&host, former: record.former)) != nil else { continue }
        FaultPoint.mark("the end of \(record.resource.title)")
        unlink(path)
        undone.append(record.resource)
      } else {
        try? write(record, path)
      }
    }
    return undone
  }

  /// `nil` where there is none, or one of an earlier boot, with which its resource has gone.
  private func record(_ path: String) throws -> Record? {
    let bytes: [UInt8]
    do { bytes = try readFile(path, limit: 1 << 20) } catch {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw error
    }
    guard let record = try? JSON.value(Record.self, from: bytes),
      record.bootId == (try bootIdentity()), self.path(record.resource) == path
    else {
      unlink(path)
      return nil
    }
    return record
  }

  private func write(_ record: Record, _ path: String) throws {
    try writeAtomically(try JSON.text(record), to: path)
  }
}
