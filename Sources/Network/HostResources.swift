import Glibc
public import JSON
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
  private let report: @Sendable (String) -> Void

  /// - Parameters:
  ///   - root: the directory of the running instances' state.
  ///   - namespace: the host's network namespace, which this process is in.
  ///   - report: gets a line for each record that cannot be used, while the work goes on without it.
  public init(
    root: String, namespace: FileIdentity, report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    directory = "\(root)/host/\(namespace.device)-\(namespace.inode)"
    self.report = report
  }

  /// One resource and who needs it.
  public struct Record: Sendable, Decodable {
    public let resource: HostResource
    /// See ``HostResource/former()``.
    public let former: String?
    public let bootId: String
    /// On the monotonic clock, in nanoseconds: what was made last is undone first.
    public let made: Int64
    /// `ID/INTERFACE`
    public internal(set) var users: Set<String>
    /// Of this very record; `nil`, from before there were any: 1.
    public private(set) var version: Int? = Self.currentVersion
    /// What is recorded with another meaning, or needed by who reads it, makes it one more.
    static let currentVersion = 1
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
    if var record = try usable(path) {
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
    guard let record = try usable(path), record.resource != resource, record.users.contains(user)
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
    directoryEntries(directory).compactMap {
      if case .record(let record) = recorded("\(directory)/\($0)") { record } else { nil }
    }
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

  /// What is written down of a resource.
  private enum Recorded {
    case record(Record)
    /// Nothing that counts: what an earlier boot has left, its resource has gone with it.
    case nothing
    /// By a swrun that knows more.
    case newer(version: Int)
    case unreadable(reason: String)
  }

  private func recorded(_ path: String) -> Recorded {
    let bytes: [UInt8]
    do { bytes = try readFile(path, limit: 1 << 20) } catch {
      return error.errno == .noSuchFileOrDirectory
        ? .nothing : .unreadable(reason: "\(error.errno)")
    }
    // The version first: what a later swrun has written may look like anything else.
    struct Versioned: Decodable { let version: Int? }
    if let version = (try? JSON.value(Versioned.self, from: bytes))?.version,
      version > Record.currentVersion
    {
      return .newer(version: version)
    }
    do {
      let record = try JSON.value(Record.self, from: bytes)
      if record.bootId != (try bootIdentity()) { return .nothing }
      return self.path(record.resource) == path
        ? .record(record) : .unreadable(reason: "it is that of \(record.resource.key)")
    } catch { return .unreadable(reason: bytes.isEmpty ? "it is empty" : "\(error)") }
  }

  private func tooNew(_ path: String, _ version: Int) -> String {
    "\(path) is of version \(version), and this swrun knows \(Record.currentVersion). Use the swrun that made it"
  }

  /// `nil` where there is none.
  ///
  /// - Throws: that there is one which nobody can use: whether its resource is somebody's is unknown.
  private func usable(_ path: String) throws -> Record? {
    switch recorded(path) {
    case .record(let record): return record
    case .nothing: return nil
    case .newer(let version): throw NetworkError(tooNew(path, version))
    case .unreadable(let reason):
      throw NetworkError("\(path) cannot be read: \(reason). Keep it aside: swrun gc")
    }
  }

  /// The records that cannot be used: drafts, and what was kept aside, are none.
  private func odd() -> [(path: String, recorded: Recorded)] {
    directoryEntries(directory).compactMap { name in
      let path = "\(directory)/\(name)"
      switch recorded(path) {
      case .record: return nil
      case .unreadable where name.hasSuffix("~") || name.contains(".corrupt"): return nil
      case let other: return (path, other)
      }
    }
  }

  /// A line for each record that cannot be used, which stays where it is.
  public func faults() -> [String] {
    odd().compactMap { path, recorded in
      switch recorded {
      case .newer(let version): tooNew(path, version)
      case .unreadable(let reason): "\(path) cannot be read: \(reason)"
      case .record, .nothing: nil
      }
    }
  }

  /// Keeps aside, and reports, what lies among the records and is none; what an earlier boot has left
  /// goes. What it told of stays on the host: nobody knows who needs it.
  public func check() {
    for (path, recorded) in odd() {
      switch recorded {
      case .nothing: unlink(path)
      case .newer(let version): report(tooNew(path, version))
      case .unreadable(let reason):
        let aside = NetworkStore.keepAside(path).map { "it is kept as \($0)" }
        let key = path.split(separator: "/").last ?? ""
        report(
          "\(path) cannot be read: \(reason); \(aside ?? "it cannot be moved away"). What it told of, \"\(key)\", stays on the host: remove it when no instance needs it"
        )
      case .record: break
      }
    }
  }

  private func write(_ record: Record, _ path: String) throws {
    try writeAtomically(JSON.text(record), to: path)
  }
}

extension HostResources.Record: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("bootId", bootId)
    json.add("former", former)
    json.add("made", made)
    json.add("resource", resource)
    json.add("users", users.sorted())
    json.add("version", version)
  }
}
