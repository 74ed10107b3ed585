import Glibc
import Linux

/// What the user asks for of a workload's privileges with the options of `swrun run`.
public struct SecurityRequest: Hashable, Sendable {
  public var capabilities = CapabilityRequest()
  /// `--privileged`
  public var privileged = false
  /// `--security-opt seccomp=`, `--seccomp`; `nil`: the default filter, or none with `--privileged`.
  public var seccomp: Seccomp?
  /// `--security-opt no-new-privileges`; `nil`: as the bundle says, without one it is so.
  public var noNewPrivileges: Bool?
  /// `--security-opt apparmor=`; `unconfined` is that one's profile too.
  public var appArmor: String?
  /// `--security-opt label=`
  public var label: LabelRequest?
  /// `--security-opt systempaths=unconfined`: nothing is masked or read-only.
  public var unconfinedPaths = false
  /// `--security-opt mask=`
  public var masked: [String] = []
  /// `--security-opt unmask=`: paths, patterns of glob(7), or `ALL`.
  public var unmasked: [String] = []
  /// Not `--security-opt landlock=off`
  public var landlock = true
  /// `--group-add`: names or numbers.
  public var groups: [String] = []

  public init() {}

  public enum Seccomp: Hashable, Sendable {
    case standard
    case unconfined
    case file(String)

    /// Reads the text of `--seccomp`, or what follows `seccomp=`.
    public init(parsing text: String) throws(SandboxError) {
      switch text {
      case "": throw SandboxError("seccomp= needs a file, builtin or unconfined")
      case "unconfined": self = .unconfined
      // Docker's name for its default.
      case "builtin": self = .standard
      default: self = .file(text)
      }
    }
  }

  private static let keys = [
    "seccomp", "no-new-privileges", "apparmor", "label", "systempaths", "mask", "unmask",
    "landlock",
  ]

  /// Takes one `--security-opt KEY=VALUE`; Docker's older `KEY:VALUE` too.
  public mutating func apply(_ text: String) throws(SandboxError) {
    let end = text.firstIndex { $0 == "=" || $0 == ":" }
    let key = String(text[..<(end ?? text.endIndex)])
    let value = end.map { String(text[text.index(after: $0)...]) }
    func refuse(_ reason: String) -> SandboxError {
      SandboxError("--security-opt \(text.debugDescription): \(reason)")
    }
    guard Self.keys.contains(key) else {
      throw refuse(
        "unknown option \(key.debugDescription)\(suggestion(for: key, in: Self.keys)); the options are \(Self.keys.joined(separator: ", "))"
      )
    }
    if key == "no-new-privileges" {
      switch value {
      case nil, "true": noNewPrivileges = true
      case "false": noNewPrivileges = false
      default: throw refuse("true or false, or nothing")
      }
      return
    }
    guard let value, !value.isEmpty, !value.utf8.contains(0) else {
      throw refuse("it needs a value, \(key)=…")
    }
    switch key {
    case "seccomp": seccomp = try Seccomp(parsing: value)
    case "apparmor": appArmor = value
    case "label":
      var label = label ?? LabelRequest()
      do { try label.apply(value) } catch { throw refuse(error.description) }
      self.label = label
    case "systempaths":
      guard value == "unconfined" else {
        throw refuse("unknown value\(suggestion(for: value, in: ["unconfined"])); it is unconfined")
      }
      unconfinedPaths = true
    case "mask": masked += try Self.paths(value, refuse)
    case "unmask": unmasked += value == "ALL" ? [value] : try Self.paths(value, refuse)
    default:
      guard ["on", "off"].contains(value) else { throw refuse("on or off") }
      landlock = value == "on"
    }
  }

  private static func paths(
    _ text: String, _ refuse: (String) -> SandboxError
  ) throws(SandboxError) -> [String] {
    let paths = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    for path in paths where !path.hasPrefix("/") || path == "/" {
      throw refuse("\(path.debugDescription) is not an absolute path; several have : between them")
    }
    return paths
  }

  /// Takes out of `paths` what is not to be hidden or protected.
  ///
  /// - Parameter used: gets each of ``unmasked`` that has fitted.
  func remaining(_ paths: [String], _ used: inout Set<String>) -> [String] {
    if unconfinedPaths || privileged { return [] }
    return paths.filter { path in
      let fitting = unmasked.filter { $0 == "ALL" || fnmatch($0, path, 0) == 0 }
      used.formUnion(fitting)
      return fitting.isEmpty
    }
  }
}
