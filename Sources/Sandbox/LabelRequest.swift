import Linux
import Network

/// `--security-opt label=…`: how a workload's SELinux context differs from the one that the host's
/// policy has for containers.
public struct LabelRequest: Hashable, Sendable {
  /// `label=disable`: the context of swrun itself.
  public private(set) var isDisabled = false
  private var parts: [String: String] = [:]

  private static let names = ["user", "role", "type", "level"]

  public init() {}

  /// Takes what follows `label=`: `disable`, or one part as `type:container_t`.
  mutating func apply(_ text: String) throws(SandboxError) {
    if text == "disable" {
      isDisabled = true
      return
    }
    // A level has colons of its own: s0:c1,c2.
    let pair = text.split(separator: ":", maxSplits: 1).map(String.init)
    guard pair.count == 2, Self.names.contains(pair[0]) else {
      throw SandboxError(
        "unknown label\(suggestion(for: pair.first ?? "", in: Self.names + ["disable"])); it is disable, user:U, role:R, type:T or level:L"
      )
    }
    guard pair[0] == "level" || !pair[1].contains(":") else {
      throw SandboxError("a \(pair[0]) has no colon")
    }
    parts[pair[0]] = pair[1]
  }

  /// The context `user:role:type:level` of the process.
  ///
  /// - Parameter standard: that of containers in the policy.
  func context(changing standard: String) throws(SandboxError) -> String {
    var values = standard.split(separator: ":", maxSplits: 3).map(String.init)
    guard values.count == 4 else {
      throw SandboxError("the policy's context \(standard.debugDescription) has not four parts")
    }
    for (index, name) in Self.names.enumerated() { values[index] = parts[name] ?? values[index] }
    return values.joined(separator: ":")
  }

  /// The `process` context of the policy's lxc_contexts, as Docker and Podman read it.
  ///
  /// - Parameter configuration: selinux_config(5)'s file, which says where the policy lies.
  static func standard(configuration: String = "/etc/selinux/config") throws(SandboxError) -> String
  {
    let lines = ((try? readText(configuration)) ?? "").split(separator: "\n")
    let type =
      lines.last { $0.hasPrefix("SELINUXTYPE=") }?.dropFirst(12).filter { !$0.isWhitespace }
      ?? "targeted"
    let path = "/etc/selinux/\(type)/contexts/lxc_contexts"
    let line = ((try? readText(path)) ?? "").split(separator: "\n")
      .first { $0.hasPrefix("process") && $0.contains("=") }
    guard
      let value = line?.split(separator: "=", maxSplits: 1).last?.split(separator: "\"").first(
        where: { $0.contains(":") })
    else {
      throw SandboxError(
        "--security-opt label: \(path) says no context for containers; install container-selinux")
    }
    return String(value)
  }
}
