import Glibc
import Linux

/// The processes of an instance, as `swrun top` lists them.
public struct ProcessList {
  private let store: InstanceStore

  public init(_ store: InstanceStore) { self.store = store }

  /// A process, with the host's numbers.
  public struct Entry: Hashable, Sendable, Encodable {
    public let pid: Int32
    public let parent: Int32
    public let uid: UInt32
    /// Processor time, in user and kernel mode.
    public let cpuMilliseconds: UInt64
    /// The arguments; `[NAME]` of one that has none.
    public let command: [String]
  }

  /// - Returns: by pid.
  public func processes(of state: InstanceState) throws -> [Entry] {
    guard state.isRunning, store.isAlive(state.id) else {
      throw SupervisorError("\(state.name) is not running; swrun ps lists those that are")
    }
    let opened = try state.cgroup?.open()
    switch consume opened {
    case .some(let cgroup):
      // 0 is a process that this PID namespace has no number for.
      return try cgroup.processes().filter { $0 > 0 }.sorted().compactMap(Self.entry)
    case .none: throw SupervisorError(CgroupPlacement.noCgroup(of: state.name))
    }
  }

  /// `nil` for one that has ended meanwhile.
  private static func entry(_ pid: Int32) -> Entry? {
    guard let line = try? readText("/proc/\(pid)/stat"), let start = line.firstIndex(of: "("),
      let end = line.lastIndex(of: ")"), let owner = owner("/proc/\(pid)")
    else { return nil }
    // From the third field of proc(5) on.
    let fields = line[line.index(after: end)...].split(separator: " ")
    guard fields.count > 12, let parent = Int32(fields[1]), let user = UInt64(fields[11]),
      let system = UInt64(fields[12])
    else { return nil }
    let ticks = UInt64(max(1, sysconf(CInt(_SC_CLK_TCK))))
    let arguments = ((try? readText("/proc/\(pid)/cmdline")) ?? "").split(separator: "\0")
      .map(String.init)
    let name = "[\(line[line.index(after: start)..<end])]"
    return Entry(
      pid: pid, parent: parent, uid: owner, cpuMilliseconds: (user + system) * 1000 / ticks,
      command: arguments.isEmpty ? [name] : arguments)
  }

  private static func owner(_ path: String) -> UInt32? {
    guard let text = try? readText("\(path)/status"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Uid:") })
    else { return nil }
    return line.split(separator: "\t").dropFirst().first.flatMap { UInt32($0) }
  }
}
