import Glibc
import Linux
import OCI
import Sandbox

/// Decides which ids an instance's user namespace has.
struct UserNamespacePlan {
  private let store: InstanceStore
  /// The instance's.
  private let id: String
  private let request: UserNamespaceRequest?
  /// What swrun itself has: all, or where it was started without root those of the caller.
  private let own: UserNamespaceView

  init(
    _ request: UserNamespaceRequest?, of id: String, in store: InstanceStore,
    own: UserNamespaceView
  ) {
    self.request = request
    self.id = id
    self.store = store
    self.own = own
  }

  /// Whether it depends on what other instances have, and so has to be decided once more when nobody
  /// else can.
  var isShared: Bool {
    switch request {
    case .auto, .keepID: own.isInitial || request != .keepID
    default: false
    }
  }

  /// Whether the ids are the instance's alone, or those that swrun was started with, which instances
  /// share.
  var claimsIDs: Bool {
    switch request {
    case .auto, .maps: true
    default: own.isInitial
    }
  }

  /// Who runs inside where nothing else is said: with `keep-id` the caller.
  func user() throws -> String? {
    guard request == .keepID else { return nil }
    let caller = try self.caller()
    return "\(caller.uid):\(caller.gid)"
  }

  func namespace() throws -> Spec.UserNamespace {
    switch request {
    case nil, .host: return own.isInitial ? .shared : same()
    case .auto(let size):
      let pool = try pool()
      return .new(
        uids: IDMap([.init(inside: 0, outside: try pool.uids.take(size), size: size)]),
        gids: IDMap([.init(inside: 0, outside: try pool.gids.take(size), size: size)]))
    case .keepID: return try keepCaller()
    case .noMap:
      guard !own.isInitial else {
        throw SupervisorError(
          "--userns nomap leaves out the caller, which is root here. Use it without root, or --userns auto"
        )
      }
      return .new(
        uids: try others(own.uids, from: 0, "/etc/subuid"),
        gids: try others(own.gids, from: 0, "/etc/subgid"))
    case .maps(let uids, let gids): return .new(uids: uids, gids: gids)
    case .accounts(let uids, let gids):
      return .new(
        uids: try map(of: uids, "/etc/subuid", "--subuidname"),
        gids: try map(of: gids, "/etc/subgid", "--subgidname"))
    case .joined(let path): return .joined(path: path)
    case .instance(let text):
      let other = try store.resolve(text)
      guard store.isAlive(other.id), let process = other.process else {
        throw SupervisorError(
          "--userns container:\(text): \(other.name) is not running; swrun ps lists those that are")
      }
      return .joined(path: "/proc/\(process.pid)/ns/user")
    }
  }

  /// The user namespace of a bundle: its ids are the host's, which those of the caller have to be
  /// translated to where swrun was started without root.
  func namespace(ofBundle spec: Spec) throws -> Spec.UserNamespace {
    if own.isInitial { return spec.userNamespace }
    switch spec.userNamespace {
    case .shared: return same()
    case .joined: return spec.userNamespace
    case .new(let uids, let gids):
      return .new(
        uids: try translated(uids, own.uids, "linux.uidMappings"),
        gids: try translated(gids, own.gids, "linux.gidMappings"))
    }
  }

  private func translated(_ map: IDMap, _ own: IDMap, _ path: String) throws -> IDMap {
    IDMap(
      try map.ranges.enumerated().map { index, range in
        guard let first = own.inside(range.outside),
          let last = own.inside(range.outside + range.size - 1), last - first == range.size - 1
        else {
          let mine = own.ranges.map { "\($0.outside)-\($0.outside + ($0.size - 1))" }
          throw SupervisorError(
            "\(path)[\(index)].hostID: the ids \(range.outside)-\(range.outside + range.size - 1) are not yours; yours are \(mine.joined(separator: ", "))"
          )
        }
        return .init(inside: range.inside, outside: first, size: range.size)
      })
  }

  /// All that swrun has, under the same numbers.
  private func same() -> Spec.UserNamespace {
    func copy(_ map: IDMap) -> IDMap {
      IDMap(map.ranges.map { .init(inside: $0.inside, outside: $0.inside, size: $0.size) })
    }
    return .new(uids: copy(own.uids), gids: copy(own.gids))
  }

  private func caller() throws -> (uid: UInt32, gid: UInt32) {
    if !own.isInitial, let uid = own.uids.outside(0), let gid = own.gids.outside(0) {
      return (uid, gid)
    }
    func number(_ name: String) -> UInt32? {
      getenv(name).flatMap { UInt32(String(cString: $0)) }.flatMap {
        $0 == 0 || $0 == .max ? nil : $0
      }
    }
    guard let uid = number("SUDO_UID"), let gid = number("SUDO_GID") else {
      throw SupervisorError(
        "--userns keep-id keeps the ids of the caller, which is root here. Use it with sudo or without root, or say which with --uidmap"
      )
    }
    return (uid, gid)
  }

