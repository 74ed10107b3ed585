import Glibc
import JSON
import Linux
public import Network
public import OCI
import SystemPackage

/// The directories in which instances are recorded:
///
///     ROOT/lock  names/NAME -> ID  slaves/  rootfs/  seccomp/  host/
///     ROOT/instances/ID/{lock,run.json,config.json,state.json,control.sock}
///     STATE/logs/ID/{log.json,log.json.1,log.txt}  STATE/autostart/ID.json
///
/// A name is claimed by symlink(2), an id by mkdir(2), both under `ROOT/lock`; the monitor holds the
/// instance's own lock for as long as it lives.
public struct InstanceStore: Sendable {
  /// `/run/swrun`
  public let root: String
  /// `/var/lib/swrun`
  public let stateDirectory: String
  /// Gets a line for each file that cannot be used, while the work goes on without it.
  public var report: @Sendable (String) -> Void = { _ in }

  /// Whether what monitors that were killed have left could not be put right, so that who reads a state
  /// has to look whether it still holds.
  public private(set) var isUnswept = false

  public init(root: String, stateDirectory: String) {
    self.root = root
    self.stateDirectory = stateDirectory
  }

  /// The defined networks.
  public var networks: NetworkStore {
    NetworkStore(stateDirectory: stateDirectory, report: report)
  }

  var instancesDirectory: String { "\(root)/instances" }
  /// See ``SlaveRecord``.
  var slavesDirectory: String { "\(root)/slaves" }
  public func directory(_ id: String) -> String { "\(instancesDirectory)/\(id)" }
  public func logDirectory(_ id: String) -> String { "\(stateDirectory)/logs/\(id)" }
  /// The file that an instance's output is logged to; `nil` where there is none.
  public func logPath(_ state: InstanceState) -> String? {
    state.log?.fileName.map { "\(logDirectory(state.id))/\($0)" }
  }
  func lockPath(_ id: String) -> String { "\(directory(id))/lock" }
  private func namePath(_ name: String) -> String { "\(root)/names/\(name)" }
  /// The empty directory on which a new root is put; see ``Launch``.
  var stagingDirectory: String { "\(root)/rootfs" }
  var seccompDirectory: String { "\(root)/seccomp" }

  /// Refuses directories that somebody else has made or can write: what is recorded there would be
  /// believed.
  public func checkOwner() throws {
    for path in [root, stateDirectory] {
      var status = stat()
      guard stat(path, &status) == 0 else { continue }
      let reason: String
      if status.st_uid != geteuid() {
        reason = "belongs to uid \(status.st_uid), not to uid \(geteuid())"
      } else if status.st_mode & 0o022 != 0 {
        reason = "can be written by others (chmod go-w it)"
      } else {
        continue
      }
      throw SupervisorError(
        "\(path) \(reason): what is recorded there cannot be trusted. Choose another with \(path == root ? "--root" : "--state-dir")"
      )
    }
  }

  /// Makes the directories, readable by their owner alone.
  func prepare() throws {
    do {
      for name in ["instances", "names", "slaves", "rootfs", "seccomp"] {
        try makeDirectories("\(root)/\(name)")
      }
    } catch {
      if error.errno == .permissionDenied {
        throw SupervisorError(
          "uid \(geteuid()) cannot make the state directory \(root). Choose another with --root, or run swrun as root"
        )
      }
      throw SupervisorError(
        "the state directory \(root) cannot be made: \(error.errno). Choose another with --root")
    }
  }

  /// Holds the lock under which instances come and go.
  func hold() throws -> FileLock { try FileLock.hold("\(root)/lock") }

  /// Whether the instance's monitor lives.
  public func isAlive(_ id: String) -> Bool { FileLock.isHeld(lockPath(id)) }

  /// All ids, sorted.
  public func ids() -> [String] {
    directoryEntries(instancesDirectory).filter(Self.isID)
  }

  /// How many directories there are of instances, by a look at that of all: the links of a directory are
  /// its own and one for each in it, where the file system counts them; else what is listed.
  var count: Int {
    var status = stat()
    if stat(instancesDirectory, &status) == 0, status.st_nlink >= 2 {
      return Int(status.st_nlink) - 2
    }
    return ids().count
  }

