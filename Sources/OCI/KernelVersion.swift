import Linux

/// Two numbers of a kernel's version.
public struct KernelVersion: Hashable, Comparable, Sendable {
  public let major: Int
  public let minor: Int

  public init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// From `6.1` or `6.1.0-41-amd64`.
  public init?(parsing text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 2, let major = Int(parts[0]), major >= 0,
      let minor = Int(parts[1].prefix { $0.isASCII && $0.isNumber })
    else { return nil }
    self.init(major, minor)
  }

  public static func < (one: KernelVersion, other: KernelVersion) -> Bool {
    (one.major, one.minor) < (other.major, other.minor)
  }

  public static var running: KernelVersion {
    let release = (try? readText("/proc/sys/kernel/osrelease")) ?? ""
    return KernelVersion(parsing: release) ?? KernelVersion(0, 0)
  }
}
