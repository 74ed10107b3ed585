public import Linux
public import OCI

/// What a process gets on its way to the workload besides its user and capabilities: limits, how it is
/// scheduled, where its memory comes from.
public struct AttributePlan: Hashable, Sendable {
  public var umask: UInt32 = 0o022
  public var limits: [ProcessLimit] = []
  public var scheduler: SchedulerAttributes?
  public var ioPriority: Linux.IOPriority?
  public var personality: Linux.Personality?
  public var memoryPolicy: Linux.MemoryPolicy?
  /// The size of its terminal, where that is not the caller's.
  public var terminalSize: TerminalSize?
  /// For `exec` alone: the CPUs on the way into the instance, and those of the command.
  public var initialCPUs: NumberSet?
  public var finalCPUs: NumberSet?

  public init() {}

  /// What a spec says of it, in the kernel's terms.
  ///
  /// - Throws: what ``OCI/Spec/faults()`` refuses as well, for a spec that did not come from a bundle.
  public init(_ process: Spec.Process, _ linux: Spec.LinuxPart) throws(SandboxError) {
    umask = process.user.umask ?? 0o022
    for limit in process.rlimits {
      guard let kind = LimitKind(specName: limit.type), limit.soft <= limit.hard else {
        throw SandboxError("the limit \(limit.type.debugDescription) is none")
      }
      limits.append(ProcessLimit(kind, soft: limit.soft, hard: limit.hard))
    }
    scheduler = try process.scheduler.map(Self.scheduler)
    if let priority = process.ioPriority {
      guard let value = Linux.IOPriority.classes[priority.class] else {
        throw SandboxError("unknown class of I/O priority \(priority.class.debugDescription)")
      }
      ioPriority = Linux.IOPriority(class: value, level: priority.priority ?? 0)
    }
    personality = linux.personality?.kind
    memoryPolicy = try linux.memoryPolicy.map(Self.memoryPolicy)
    if process.terminal, let size = process.consoleSize {
      terminalSize = TerminalSize(rows: size.height, columns: size.width)
    }
    initialCPUs = process.execCPUAffinity?.initial.flatMap(NumberSet.init(parsing:))
    finalCPUs = process.execCPUAffinity?.final.flatMap(NumberSet.init(parsing:))
  }

  private static func scheduler(
    _ said: Spec.Scheduler
  ) throws(SandboxError) -> SchedulerAttributes {
    guard let policy = SchedulerAttributes.policies[said.policy] else {
      throw SandboxError("unknown scheduling policy \(said.policy.debugDescription)")
    }
    return SchedulerAttributes(
      policy: policy,
      flags: said.flags.compactMap { SchedulerAttributes.flags[$0] }.reduce(0, |),
      nice: said.nice ?? 0, priority: UInt32(clamping: said.priority ?? 0),
      runtime: said.runtime ?? 0, deadline: said.deadline ?? 0, period: said.period ?? 0)
  }

  private static func memoryPolicy(
    _ said: Spec.MemoryPolicy
  ) throws(SandboxError) -> Linux.MemoryPolicy {
    guard let mode = Linux.MemoryPolicy.modes[said.mode] else {
      throw SandboxError("unknown memory policy \(said.mode.debugDescription)")
    }
    return Linux.MemoryPolicy(
      mode: said.flags.compactMap { Linux.MemoryPolicy.flags[$0] }.reduce(mode, |),
      nodes: said.nodes.flatMap(NumberSet.init(parsing:)))
  }
}

/// A sysctl of one of the instance's namespaces.
public struct SysctlStep: Hashable, Sendable {
  public let name: String
  /// Below `/proc/sys`.
  public let path: String
  public let value: String

  /// - Parameter name: as the spec has it.
  init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
    path = String(Spec.dottedSysctl(name).map { $0 == "." ? "/" : $0 == "/" ? "." : $0 })
  }
}
