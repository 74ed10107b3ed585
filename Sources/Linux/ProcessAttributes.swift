import CLinux
import Glibc

/// Kinds of limits, `RLIMIT_*` of setrlimit(2).
public enum LimitKind: Int32, Hashable, Sendable, CaseIterable {
  case cpu, fsize, data, stack, core, rss, nproc, nofile, memlock
  case addressSpace, locks, sigpending, msgqueue, nice, rtprio, rttime

  /// Such as `RLIMIT_NOFILE`; `nil` for what is none.
  public init?(specName name: String) {
    guard let kind = Self.allCases.first(where: { $0.specName == name }) else { return nil }
    self = kind
  }

  /// As `--ulimit` and ulimit(1) name it: `nofile`.
  public var shortName: String { Self.names[Int(rawValue)] }
  public var specName: String { "RLIMIT_\(shortName.uppercased())" }

  private static let names = [
    "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks",
    "sigpending", "msgqueue", "nice", "rtprio", "rttime",
  ]
}

/// A limit of a process, setrlimit(2).
public struct ProcessLimit: Hashable, Sendable {
  public let kind: LimitKind
  /// `UInt64.max` is none.
  public let soft: UInt64
  public let hard: UInt64

  public init(_ kind: LimitKind, soft: UInt64, hard: UInt64) {
    self.kind = kind
    self.soft = soft
    self.hard = hard
  }

  /// Raising `hard` needs `CAP_SYS_RESOURCE`.
  public func apply() throws(SystemError) {
    try check("setrlimit", kind.specName, swrun_set_limit(kind.rawValue, soft, hard))
  }
}

/// How a process is scheduled, sched_setattr(2).
public struct SchedulerAttributes: Hashable, Sendable {
  /// `SCHED_*`, linux/sched.h.
  public static let policies: [String: UInt32] = [
    "SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
  ]
  /// `SCHED_FLAG_*`; those of a clamp of utilization have values of their own, which sched_attr of this
  /// size has no place for.
  public static let flags: [String: UInt64] = [
    "SCHED_FLAG_RESET_ON_FORK": 1, "SCHED_FLAG_RECLAIM": 2, "SCHED_FLAG_DL_OVERRUN": 4,
    "SCHED_FLAG_KEEP_POLICY": 8, "SCHED_FLAG_KEEP_PARAMS": 16,
  ]

  public let policy: UInt32
  public let flags: UInt64
  public let nice: Int32
  public let priority: UInt32
  /// Nanoseconds, as the two that follow.
  public let runtime: UInt64
  public let deadline: UInt64
  public let period: UInt64

  public init(
    policy: UInt32, flags: UInt64, nice: Int32, priority: UInt32, runtime: UInt64,
    deadline: UInt64, period: UInt64
  ) {
    self.policy = policy
    self.flags = flags
    self.nice = nice
    self.priority = priority
    self.runtime = runtime
    self.deadline = deadline
    self.period = period
  }

  /// Needs `CAP_SYS_NICE` for what is more than others have.
  public func apply() throws(SystemError) {
    try check(
      "sched_setattr", "",
      swrun_set_scheduler(policy, flags, nice, priority, runtime, deadline, period))
  }
}

/// The order in which a process gets at block devices, ioprio_set(2).
public struct IOPriority: Hashable, Sendable {
  /// `IOPRIO_CLASS_*`, linux/ioprio.h.
  public static let classes: [String: Int32] = [
    "IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3,
  ]

  public let level: Int32
  private let value: Int32

  public init(class value: Int32, level: Int32) {
    self.value = value
    self.level = level
  }

  public func apply() throws(SystemError) {
    try check("ioprio_set", "", swrun_set_io_priority(value, level))
  }
}

/// A set of small numbers, such as CPUs or memory nodes, as the kernel writes them: `0-3,7`.
public struct NumberSet: Hashable, Sendable {
  public let numbers: Set<Int>

  /// The most that a number may be; the kernel's `NR_CPUS` is at most 8192.
  public static let limit = 8191

  /// `nil` for a text that is no such list, and for an empty one.
  public init?(parsing text: String) {
    var numbers: Set<Int> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        .map { UInt16($0).map(Int.init) }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last,
        last <= Self.limit, !part.contains("+")
      else { return nil }
      numbers.formUnion(first...last)
    }
    self.numbers = numbers
  }

  private var highest: Int { numbers.max() ?? 0 }

  /// Restricts this process to these CPUs, sched_setaffinity(2).
  public func restrictCPUs() throws(SystemError) {
    var mask = [UInt8](repeating: 0, count: (highest / 64 + 1) * 8)
    for number in numbers { mask[number / 8] |= 1 << UInt8(number % 8) }
    try check("sched_setaffinity", "", swrun_set_affinity(mask, UInt32(mask.count)))
  }

  /// The bits as set_mempolicy(2) takes them.
  var words: [UInt] {
    var words = [UInt](repeating: 0, count: highest / UInt.bitWidth + 1)
    for number in numbers { words[number / UInt.bitWidth] |= 1 << UInt(number % UInt.bitWidth) }
    return words
  }
}

/// Where the memory of a process comes from, set_mempolicy(2).
public struct MemoryPolicy: Hashable, Sendable {
  /// `MPOL_*`, linux/mempolicy.h.
  public static let modes: [String: Int32] = [
    "MPOL_DEFAULT": 0, "MPOL_PREFERRED": 1, "MPOL_BIND": 2, "MPOL_INTERLEAVE": 3, "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5, "MPOL_WEIGHTED_INTERLEAVE": 6,
  ]
  public static let flags: [String: Int32] = [
    "MPOL_F_STATIC_NODES": 1 << 15, "MPOL_F_RELATIVE_NODES": 1 << 14,
    "MPOL_F_NUMA_BALANCING": 1 << 13,
  ]

  /// Mode and flags together.
  public let mode: Int32
  public let nodes: NumberSet?

  public init(mode: Int32, nodes: NumberSet?) {
    self.mode = mode
    self.nodes = nodes
  }

  public func apply() throws(SystemError) {
    let words = nodes?.words ?? []
    // The kernel takes one bit less than it is told.
    let bits = words.isEmpty ? 0 : UInt(words.count * UInt.bitWidth + 1)
    try check("set_mempolicy", "", swrun_set_memory_policy(mode, words, bits))
  }
}

/// What kind of machine a process sees, personality(2).
public enum Personality: UInt, Hashable, Sendable {
  case linux = 0
  /// `uname` tells of a machine of 32 bits.
  case linux32 = 8

  public func apply() throws(SystemError) {
    try check("personality", "", swrun_set_personality(rawValue))
  }
}