  /// The ids whose monitors do not live, sorted. The look at each of the others takes no more than three
  /// system calls.
  func unwatched() -> [String] {
    var found: [String] = []
    // What cannot be listed has no instances.
    try? visit("lock") { id, directory, path in
      if !FileLock.isHeld(path, from: directory) { found.append(String(cString: id)) }
    }
    return found.filter(Self.isID).sorted()
  }

  /// Names a file of each instance, relative to the directory of all, which is looked up once.
  func visit(
    _ file: String,
    _ body: (
      _ id: UnsafePointer<CChar>, _ directory: FileDescriptor, _ path: UnsafePointer<CChar>
    ) -> Void
  ) throws(SystemError) {
    let directory = try Descriptor.open(instancesDirectory, O_RDONLY | O_DIRECTORY)
    let suffix = Array("/\(file)".utf8CString)
    var path = [CChar](repeating: 0, count: Self.idLength + suffix.count)
    path.replaceSubrange(Self.idLength..., with: suffix)
    try walkDirectory(instancesDirectory) { name, _ in
      guard strlen(name) == Self.idLength else { return }
      path.withUnsafeMutableBufferPointer {
        guard let start = $0.baseAddress else { return }
        memcpy(start, name, Self.idLength)
        body(name, directory.fd, start)
      }
    }
  }

  static let idLength = 64

  static func isID(_ text: String) -> Bool {
    text.utf8.count == idLength
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }

  /// The state of one instance; `nil` where it has gone, was never written or cannot be read.
  public func state(_ id: String) -> InstanceState? {
    guard case .state(let state) = recorded(id) else { return nil }
    return state
  }

  /// What is written down of an instance.
  enum Recorded<State: Sendable> {
    case state(State)
    case nothing
    /// By a swrun that knows more.
    case newer(version: Int)
    case unreadable(reason: String)
  }

  func recorded(_ id: String) -> Recorded<InstanceState> {
    let recorded = recorded(id, as: InstanceState.self)
    guard isUnswept, case .state(let state) = recorded, state.isActive, !isAlive(id) else {
      return recorded
    }
    return .state(state.lost())
  }

  private func recorded<State: RecordedState>(_ id: String, as _: State.Type) -> Recorded<State> {
    let bytes: [UInt8]
    do { bytes = try readFile("\(directory(id))/state.json") } catch {
      return error.errno == .noSuchFileOrDirectory
        ? .nothing : .unreadable(reason: "\(error.errno)")
    }
    do {
      let state = try JSON.value(State.self, from: bytes, only: State.members)
      if let version = state.version, version > InstanceState.currentVersion {
        return .newer(version: version)
      }
      return state.id == id
        ? .state(state) : .unreadable(reason: "it is that of \(state.id.prefix(12))")
    } catch {
      if let version = (try? JSON.value(Versioned.self, from: bytes))?.version,
        version > InstanceState.currentVersion
      {
        return .newer(version: version)
      }
      return .unreadable(reason: bytes.isEmpty ? "it is empty" : "\(error)")
    }
  }

  private func tooNew(_ id: String, _ version: Int) -> String {
    "\(directory(id))/state.json is of version \(version), and this swrun knows \(InstanceState.currentVersion). Use the swrun that made it"
  }

  /// Puts right what a crash has left. Where that cannot be written, on a full disk, it is reported, and
  /// states are shown as they would be then.
  public mutating func sweep() throws {
    let wasUnswept = isUnswept
    isUnswept = false
    do { try Sweeper(self).sweep() } catch let error as SystemError {
      // Who looks again and again says it once.
      if !wasUnswept { report("what has become of instances cannot be written down: \(error)") }
      isUnswept = true
    }
  }

  /// All states, oldest first. One of a newer version is reported, and is none of them.
  public func states() -> [InstanceState] {
    ids().compactMap { known(recorded($0), $0) }.sorted { $0.created < $1.created }
  }

