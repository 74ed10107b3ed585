public import JSON

/// A seccomp filter as the OCI runtime specification writes it: what is answered to each system
/// call of a process and of its descendants.
///
/// A profile with an action, an operator, an architecture or a flag that is not named here does not
/// decode. All that the specification has in version 1.2 is named.
///
/// Source: opencontainers/runtime-spec, config-linux.md, section Seccomp.
public struct SeccompProfile: Hashable, Sendable, Decodable {
  /// The answer to a call that no rule speaks of.
  public var defaultAction: Action
  /// The errno of a default action of ``Action/errno`` or ``Action/trace``; `nil`: `EPERM`.
  public var defaultErrnoRet: UInt32?
  /// Architectures besides the machine's own. A call of any other kills the process.
  public var architectures: [Architecture]
  public var flags: [Flag]
  /// The UNIX socket of the agent that answers for ``Action/notify``; a path of the host.
  public var listenerPath: String?
  /// What the agent is told besides; opaque.
  public var listenerMetadata: String?
  public var syscalls: [Rule]

  public init(
    defaultAction: Action, defaultErrnoRet: UInt32? = nil, architectures: [Architecture] = [],
    flags: [Flag] = [], listenerPath: String? = nil, listenerMetadata: String? = nil,
    syscalls: [Rule] = []
  ) {
    self.defaultAction = defaultAction
    self.defaultErrnoRet = defaultErrnoRet
    self.architectures = architectures
    self.flags = flags
    self.listenerPath = listenerPath
    self.listenerMetadata = listenerMetadata
    self.syscalls = syscalls
  }

  /// No filter at all: not even calls of another architecture are refused.
  public static let unconfined = SeccompProfile(defaultAction: .allow)

  private enum CodingKeys: CodingKey {
    case defaultAction, defaultErrnoRet, architectures, flags, listenerPath, listenerMetadata
    case syscalls
  }

