import Linux
public import OCI

/// Whose namespace of a kind an instance is to have: `--pid`, `--ipc`, `--uts`.
public enum NamespaceRequest: Hashable, Sendable {
  case `private`
  case host
  /// That of another instance, by its name or the beginning of its id.
  case container(String)
  /// By its file.
  case path(String)

  private static let words = ["private", "host", "container:NAME", "ns:PATH"]

  public init(parsing text: String, option: String) throws(SandboxError) {
    switch text {
    case "private": self = .private
    case "host": self = .host
    case _ where text.hasPrefix("container:") && text.count > 10:
      self = .container(String(text.dropFirst(10)))
    case _ where text.hasPrefix("ns:/"): self = .path(String(text.dropFirst(3)))
    default:
      let hint = suggestion(for: text, in: ["private", "host"])
      throw SandboxError(
        "\(option) \(text.debugDescription): it is \(Self.words.joined(separator: ", "))\(hint)")
    }
  }
}

/// What the options of `run` ask for about the process and its namespaces.
public struct AttributeRequest: Hashable, Sendable {
  /// By the type of namespace as the specification names it.
  public private(set) var namespaces: [String: NamespaceRequest] = [:]
  public private(set) var limits: [Spec.ResourceLimit] = []
  public private(set) var sysctls: [String: String] = [:]
  public private(set) var annotations: [String: String] = [:]

  public init() {}

  /// `--pid` and its like.
  public mutating func setNamespace(_ type: String, _ text: String) throws(SandboxError) {
    namespaces[type] = try NamespaceRequest(parsing: text, option: "--\(type)")
  }

  /// `--ulimit NAME=SOFT[:HARD]`; of two for one limit the later counts, as with Docker.
  public mutating func addLimit(_ text: String) throws(SandboxError) {
    let pair = text.split(separator: "=", maxSplits: 1).map(String.init)
    let name = pair.first ?? ""
    let names = LimitKind.allCases.map(\.shortName)
    guard let kind = LimitKind.allCases.first(where: { $0.shortName == name }) else {
      throw SandboxError(
        "--ulimit \(text.debugDescription): unknown limit \(name.debugDescription)\(suggestion(for: name, in: names)); the limits are \(names.joined(separator: ", "))"
      )
    }
    let values = (pair.count > 1 ? pair[1] : "")
      .split(separator: ":", omittingEmptySubsequences: false).map(Self.limit)
    guard (1...2).contains(values.count), let soft = values[0], let hard = values.last ?? nil else {
      throw SandboxError(
        "--ulimit \(text.debugDescription): write it as \(name)=SOFT or \(name)=SOFT:HARD, with numbers, or -1 for no limit"
      )
    }
    guard soft <= hard else {
      throw SandboxError(
        "--ulimit \(text.debugDescription): the soft limit is more than the hard one")
    }
    limits.removeAll { $0.type == kind.specName }
    limits.append(Spec.ResourceLimit(type: kind.specName, soft: soft, hard: hard))
  }

  private static func limit(_ text: Substring) -> UInt64? {
    ["-1", "unlimited"].contains(text) ? .max : UInt64(text)
  }

  /// `--sysctl KEY=VALUE`
  public mutating func addSysctl(_ text: String) throws(SandboxError) {
    let (name, value) = try Self.pair(text, "--sysctl")
    sysctls[name] = value
  }

  /// `--annotation KEY=VALUE`
  public mutating func addAnnotation(_ text: String) throws(SandboxError) {
    let (name, value) = try Self.pair(text, "--annotation")
    annotations[name] = value
  }

  private static func pair(
    _ text: String, _ option: String
  ) throws(SandboxError) -> (String, String) {
    let pair = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard pair.count == 2, !pair[0].isEmpty, !text.utf8.contains(0) else {
      throw SandboxError("\(option) \(text.debugDescription): write it as KEY=VALUE")
    }
    return (String(pair[0]), String(pair[1]))
  }
}

extension Spec {
  /// Takes over what is asked for; the namespaces are decided already.
  public mutating func apply(_ request: AttributeRequest) throws(SandboxError) {
    process.rlimits.removeAll { former in request.limits.contains { $0.type == former.type } }
    process.rlimits += request.limits
    for (name, value) in request.sysctls.sorted(by: { $0.key < $1.key }) {
      if let reason = sysctlFault(Self.dottedSysctl(name)) {
        throw SandboxError("--sysctl \(name) \(reason)")
      }
      linux.sysctl[name] = value
    }
    if !request.annotations.isEmpty {
      annotations = (annotations ?? [:]).merging(request.annotations) { $1 }
    }
  }
}