  /// The same, of each what a list shows.
  public func listed() -> [ListedInstance] {
    if isUnswept { return states().map(ListedInstance.init) }
    return ids().compactMap { known(recorded($0, as: ListedInstance.self), $0) }
      .sorted { $0.created < $1.created }
  }

  private func known<State>(_ recorded: Recorded<State>, _ id: String) -> State? {
    switch recorded {
    case .state(let state): return state
    case .newer(let version): report(tooNew(id, version))
    case .nothing, .unreadable: break
    }
    return nil
  }

  /// Moves an instance away whose state cannot be read: it is kept for who may make something of it.
  ///
  /// - Returns: to where.
  func keepAside(_ id: String) throws -> String {
    guard let aside = NetworkStore.keepAside(directory(id)) else {
      throw SystemError("rename", directory(id))
    }
    for name in directoryEntries("\(root)/names") { releaseName(name, of: id) }
    forgetSlaves(of: id)
    return aside
  }

  /// The states of instances that live, oldest first. Whether one lives is asked first: that costs a
  /// hundredth of reading a state.
  func living() -> [InstanceState] {
    ids().filter(isAlive).compactMap(state).filter { !$0.status.isAtRest }
      .sorted { $0.created < $1.created }
  }

  /// Publishes the state, and what it says of slaves. Who lists those alone is told of an address no later
  /// than who reads the state, and that nothing has to be put right no earlier.
  ///
  /// - Parameter names: those that are published of it.
  func write(_ state: InstanceState, _ names: inout [String]) throws {
    func publish(_ wanted: [String]) throws {
      if wanted == names { return }
      try self.publish(wanted, replacing: names)
      names = wanted
    }
    let last = SlaveRecord.names(of: state)
    let isEnd = last == [SlaveRecord.first(state.id, SlaveRecord.ofEnded)]
    try publish(isEnd ? [SlaveRecord.first(state.id, SlaveRecord.ofNone)] : last)
    try writeAtomically(JSON.text(state), to: "\(directory(state.id))/state.json")
    if isEnd { try publish(last) }
  }

  /// The same by who does not know what is published.
  func write(_ state: InstanceState) throws {
    var names = publishedNames(of: state.id)
    try write(state, &names)
  }

  func write(_ spec: Spec, of id: String) throws {
    try writeAtomically(JSON.text(spec), to: "\(directory(id))/config.json")
  }

  /// The spec that the instance was launched from.
  public func spec(_ id: String) throws -> Spec {
    let path = "\(directory(id))/config.json"
    do { return try Spec(config: try readFile(path), file: path) } catch let error as BundleError {
      throw error
    } catch {
      throw SupervisorError("\(path) cannot be read: \(error)")
    }
  }

  /// Claims an id, its directory and a name; to be called under ``hold()``.
  ///
  /// - Parameter wanted: `nil` for a name that is made up.
  /// - Returns: the name.
  func claim(_ id: String, name wanted: String?) throws -> String {
    if let wanted { try InstanceName.check(wanted) }
    // Before the name: a name alone would not be seen to be left over.
    try check("mkdir", directory(id), mkdir(directory(id), 0o700))
    FaultPoint.mark("the directory of the instance")
    do { return try claimName(wanted, for: id) } catch {
      rmdir(directory(id))
      throw error
    }
  }

  private func claimName(_ wanted: String?, for id: String) throws -> String {
    if let wanted {
      if try claimName(wanted, id) { return wanted }
      throw nameInUse(wanted)
    }
    for attempt in 0..<1000 {
      let name = InstanceName.random() + (attempt < 100 ? "" : "\(attempt)")
      if try claimName(name, id) { return name }
    }
    throw SupervisorError("no free name was found; give one with --name")
  }

  /// Makes room for the next start of an instance that is recorded and does not live; to be called under
  /// ``hold()``.
  ///
  /// - Returns: its name.
  func reclaim(_ former: InstanceState) throws -> String {
    guard let state = state(former.id) else {
      throw SupervisorError("\(former.name) has been removed meanwhile")
    }
    guard !isAlive(state.id) else { throw SupervisorError("\(state.name) is running already") }
    guard state.status != .dead else {
      throw SupervisorError(
        "\(state.name) is dead: \(state.error ?? "something of it is left"). Remove it: swrun rm \(state.name)"
      )
    }
    removeNameFiles(state.id)
    for name in [ControlSocket.name, NotifySocket.name] {
      unlink("\(directory(state.id))/\(name)")
    }
    return state.name
  }

