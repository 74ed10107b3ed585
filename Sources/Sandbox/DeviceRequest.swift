public import OCI

/// `--device PATH[:PATH[:rwm]]`: a device of the host and where it is inside.
public struct DeviceRequest: Hashable, Sendable {
  public let source: String
  public let destination: String
  /// Some of `r`, `w` and `m`.
  public let access: String

  public init(parsing text: String) throws(SandboxError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    // As Docker takes it: PATH:rwm has the same path inside.
    let isShort = parts.count == 2 && Self.isAccess(parts[1])
    guard (1...3).contains(parts.count), parts[0].hasPrefix("/"),
      isShort || parts.count == 1 || parts[1].hasPrefix("/"),
      parts.count < 3 || Self.isAccess(parts[2])
    else {
      throw SandboxError(
        "--device \(text.debugDescription): write it as /dev/NAME, /dev/NAME:/dev/NAME or /dev/NAME:/dev/NAME:rwm"
      )
    }
    source = parts[0]
    destination = isShort || parts.count == 1 ? parts[0] : parts[1]
    access = isShort ? parts[1] : parts.count == 3 ? parts[2] : "rwm"
  }

  private static func isAccess(_ text: String) -> Bool {
    !text.isEmpty && text.allSatisfy { "rwm".contains($0) }
  }

  /// The device's node inside, and the rule that lets it be used.
  func resolved() throws(SandboxError) -> (node: Spec.Device, rule: Spec.DeviceRule) {
    let found = try DeviceNode(source, "--device")
    return (
      Spec.Device(
        path: destination, type: found.type, major: found.major, minor: found.minor,
        fileMode: found.mode, uid: found.uid, gid: found.gid),
      Spec.DeviceRule(
        allow: true, type: found.type, major: found.major, minor: found.minor, access: access)
    )
  }

  /// `--device-cgroup-rule`, as `c 10:200 rwm` or `a *:* rwm`.
  public static func rule(parsing text: String) throws(SandboxError) -> Spec.DeviceRule {
    let words = text.split(separator: " ").map(String.init)
    let numbers = words.count == 3 ? words[1].split(separator: ":").map(String.init) : []
    func number(_ text: String) -> Int64?? {
      text == "*" ? .some(nil) : UInt32(text).map { .some(Int64($0)) }
    }
    guard words.count == 3, ["a", "b", "c"].contains(words[0]), numbers.count == 2,
      let major = number(numbers[0]), let minor = number(numbers[1]), isAccess(words[2])
    else {
      throw SandboxError(
        "--device-cgroup-rule \(text.debugDescription): write it as 'c 10:200 rwm' or 'b 8:* r'")
    }
    return Spec.DeviceRule(
      allow: true, type: words[0], major: major, minor: minor, access: words[2])
  }
}
