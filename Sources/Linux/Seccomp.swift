/// A seccomp filter as the OCI runtime specification writes it (config-linux.md, Seccomp): what is
/// answered to each system call.
public struct SeccompProfile: Hashable, Sendable, Codable {
  public var defaultAction: Action
  /// The errno that `SCMP_ACT_ERRNO` gives where nothing else is said; `nil`: `EPERM`.
  public var defaultErrnoRet: UInt32?
  /// Architectures besides the machine's own. A call of any other is killed.
  public var architectures: [Architecture]
  public var syscalls: [Rule]

  public enum Action: String, Sendable, Codable {
    case allow = "SCMP_ACT_ALLOW"
    case errno = "SCMP_ACT_ERRNO"
    case kill = "SCMP_ACT_KILL"
    case killProcess = "SCMP_ACT_KILL_PROCESS"
    case trap = "SCMP_ACT_TRAP"
    case log = "SCMP_ACT_LOG"
  }

  public enum Architecture: String, Sendable, Codable {
    case x86_64 = "SCMP_ARCH_X86_64"
    case x86 = "SCMP_ARCH_X86"
    case arm64 = "SCMP_ARCH_AARCH64"
    case arm = "SCMP_ARCH_ARM"
  }

  /// One action for some calls, where all of `args` hold.
  public struct Rule: Hashable, Sendable, Codable {
    public var names: [String]
    public var action: Action
    public var errnoRet: UInt32?
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

  /// A condition on one argument. All 64 bits are compared.
  public struct Argument: Hashable, Sendable, Codable {
    /// 0 to 5
    public var index: UInt32
    public var value: UInt64
    /// For `SCMP_CMP_MASKED_EQ`: what the masked argument has to be; `value` is then the mask.
    public var valueTwo: UInt64?
    public var op: Operator

    public init(index: UInt32, _ op: Operator, _ value: UInt64, _ valueTwo: UInt64? = nil) {
      self.index = index
      self.op = op
      self.value = value
      self.valueTwo = valueTwo
    }
  }

  public enum Operator: String, Sendable, Codable {
    case notEqual = "SCMP_CMP_NE"
    case less = "SCMP_CMP_LT"
    case lessOrEqual = "SCMP_CMP_LE"
    case equal = "SCMP_CMP_EQ"
    case greaterOrEqual = "SCMP_CMP_GE"
    case greater = "SCMP_CMP_GT"
    case maskedEqual = "SCMP_CMP_MASKED_EQ"
  }

  public init(
    defaultAction: Action, defaultErrnoRet: UInt32? = nil, architectures: [Architecture],
    syscalls: [Rule]
  ) {
    self.defaultAction = defaultAction
    self.defaultErrnoRet = defaultErrnoRet
    self.architectures = architectures
    self.syscalls = syscalls
  }
}
