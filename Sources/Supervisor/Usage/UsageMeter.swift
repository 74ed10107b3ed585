import Linux
public import Netlink

/// What an instance uses, as `swrun stats` shows it. What this machine does not tell is absent.
public struct UsageRow: Hashable, Sendable, Encodable {
  public let id: String
  public let name: String
  /// Of one processor, in the time since the last reading: 150 is one and a half.
  public var cpuPercent: Double?
  /// Of processor time, since its start.
  public var cpuSeconds: Double?
  public var memoryBytes: UInt64?
  /// Its limit, or where there is none what the machine has.
  public var memoryLimitBytes: UInt64?
  public var memoryPercent: Double?
  /// Of all its interfaces.
  public var networkReceivedBytes: UInt64?
  public var networkSentBytes: UInt64?
  public var blockReadBytes: UInt64?
  public var blockWrittenBytes: UInt64?
  /// Processes and threads.
  public var pids: UInt64?
  public var pidsLimit: UInt64?
  /// All but the loopback; `nil` where they are others' too.
  public var interfaces: [LinkTraffic]?
}

/// Reads what instances use, from reading to reading.
public struct UsageMeter {
  private let store: InstanceStore
  private let machineMemory: UInt64?
  /// Microseconds of processor time at a moment (monotonic nanoseconds), by id.
  private var former: [String: (used: UInt64, at: Int64)] = [:]

  public init(_ store: InstanceStore) {
    self.store = store
    let text = (try? readText("/proc/meminfo")) ?? ""
    machineMemory = text.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
      .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { UInt64($0) }
      .map { $0 * 1024 }
  }

  /// - Parameters:
  ///   - instances: `nil` for all that run.
  ///   - all: those that have ended too.
  public mutating func read(_ instances: [InstanceState]?, all: Bool) -> [UsageRow] {
    let states =
      instances?.map { store.state($0.id) ?? $0 }
      ?? store.states().filter { all || ($0.isRunning && store.isAlive($0.id)) }
    return states.map { read($0) }
  }

  mutating func read(_ state: InstanceState) -> UsageRow {
    var row = UsageRow(id: state.id, name: state.name)
    guard state.isRunning, store.isAlive(state.id) else { return row }
    if let interfaces = Self.traffic(state) {
      row.interfaces = interfaces
      row.networkReceivedBytes = interfaces.reduce(0) { $0 + $1.receivedBytes }
      row.networkSentBytes = interfaces.reduce(0) { $0 + $1.sentBytes }
    }
    guard let usage = Self.usage(state) else { return row }
    let now = Clock.monotonic()
    if let used = usage.processorTime {
      row.cpuSeconds = Double(used) / 1e6
      if let last = former[state.id], now > last.at, used >= last.used {
        row.cpuPercent = Double(used - last.used) * 100_000 / Double(now - last.at)
      }
      former[state.id] = (used, now)
    }
    row.memoryBytes = usage.memory
    if let used = usage.memory {
      row.memoryLimitBytes = usage.memoryLimit ?? machineMemory
      row.memoryPercent = row.memoryLimitBytes.map { Double(used) * 100 / Double(max(1, $0)) }
    }
    row.blockReadBytes = usage.blockRead
    row.blockWrittenBytes = usage.blockWritten
    row.pids = usage.tasks
    row.pidsLimit = usage.taskLimit
    return row
  }

  private static func usage(_ state: InstanceState) -> CgroupUsage? {
    guard let cgroup = try? state.cgroup?.open() else { return nil }
    return cgroup.usage()
  }

  /// Of all its interfaces but the loopback; `nil` where they are others' too.
  private static func traffic(_ state: InstanceState) -> [LinkTraffic]? {
    guard state.shared == nil, let process = state.process, let pidfd = process.open(),
      let namespace = try? Namespace(path: "/proc/\(process.pid)/ns/net")
    else { return nil }
    return withExtendedLifetime(pidfd) {
      guard var socket = try? NetlinkSocket.inside(namespace) else { return nil }
      return try? socket.traffic()
    }
  }
}