  private func keepCaller() throws -> Spec.UserNamespace {
    let caller = try caller()
    guard own.isInitial else {
      return .new(
        uids: Self.around(caller.uid, is: 0, others: others(own.uids)),
        gids: Self.around(caller.gid, is: 0, others: others(own.gids)))
    }
    let pool = try pool()
    let size = UserNamespaceRequest.standardSize
    return .new(
      uids: Self.around(caller.uid, is: caller.uid, others: (try pool.uids.take(size), size)),
      gids: Self.around(caller.gid, is: caller.gid, others: (try pool.gids.take(size), size)))
  }

  /// The ids that swrun has besides its first, those of the caller.
  private func others(_ map: IDMap) -> (first: UInt32, size: UInt32) {
    guard let range = map.ranges.first(where: { $0.inside > 0 || $0.size > 1 }) else {
      return (0, 0)
    }
    return range.inside == 0 ? (1, range.size - 1) : (range.inside, range.size)
  }

  private func others(_ map: IDMap, from inside: UInt32, _ file: String) throws -> IDMap {
    let (first, size) = others(map)
    guard size > 0 else { throw SupervisorError(Self.noneBesides(file)) }
    return IDMap([.init(inside: inside, outside: first, size: size)])
  }

  private static func noneBesides(_ file: String) -> String {
    "you have no ids besides your own: have root add some to \(file) (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER), and install newuidmap(1)"
  }

  /// One id that is another's, and around it as many as there are.
  static func around(
    _ id: UInt32, is outside: UInt32, others: (first: UInt32, size: UInt32)
  ) -> IDMap {
    let below = min(id, others.size)
    let above = others.size - below
    return IDMap(
      [
        .init(inside: 0, outside: others.first, size: below),
        .init(inside: id, outside: outside, size: 1),
        .init(inside: id + 1, outside: others.first + below, size: above),
      ].filter { $0.size > 0 })
  }

  private func map(of account: String, _ file: String, _ option: String) throws -> IDMap {
    guard own.isInitial else {
      throw SupervisorError("\(option) needs root. Without, your own ids are those of \(file)")
    }
    let ranges = try SubordinateIDs(path: file).ranges(of: [account])
    guard !ranges.isEmpty else {
      throw SupervisorError("\(option) \(account): \(file) has no ids for \(account)")
    }
    var inside: UInt32 = 0
    return IDMap(
      ranges.map { range in
        let size = range.upperBound - range.lowerBound + 1
        defer { inside += size }
        return .init(inside: inside, outside: range.lowerBound, size: size)
      })
  }

  /// Ids of one kind that instances can have.
  struct Pool {
    let file: String
    let ranges: [ClosedRange<UInt32>]
    let taken: [ClosedRange<UInt32>]
    /// Whose ids they are; `nil`: the caller's own.
    let accounts: [String]?

    func take(_ size: UInt32) throws -> UInt32 {
      guard !ranges.isEmpty else {
        guard let accounts else { throw SupervisorError(UserNamespacePlan.noneBesides(file)) }
        throw SupervisorError(
          "\(file) has no ids for \(accounts.joined(separator: " or ")), of which instances get theirs. Add some: echo \(accounts[0]):2000000000:500000000 >> \(file) (to /etc/subuid and /etc/subgid)"
        )
      }
      if let first = FreeIDs.first(size, in: ranges, taken: taken) { return first }
      let all = ranges.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ", ")
      throw SupervisorError(
        "no \(size) ids that follow each other are free in \(all)\(accounts == nil ? "" : " of \(file)"); \(taken.count) \(taken.count == 1 ? "range is" : "ranges are") in use. Ask for fewer (auto:size=N), or add more to \(file)"
      )
    }
  }

  /// As podman has it, the account `containers` owns the ids of instances; else root.
  private static let accounts = ["containers", "root"]

  private func pool() throws -> (uids: Pool, gids: Pool) {
    let maps = store.living().filter { $0.id != id }.compactMap(\.userMaps)
    func taken(_ kind: KeyPath<InstanceState.UserMaps, IDMap>) -> [ClosedRange<UInt32>] {
      maps.flatMap { $0[keyPath: kind].ranges }.map { $0.outside...($0.outside + ($0.size - 1)) }
    }
    guard own.isInitial else {
      func mine(_ map: IDMap) -> [ClosedRange<UInt32>] {
        let (first, size) = others(map)
        return size == 0 ? [] : [first...(first + (size - 1))]
      }
      return (
        Pool(file: "/etc/subuid", ranges: mine(own.uids), taken: taken(\.uids), accounts: nil),
        Pool(file: "/etc/subgid", ranges: mine(own.gids), taken: taken(\.gids), accounts: nil)
      )
    }
    func those(_ file: String, _ taken: [ClosedRange<UInt32>]) throws -> Pool {
      Pool(
        file: file, ranges: try SubordinateIDs(path: file).ranges(of: Self.accounts),
        taken: taken, accounts: Self.accounts)
    }
    return (
      try those("/etc/subuid", taken(\.uids)), try those("/etc/subgid", taken(\.gids))
    )
  }
}
