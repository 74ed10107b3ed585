/// The OCI runtime specification's `config.json` for Linux, whole: every property of version 1.2 has
/// a place here, so that one which swrun cannot do is refused by name and never overlooked.
///
/// Source: opencontainers/runtime-spec, config.md and config-linux.md, version 1.2.
public struct Spec: Hashable, Sendable, Decodable {
  public var ociVersion = "1.2.0"
  public var hostname: String?
  /// That of the NIS, setdomainname(2).
  public var domainname: String?
  public var root: Root
  public var process: Process
  @Defaulted public var mounts: [Mount]
  @Defaulted public var linux: LinuxPart
  public var hooks: Hooks?
  public var annotations: [String: String]?

  /// The root file system.
  public struct Root: Hashable, Sendable, Decodable {
    /// Absolute, or relative to the bundle.
    public var path: String
    @Defaulted public var readonly: Bool

    public init(path: String, readonly: Bool) {
      self.path = path
      self.readonly = readonly
    }
  }

  public struct Mount: Hashable, Sendable, Decodable {
    public var destination: String
    /// A file system; `nil` or `bind` with the option `bind` or `rbind`: a part of the host's tree.
    public var type: String?
    /// What is mounted. `nil`: as `type`.
    public var source: String?
    /// Those of mount(8); what is no flag goes to the file system.
    @Defaulted public var options: [String]
    /// For an idmapped mount, mount_setattr(2).
    public var uidMappings: [IDMapping]?
    public var gidMappings: [IDMapping]?

    public init(destination: String, type: String, source: String, options: [String]) {
      self.destination = destination
      self.type = type
      self.source = source
      self.options = options
    }

    /// Whether a part of the host's tree is bound: by the option, as in runc, or by the type.
    public var isBind: Bool {
      type == "bind" || options.contains("bind") || options.contains("rbind")
    }
  }

  /// A range of ids inside and what it is outside, user_namespaces(7).
  public struct IDMapping: Hashable, Sendable, Decodable {
    public var containerID: UInt32
    public var hostID: UInt32
    public var size: UInt32

    public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
      self.containerID = containerID
      self.hostID = hostID
      self.size = size
    }
  }

  /// Programs of the host and of the instance that are run at steps of an instance's life.
  public struct Hooks: Hashable, Sendable, Decodable {
    /// Deprecated in the specification: as ``createRuntime``, before it.
    @Defaulted public var prestart: [Hook]
    @Defaulted public var createRuntime: [Hook]
    @Defaulted public var createContainer: [Hook]
    @Defaulted public var startContainer: [Hook]
    @Defaulted public var poststart: [Hook]
    @Defaulted public var poststop: [Hook]
  }

  public struct Hook: Hashable, Sendable, Decodable {
    /// Absolute.
    public var path: String
    /// With `argv[0]`.
    @Defaulted public var args: [String]
    @Defaulted public var env: [String]
    /// Seconds, after which it is killed; `nil`: it may take any time.
    public var timeout: Int32?
  }

  public init(
    hostname: String?, root: Root, process: Process, mounts: [Mount], linux: LinuxPart
  ) {
    self.hostname = hostname
    self.root = root
    self.process = process
    self.mounts = mounts
    self.linux = linux
  }
}
