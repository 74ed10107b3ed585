extension Spec {
  /// Limits of the instance's cgroup. Source: runtime-spec config-linux.md, Control groups.
  public struct Resources: Hashable, Sendable, Decodable {
    @Defaulted public var devices: [DeviceRule]
    public var memory: Memory?
    public var cpu: CPU?
    public var pids: Pids?
    public var blockIO: BlockIO?
    @Defaulted public var hugepageLimits: [HugepageLimit]
    public var network: NetworkClass?
    /// By the device's name.
    @Defaulted public var rdma: [String: Rdma]
    /// Files of cgroup version 2, and what is written to them.
    @Defaulted public var unified: [String: String]

    public init() {
      devices = []
      hugepageLimits = []
      rdma = [:]
      unified = [:]
    }
  }

  /// Whether devices can be used. The last rule that fits decides.
  public struct DeviceRule: Hashable, Sendable, Decodable {
    public var allow: Bool
    /// `a` all, `c` or `b`; `nil`: all.
    public var type: String?
    /// `nil` or -1: all.
    public var major: Int64?
    public var minor: Int64?
    /// Some of `r`, `w` and `m`; `nil`: all.
    public var access: String?

    public init(
      allow: Bool, type: String? = nil, major: Int64? = nil, minor: Int64? = nil,
      access: String? = nil
    ) {
      self.allow = allow
      self.type = type
      self.major = major
      self.minor = minor
      self.access = access
    }
  }

  /// Bytes; -1 is without a limit.
  public struct Memory: Hashable, Sendable, Decodable {
    public var limit: Int64?
    public var reservation: Int64?
    /// Memory and swap together.
    public var swap: Int64?
    public var kernel: Int64?
    public var kernelTCP: Int64?
    public var swappiness: UInt64?
    public var disableOOMKiller: Bool?
    public var useHierarchy: Bool?
    public var checkBeforeUpdate: Bool?

    public init() {}
  }

  public struct CPU: Hashable, Sendable, Decodable {
    /// The relative weight of version 1, 2 to 262144.
    public var shares: UInt64?
    /// Microseconds of CPU time in a period; below 0: no limit.
    public var quota: Int64?
    /// Microseconds.
    public var burst: UInt64?
    /// Microseconds.
    public var period: UInt64?
    public var realtimeRuntime: Int64?
    public var realtimePeriod: UInt64?
    /// As `0-3,7`.
    public var cpus: String?
    /// Memory nodes, as `0-1`.
    public var mems: String?
    /// 1: runs only when nothing else does.
    public var idle: Int64?

    public init() {}
  }

  public struct Pids: Hashable, Sendable, Decodable {
    /// 0 and below: no limit.
    public var limit: Int64

    public init(limit: Int64) { self.limit = limit }
  }

  public struct BlockIO: Hashable, Sendable, Decodable {
    /// 10 to 1000.
    public var weight: UInt16?
    public var leafWeight: UInt16?
    @Defaulted public var weightDevice: [WeightDevice]
    /// Bytes a second, as the next.
    @Defaulted public var throttleReadBpsDevice: [ThrottleDevice]
    @Defaulted public var throttleWriteBpsDevice: [ThrottleDevice]
    /// Operations a second, as the next.
    @Defaulted public var throttleReadIOPSDevice: [ThrottleDevice]
    @Defaulted public var throttleWriteIOPSDevice: [ThrottleDevice]

    public init() {
      weightDevice = []
      throttleReadBpsDevice = []
      throttleWriteBpsDevice = []
      throttleReadIOPSDevice = []
      throttleWriteIOPSDevice = []
    }
  }

  public struct WeightDevice: Hashable, Sendable, Decodable {
    public var major: Int64
    public var minor: Int64
    public var weight: UInt16?
    public var leafWeight: UInt16?

    public init(major: Int64, minor: Int64, weight: UInt16) {
      self.major = major
      self.minor = minor
      self.weight = weight
    }
  }

  public struct ThrottleDevice: Hashable, Sendable, Decodable {
    public var major: Int64
    public var minor: Int64
    public var rate: UInt64

    public init(major: Int64, minor: Int64, rate: UInt64) {
      self.major = major
      self.minor = minor
      self.rate = rate
    }
  }

  public struct HugepageLimit: Hashable, Sendable, Decodable {
    /// As `2MB`.
    public var pageSize: String
    /// Bytes.
    public var limit: UInt64
  }

  /// Of version 1 only.
  public struct NetworkClass: Hashable, Sendable, Decodable {
    public var classID: UInt32?
    @Defaulted public var priorities: [InterfacePriority]
  }

  public struct InterfacePriority: Hashable, Sendable, Decodable {
    public var name: String
    public var priority: UInt32
  }

  public struct Rdma: Hashable, Sendable, Decodable {
    public var hcaHandles: UInt32?
    public var hcaObjects: UInt32?
  }
}
