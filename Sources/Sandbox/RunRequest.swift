public import OCI

/// What the user asks for with the options of `swrun run`, before anything is looked up.
public struct RunRequest: Hashable, Sendable {
  /// 64 hex digits.
  public var id: String
  public var command: [String]
  /// `-e`, in order: `KEY=value`, or `KEY` for the host's value.
  public var environment: [String] = []
  /// `-w`
  public var workingDirectory: String?
  /// `-u`: `name`, `uid`, `name:group`, `uid:gid`.
  public var user: String?
  /// `-v`, `--mount` and `--tmpfs`, what contains others before them.
  public private(set) var mounts: [Spec.Mount] = []
  /// `--rootfs`: the directory that is `/` inside; `nil` for the host's root, or that of a bundle.
  public var rootfs: String?
  /// `--read-only`
  public var readOnly = false
  /// `--ephemeral`
  public var isEphemeral = false
  /// `-t`
  public var terminal = false
  /// `--hostname`; the beginning of the id where there is none.
  public var hostname: String?
  /// `--domainname`
  public var domainname: String?
  /// The network namespace that it runs in.
  public var network = Spec.NamespaceUse.new
  public var security = SecurityRequest()
  public var userNamespace = Spec.UserNamespace.shared
  public var limits = LimitRequest()
  /// `--ulimit`, `--sysctl`, `--pid` and their like.
  public var attributes = AttributeRequest()
  /// Directories of swrun's own that the workload must not see.
  public var hiddenPaths: [String] = []

  public init(id: String, command: [String]) {
    self.id = id
    self.command = command
  }

  /// Takes the mounts that options ask for. As with Docker, they come in the order of their depth, and
  /// two at one place are refused.
  public mutating func setMounts(_ given: [Spec.Mount]) throws(SandboxError) {
    var places: Set<String> = []
    for mount in given where !places.insert(Spec.plainPath(mount.destination)).inserted {
      throw SandboxError("two mounts are given for \(mount.destination); leave one out")
    }
    func depth(_ mount: Spec.Mount) -> Int {
      mount.destination.split(separator: "/").filter { $0 != "." }.count
    }
    mounts = given.enumerated().sorted {
      (depth($0.element), $0.offset) < (depth($1.element), $1.offset)
    }.map(\.element)
  }
}
