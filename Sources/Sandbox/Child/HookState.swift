/// The state of an instance, as a hook reads it from its standard input. It is written by hand: the
/// child side writes it too, where nothing of Foundation may run.
public struct HookState: Hashable, Sendable {
  public let ociVersion: String
  public let id: String
  public let bundle: String
  public let annotations: [String: String]

  public init(ociVersion: String, id: String, bundle: String, annotations: [String: String]) {
    self.ociVersion = ociVersion
    self.id = id
    self.bundle = bundle
    self.annotations = annotations
  }

  /// - Parameters:
  ///   - status: `creating`, `created`, `running` or `stopped`.
  ///   - pid: that of the process, as the hook's place numbers it; `nil` once it has ended.
  public func json(status: String, pid: Int32?) -> String {
    var members = [
      ("ociVersion", Self.quoted(ociVersion)), ("id", Self.quoted(id)),
      ("status", Self.quoted(status)),
    ]
    if let pid { members.append(("pid", "\(pid)")) }
    members.append(("bundle", Self.quoted(bundle)))
    if !annotations.isEmpty {
      let entries = annotations.sorted { $0.key < $1.key }
        .map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
      members.append(("annotations", "{\(entries.joined(separator: ","))}"))
    }
    return "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
  }

  /// A string of JSON, RFC 8259.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