  /// Removes what tells a run of names; each is given its own.
  func removeNameFiles(_ id: String) {
    for file in NameFile.allCases { unlink("\(directory(id))/\(file.rawValue)") }
  }

  /// Gives an instance another name; to be called under ``hold()``. All is as it was where this throws.
  ///
  /// - Parameter write: writes the state.
  func rename(
    _ state: InstanceState, to name: String, _ write: (InstanceState) throws -> Void
  ) throws {
    try InstanceName.check(name)
    guard try claimName(name, state.id) else { throw nameInUse(name) }
    var renamed = state
    renamed.name = name
    do {
      try updateRunRecord(state.id) { $0.name = name }
      try write(renamed)
    } catch {
      try? updateRunRecord(state.id) { $0.name = state.name }
      releaseName(name, of: state.id)
      throw error
    }
    releaseName(state.name, of: state.id)
  }

  private func releaseName(_ name: String, of id: String) {
    if (try? readLink(namePath(name))) == id { unlink(namePath(name)) }
  }

  private func nameInUse(_ name: String) -> SupervisorError {
    let holder = (try? readLink(namePath(name))).map { " by \($0.prefix(12))" } ?? ""
    return SupervisorError(
      "the name \(name) is in use\(holder). Choose another, or remove that instance: swrun rm \(name)"
    )
  }

  private func claimName(_ name: String, _ id: String) throws -> Bool {
    if symlink(id, namePath(name)) == 0 { return true }
    guard errno == EEXIST else { throw SystemError("symlink", namePath(name)) }
    // A name whose instance has gone is free.
    if let holder = try? readLink(namePath(name)), FileIdentity(path: directory(holder)) == nil {
      unlink(namePath(name))
      return symlink(id, namePath(name)) == 0
    }
    return false
  }

  /// Removes all that is recorded of an instance. What has no state any more is removed by whoever comes
  /// next, however far this got.
  ///
  /// - Parameter name: `nil`: it is looked for.
  func remove(_ id: String, name: String?) throws {
    forgetForReboot(id)
    unlink("\(directory(id))/state.json")
    FaultPoint.mark("the end of the state")
    for name in name.map({ [$0] }) ?? directoryEntries("\(root)/names") {
      releaseName(name, of: id)
    }
    FaultPoint.mark("the end of the name")
    try removeTree(logDirectory(id))
    forgetSlaves(of: id)
    FaultPoint.mark("the end of what it had on parents")
    try removeTree(directory(id))
  }

  /// Undoes ``claim(_:name:)``; what outlives a reboot stays.
  func unclaim(_ id: String, name: String) throws {
    releaseName(name, of: id)
    forgetSlaves(of: id)
    try removeTree(directory(id))
  }

  /// The instance that `text` names: its name, or the beginning of its id that fits no other.
  public func resolve(_ text: String) throws -> InstanceState {
    // Nobody else's state has to be read for a whole name.
    if (try? InstanceName.check(text)) != nil, let id = try? readLink(namePath(text)) {
      switch recorded(id) {
      case .state(let state) where state.name == text: return state
      case .newer(let version): throw SupervisorError(tooNew(id, version))
      default: break
      }
    }
    if Self.isID(text), let state = state(text) { return state }
    let states = text.isEmpty ? [] : ids().filter { $0.hasPrefix(text) }.compactMap(state)
    let fitting = states.sorted { $0.created < $1.created }
    switch fitting.count {
    case 1: return fitting[0]
    case 0:
      throw SupervisorError(
        "no instance is called \(text.debugDescription); swrun ps -a lists those that there are")
    default:
      let which = fitting.map { "\($0.shortID) (\($0.name))" }.joined(separator: ", ")
      throw SupervisorError(
        "\(text.debugDescription) is the beginning of several ids: \(which). Give more digits, or the name"
      )
    }
  }
}

private struct Versioned: Decodable { let version: Int? }
