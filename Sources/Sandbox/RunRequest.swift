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
  /// `-v`, in order.
  public var volumes: [Volume] = []
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

  /// `-v SOURCE:DESTINATION[:ro]`
  public struct Volume: Hashable, Sendable {
    public let source: String
    public let destination: String
    public let readOnly: Bool

    /// Reads the option's text.
    public init(parsing text: String) throws(SandboxError) {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2 || parts.count == 3 else {
        throw SandboxError(
          "-v \(text.debugDescription): write it as SOURCE:DESTINATION or SOURCE:DESTINATION:ro")
      }
      if parts.count == 3, parts[2] != "ro", parts[2] != "rw" {
        throw SandboxError(
          "-v \(text.debugDescription): unknown option \(parts[2].debugDescription); the options are ro, rw"
        )
      }
      guard parts[0].hasPrefix("/"), parts[1].hasPrefix("/") else {
        throw SandboxError(
          "-v \(text.debugDescription): both paths have to be absolute; named volumes do not exist here"
        )
      }
      guard parts[1].contains(where: { $0 != "/" && $0 != "." }) else {
        throw SandboxError("-v \(text.debugDescription): the root directory cannot be covered")
      }
      source = parts[0]
      destination = parts[1]
      readOnly = parts.count == 3 && parts[2] == "ro"
    }
  }
}
