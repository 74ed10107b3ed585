public import Linux

extension Spec {
  /// What only Linux has. Source: runtime-spec config-linux.md.
  public struct LinuxPart: Hashable, Sendable, Decodable, SaysNothing {
    @Defaulted public var namespaces: [Namespace]
    @Defaulted public var uidMappings: [IDMapping]
    @Defaulted public var gidMappings: [IDMapping]
    public var timeOffsets: TimeOffsets?
    @Defaulted public var devices: [Device]
    public var cgroupsPath: String?
    public var resources: Resources?
    /// `private`, `shared`, `slave` or `unbindable`; `nil`: private.
    public var rootfsPropagation: String?
    /// By the name, with dots.
    @Defaulted public var sysctl: [String: String]
    /// Paths of which nothing can be read inside.
    @Defaulted public var maskedPaths: [String]
    /// Paths that cannot be written inside.
    @Defaulted public var readonlyPaths: [String]
    public var mountLabel: String?
    /// `nil`: the default filter, which in a bundle is more than the specification asks for.
    public var seccomp: SeccompProfile?
    public var personality: Personality?
    public var intelRdt: IntelRdt?
    /// Of version 1.3.
    public var memoryPolicy: MemoryPolicy?
    /// Of version 1.3: devices of the host that move into the instance, by their name there.
    public var netDevices: [String: NetDevice]?

    public init(
      namespaces: [Namespace], maskedPaths: [String], readonlyPaths: [String],
      seccomp: SeccompProfile?
    ) {
      self.namespaces = namespaces
      uidMappings = []
      gidMappings = []
      devices = []
      sysctl = [:]
      self.maskedPaths = maskedPaths
      self.readonlyPaths = readonlyPaths
      self.seccomp = seccomp
    }

    public static var nothing: LinuxPart {
      LinuxPart(namespaces: [], maskedPaths: [], readonlyPaths: [], seccomp: nil)
    }
  }

  /// A namespace of the process. One that is not listed is shared with the monitor.
  public struct Namespace: Hashable, Sendable, Decodable {
    public var type: String
    /// The file of one that is there already, which is joined; `nil` for a new one.
    public var path: String?

    public init(type: String, path: String? = nil) {
      self.type = type
      self.path = path
    }
  }

  /// A device node to be made.
  public struct Device: Hashable, Sendable, Decodable {
    public var path: String
    /// `c`, `b`, `u` or `p`, mknod(1).
    public var type: String
    /// Those of the device; not with `p`.
    public var major: Int64?
    public var minor: Int64?
    /// `nil`: 0666.
    public var fileMode: UInt32?
    public var uid: UInt32?
    public var gid: UInt32?

    public init(
      path: String, type: String, major: Int64?, minor: Int64?, fileMode: UInt32? = nil,
      uid: UInt32? = nil, gid: UInt32? = nil
    ) {
      self.path = path
      self.type = type
      self.major = major
      self.minor = minor
      self.fileMode = fileMode
      self.uid = uid
      self.gid = gid
    }
  }

  /// time_namespaces(7).
  public struct TimeOffsets: Hashable, Sendable, Decodable {
    public var monotonic: TimeOffset?
    public var boottime: TimeOffset?
  }

  public struct TimeOffset: Hashable, Sendable, Decodable {
    public var secs: Int64?
    public var nanosecs: UInt32?
  }

  /// personality(2).
  public struct Personality: Hashable, Sendable, Decodable {
    /// `LINUX` or `LINUX32`.
    public var domain: String
    /// None is defined by the specification.
    @Defaulted public var flags: [String]
  }

  /// Documentation/arch/x86/resctrl.rst.
  public struct IntelRdt: Hashable, Sendable, Decodable {
    public var closID: String?
    public var schemata: [String]?
    public var l3CacheSchema: String?
    public var memBwSchema: String?
    public var enableMonitoring: Bool?
    public var enableCMT: Bool?
    public var enableMBM: Bool?
  }

  /// set_mempolicy(2).
  public struct MemoryPolicy: Hashable, Sendable, Decodable {
    public var mode: String
    public var nodes: String?
    @Defaulted public var flags: [String]
  }

  public struct NetDevice: Hashable, Sendable, Decodable {
    /// The name inside.
    public var name: String?
  }

  /// What a process has of a kind of namespace.
  public enum NamespaceUse: Hashable, Sendable {
    /// Its own.
    case new
    /// The host's.
    case host
    /// One that is there already, by its file.
    case joined(path: String)
  }

  /// What `linux.namespaces` says of a kind, such as `pid`.
  public subscript(namespace type: String) -> NamespaceUse {
    get {
      guard let entry = linux.namespaces.first(where: { $0.type == type }) else { return .host }
      return entry.path.map { .joined(path: $0) } ?? .new
    }
    set {
      let place = linux.namespaces.firstIndex { $0.type == type } ?? 0
      linux.namespaces.removeAll { $0.type == type }
      switch newValue {
      case .new: linux.namespaces.insert(Namespace(type: type), at: place)
      case .joined(let path):
        linux.namespaces.insert(Namespace(type: type, path: path), at: place)
      case .host: break
      }
    }
  }

  /// What `linux.namespaces` says of the network.
  public var networkNamespace: NamespaceUse {
    get { self[namespace: "network"] }
    set { self[namespace: "network"] = newValue }
  }
}
