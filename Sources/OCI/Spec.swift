public import Linux

/// The part of the OCI runtime specification's `config.json` that swrun carries out. A bundle that
/// asks for more is refused: what is not understood cannot be kept.
///
/// Source: opencontainers/runtime-spec, config.md and config-linux.md, version 1.2.
public struct Spec: Hashable, Sendable, Codable {
  public var ociVersion = "1.2.0"
  public var hostname: String?
  /// That of the NIS, setdomainname(2).
  public var domainname: String?
  public var root: Root
  public var process: Process
  public var mounts: [Mount]
  public var linux: LinuxPart
  public var annotations: [String: String]?

  /// The root file system.
  public struct Root: Hashable, Sendable, Codable {
    /// Absolute, or relative to the bundle.
    public var path: String
    public var readonly: Bool

    public init(path: String, readonly: Bool) {
      self.path = path
      self.readonly = readonly
    }
  }

  /// What is executed, and as whom.
  public struct Process: Hashable, Sendable, Codable {
    public var terminal: Bool
    public var user: User
    public var args: [String]
    /// `KEY=value`.
    public var env: [String]
    public var cwd: String
    public var capabilities: Capabilities
    public var noNewPrivileges: Bool

    public init(
      terminal: Bool, user: User, args: [String], env: [String], cwd: String,
      capabilities: Capabilities, noNewPrivileges: Bool
    ) {
      self.terminal = terminal
      self.user = user
      self.args = args
      self.env = env
      self.cwd = cwd
      self.capabilities = capabilities
      self.noNewPrivileges = noNewPrivileges
    }
  }

  public struct User: Hashable, Sendable, Codable {
    public var uid: UInt32
    public var gid: UInt32
    public var additionalGids: [UInt32]

    public init(uid: UInt32, gid: UInt32, additionalGids: [UInt32]) {
      self.uid = uid
      self.gid = gid
      self.additionalGids = additionalGids
    }
  }

  /// The five sets of capabilities(7), by names such as `CAP_NET_RAW`.
  public struct Capabilities: Hashable, Sendable, Codable {
    public var bounding: [String]
    public var effective: [String]
    public var permitted: [String]
    public var inheritable: [String]
    public var ambient: [String]

    public init(bounding: [String], effective: [String]) {
      self.bounding = bounding
      self.effective = effective
      permitted = effective
      inheritable = []
      ambient = []
    }
  }

  public struct Mount: Hashable, Sendable, Codable {
    public var destination: String
    /// A file system, or `bind`.
    public var type: String
    public var source: String
    /// Those of mount(8); what is no flag goes to the file system.
    public var options: [String]

    public init(destination: String, type: String, source: String, options: [String]) {
      self.destination = destination
      self.type = type
      self.source = source
      self.options = options
    }
  }

  public struct LinuxPart: Hashable, Sendable, Codable {
    public var namespaces: [Namespace]
    /// Paths of which nothing can be read inside.
    public var maskedPaths: [String]
    /// Paths that cannot be written inside.
    public var readonlyPaths: [String]
    /// `nil` in a bundle: the default filter, which is more than the specification asks for.
    public var seccomp: SeccompProfile?

    public init(
      namespaces: [Namespace], maskedPaths: [String], readonlyPaths: [String],
      seccomp: SeccompProfile
    ) {
      self.namespaces = namespaces
      self.maskedPaths = maskedPaths
      self.readonlyPaths = readonlyPaths
      self.seccomp = seccomp
    }
  }

  /// A namespace of the process. One that is not listed is shared with the monitor.
  public struct Namespace: Hashable, Sendable, Codable {
    public var type: String
    /// The file of one that is there already, which is joined; `nil` for a new one.
    public var path: String?

    public init(type: String, path: String? = nil) {
      self.type = type
      self.path = path
    }
  }

  /// The network namespace of the process.
  public enum NetworkNamespace: Hashable, Sendable {
    /// Its own.
    case new
    /// The host's.
    case host
    /// One that is there already, by its file.
    case joined(path: String)
  }

  /// What `linux.namespaces` says of the network.
  public var networkNamespace: NetworkNamespace {
    get {
      guard let entry = linux.namespaces.first(where: { $0.type == "network" }) else {
        return .host
      }
      return entry.path.map { .joined(path: $0) } ?? .new
    }
    set {
      linux.namespaces.removeAll { $0.type == "network" }
      switch newValue {
      case .new: linux.namespaces.insert(Namespace(type: "network"), at: 0)
      case .joined(let path):
        linux.namespaces.insert(Namespace(type: "network", path: path), at: 0)
      case .host: break
      }
    }
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
