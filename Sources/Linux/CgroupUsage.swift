/// What a cgroup uses at a moment. What its controllers do not tell is `nil`.
public struct CgroupUsage: Hashable, Sendable {
  /// Microseconds of processor time, `cpu.stat`.
  public var processorTime: UInt64?
  /// Bytes without the page cache that can be given up at once, as Docker counts it:
  /// `memory.current` less `inactive_file`.
  public var memory: UInt64?
  /// Bytes, `memory.max`; `nil` where there is no limit.
  public var memoryLimit: UInt64?
  /// Tasks, threads among them, `pids.current`.
  public var tasks: UInt64?
  /// `pids.max`; `nil` where there is no limit.
  public var taskLimit: UInt64?
  /// Bytes of all devices, `io.stat`.
  public var blockRead: UInt64?
  public var blockWritten: UInt64?

  public init() {}
}

extension Cgroup {
  public borrowing func usage() -> CgroupUsage {
    var usage = CgroupUsage()
    if let text = try? read("cpu.stat") {
      usage.processorTime = CgroupText.flatKeys(text)["usage_usec"]
    }
    if let current = (try? read("memory.current")).flatMap(CgroupText.limit) {
      let statistics = (try? read("memory.stat")).map(CgroupText.flatKeys) ?? [:]
      let inactive = statistics["inactive_file"] ?? 0
      usage.memory = inactive < current ? current - inactive : current
    }
    usage.memoryLimit = (try? read("memory.max")).flatMap(CgroupText.limit)
    usage.tasks = (try? read("pids.current")).flatMap(CgroupText.limit)
    usage.taskLimit = (try? read("pids.max")).flatMap(CgroupText.limit)
    if let text = try? read("io.stat") {
      let sums = CgroupText.nestedSums(text)
      usage.blockRead = sums["rbytes"] ?? 0
      usage.blockWritten = sums["wbytes"] ?? 0
    }
    return usage
  }

  /// How many processes the kernel has killed for want of memory, `memory.events`; `nil` without the
  /// memory controller.
  public borrowing func memoryKills() -> UInt64? {
    (try? read("memory.events")).flatMap { CgroupText.flatKeys($0)["oom_kill"] }
  }
}