  /// The lists may be absent, as in the specification; they are empty then.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      defaultAction: try container.decode(Action.self, forKey: .defaultAction),
      defaultErrnoRet: try container.decodeIfPresent(UInt32.self, forKey: .defaultErrnoRet),
      architectures: try container.decodeIfPresent([Architecture].self, forKey: .architectures)
        ?? [],
      flags: try container.decodeIfPresent([Flag].self, forKey: .flags) ?? [],
      listenerPath: try container.decodeIfPresent(String.self, forKey: .listenerPath),
      listenerMetadata: try container.decodeIfPresent(String.self, forKey: .listenerMetadata),
      syscalls: try container.decodeIfPresent([Rule].self, forKey: .syscalls) ?? [])
  }

  /// One action for some calls, where all of `args` hold.
  public struct Rule: Hashable, Sendable, Decodable {
    /// As the kernel's system call tables name them.
    public var names: [String]
    public var action: Action
    /// The errno of ``Action/errno``, the message of ``Action/trace``; `nil`: `EPERM`, and not the
    /// profile's ``SeccompProfile/defaultErrnoRet``.
    public var errnoRet: UInt32?
    /// At most one for an argument. Two rules are the way to say "or".
    public var args: [Argument]?

    public init(
      _ names: [String], action: Action = .allow, errnoRet: UInt32? = nil, args: [Argument]? = nil
    ) {
      self.names = names
      self.action = action
      self.errnoRet = errnoRet
      self.args = args
    }
  }

  /// A condition on one argument.
  ///
  /// All 64 bits are compared, also those that the kernel drops where its parameter is an `int`. A
  /// rule that refuses a value of such a parameter has to mask them off, and so has one that allows
  /// all but a value (CVE-2019-10063).
  public struct Argument: Hashable, Sendable, Decodable {
    /// 0 to 5.
    public var index: UInt32
    /// What to compare with; the mask of ``Operator/maskedEqual``.
    public var value: UInt64
    /// What the masked argument has to be, for ``Operator/maskedEqual``; `nil`: 0.
    public var valueTwo: UInt64?
    public var op: Operator

    public init(index: UInt32, _ op: Operator, _ value: UInt64, _ valueTwo: UInt64? = nil) {
      self.index = index
      self.op = op
      self.value = value
      self.valueTwo = valueTwo
    }
  }

  /// seccomp(2), section Filters: `SECCOMP_RET_*`.
  public enum Action: String, Hashable, Sendable, Decodable {
    case allow = "SCMP_ACT_ALLOW"
    case errno = "SCMP_ACT_ERRNO"
    /// The same as ``killThread``, its older name.
    case kill = "SCMP_ACT_KILL"
    case killThread = "SCMP_ACT_KILL_THREAD"
    case killProcess = "SCMP_ACT_KILL_PROCESS"
    /// `SIGSYS`.
    case trap = "SCMP_ACT_TRAP"
    /// A ptrace(2) event; without a tracer `ENOSYS`.
    case trace = "SCMP_ACT_TRACE"
    /// Allows, and writes it to the audit log.
    case log = "SCMP_ACT_LOG"
    /// Asks the agent at ``SeccompProfile/listenerPath``, seccomp_unotify(2).
    case notify = "SCMP_ACT_NOTIFY"

    /// How strict the kernel takes it: of two filters' answers the higher counts, seccomp(2).
    public var strictness: Int {
      switch self {
      case .allow: 0
      case .log: 1
      case .trace: 2
      case .notify: 3
      case .errno: 4
      case .trap: 5
      case .kill, .killThread: 6
      case .killProcess: 7
      }
    }
  }

  public enum Operator: String, Hashable, Sendable, Decodable {
    case notEqual = "SCMP_CMP_NE"
    case less = "SCMP_CMP_LT"
    case lessOrEqual = "SCMP_CMP_LE"
    case equal = "SCMP_CMP_EQ"
    case greaterOrEqual = "SCMP_CMP_GE"
    case greater = "SCMP_CMP_GT"
    case maskedEqual = "SCMP_CMP_MASKED_EQ"
  }

  /// `SECCOMP_FILTER_FLAG_*` of seccomp(2), as the specification names them.
  public enum Flag: String, Hashable, Sendable, Decodable {
    /// The filter holds for all threads. swrun's child has one.
    case tsync = "SECCOMP_FILTER_FLAG_TSYNC"
    /// All answers but allow go to the audit log.
    case log = "SECCOMP_FILTER_FLAG_LOG"
    /// Leaves speculative store bypass open; since Linux 5.16 it changes nothing.
    case speculationAllowed = "SECCOMP_FILTER_FLAG_SPEC_ALLOW"
    /// A call that the agent has received waits for its answer even where a signal comes that does
    /// not kill. Only beside ``Action/notify``.
    case waitKillable = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
  }

  public enum Architecture: String, Hashable, Sendable, Decodable {
    case x86 = "SCMP_ARCH_X86"
    case amd64 = "SCMP_ARCH_X86_64"
    case x32 = "SCMP_ARCH_X32"
    case arm = "SCMP_ARCH_ARM"
    case aarch64 = "SCMP_ARCH_AARCH64"
    case mips = "SCMP_ARCH_MIPS"
    case mips64 = "SCMP_ARCH_MIPS64"
    case mips64n32 = "SCMP_ARCH_MIPS64N32"
    case mipsel = "SCMP_ARCH_MIPSEL"
    case mipsel64 = "SCMP_ARCH_MIPSEL64"
    case mipsel64n32 = "SCMP_ARCH_MIPSEL64N32"
    case ppc = "SCMP_ARCH_PPC"
    case ppc64 = "SCMP_ARCH_PPC64"
    case ppc64le = "SCMP_ARCH_PPC64LE"
    case s390 = "SCMP_ARCH_S390"
    case s390x = "SCMP_ARCH_S390X"
    case parisc = "SCMP_ARCH_PARISC"
    case parisc64 = "SCMP_ARCH_PARISC64"
    case riscv64 = "SCMP_ARCH_RISCV64"
    case loongarch64 = "SCMP_ARCH_LOONGARCH64"
    case m68k = "SCMP_ARCH_M68K"
    case sh = "SCMP_ARCH_SH"
    case sheb = "SCMP_ARCH_SHEB"

    /// That of this machine.
    public static var native: Architecture {
      #if arch(x86_64)
        .amd64
      #elseif arch(arm64)
        .aarch64
      #elseif arch(riscv64)
        .riscv64
      #elseif arch(s390x)
        .s390x
      #elseif arch(powerpc64le)
        .ppc64le
      #elseif arch(i386)
        .x86
      #else
        .arm
      #endif
    }
  }
}

extension SeccompProfile.Rule: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("action", action.rawValue)
    json.add("args", args)
    json.add("errnoRet", errnoRet)
    json.add("names", names)
  }
}

extension SeccompProfile.Argument: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("index", index)
    json.add("op", op.rawValue)
    json.add("value", value)
    json.add("valueTwo", valueTwo)
  }
}

extension SeccompProfile: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("architectures", architectures.map(\.rawValue))
    json.add("defaultAction", defaultAction.rawValue)
    json.add("defaultErrnoRet", defaultErrnoRet)
    json.add("flags", flags.map(\.rawValue))
    json.add("listenerMetadata", listenerMetadata)
    json.add("listenerPath", listenerPath)
    json.add("syscalls", syscalls)
  }
}
