extension Spec {
  /// What is executed, as whom, and with which powers. Source: runtime-spec config.md, Process.
  public struct Process: Hashable, Sendable, Decodable {
    @Defaulted public var terminal: Bool
    /// `nil`: that of the terminal swrun runs on, if any.
    public var consoleSize: ConsoleSize?
    @Defaulted public var user: User
    public var args: [String]
    /// `KEY=value`.
    @Defaulted public var env: [String]
    public var cwd: String
    @Defaulted public var capabilities: Capabilities
    @Defaulted public var noNewPrivileges: Bool
    @Defaulted public var rlimits: [ResourceLimit]
    /// -1000 to 1000, proc(5); `nil`: as the monitor's.
    public var oomScoreAdj: Int32?
    public var scheduler: Scheduler?
    public var ioPriority: IOPriority?
    public var execCPUAffinity: CPUAffinity?
    public var apparmorProfile: String?
    public var selinuxLabel: String?

    public init(
      terminal: Bool, user: User, args: [String], env: [String], cwd: String,
      capabilities: Capabilities, noNewPrivileges: Bool
    ) {
      self.user = user
      self.args = args
      self.env = env
      self.cwd = cwd
      self.capabilities = capabilities
      self.terminal = terminal
      self.noNewPrivileges = noNewPrivileges
      rlimits = []
    }
  }

  /// Characters.
  public struct ConsoleSize: Hashable, Sendable, Decodable {
    public var height: UInt16
    public var width: UInt16
  }

  public struct User: Hashable, Sendable, Decodable, SaysNothing {
    @Defaulted public var uid: UInt32
    @Defaulted public var gid: UInt32
    /// `nil`: 022.
    public var umask: UInt32?
    @Defaulted public var additionalGids: [UInt32]

    public init(uid: UInt32, gid: UInt32, additionalGids: [UInt32]) {
      self.uid = uid
      self.gid = gid
      self.additionalGids = additionalGids
    }

    public static var nothing: User { User(uid: 0, gid: 0, additionalGids: []) }
  }

  /// The five sets of capabilities(7), by names such as `CAP_NET_RAW`.
  public struct Capabilities: Hashable, Sendable, Decodable, SaysNothing {
    @Defaulted public var bounding: [String]
    @Defaulted public var effective: [String]
    @Defaulted public var permitted: [String]
    @Defaulted public var inheritable: [String]
    @Defaulted public var ambient: [String]

    public init(bounding: [String], effective: [String]) {
      self.bounding = bounding
      self.effective = effective
      permitted = effective
      inheritable = []
      ambient = []
    }

    public static var nothing: Capabilities { Capabilities(bounding: [], effective: []) }
  }

  /// setrlimit(2).
  public struct ResourceLimit: Hashable, Sendable, Decodable {
    /// `RLIMIT_NOFILE` and its like.
    public var type: String
    public var soft: UInt64
    public var hard: UInt64

    public init(type: String, soft: UInt64, hard: UInt64) {
      self.type = type
      self.soft = soft
      self.hard = hard
    }
  }

  /// sched_setattr(2).
  public struct Scheduler: Hashable, Sendable, Decodable {
    /// `SCHED_OTHER` and its like.
    public var policy: String
    public var nice: Int32?
    public var priority: Int32?
    /// `SCHED_FLAG_RESET_ON_FORK` and its like.
    @Defaulted public var flags: [String]
    /// Nanoseconds, as the two that follow.
    public var runtime: UInt64?
    public var deadline: UInt64?
    public var period: UInt64?
  }

  /// ioprio_set(2).
  public struct IOPriority: Hashable, Sendable, Decodable {
    /// `IOPRIO_CLASS_BE` and its like.
    public var `class`: String
    /// 0, the highest, to 7.
    public var priority: Int32?
  }

  /// The CPUs of a process that is executed into an instance, as `0-3,7`.
  public struct CPUAffinity: Hashable, Sendable, Decodable {
    /// Before it is in the instance's cgroup.
    public var initial: String?
    /// After.
    public var final: String?
  }
}
