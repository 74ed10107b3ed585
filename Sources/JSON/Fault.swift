/// One thing that is wrong in a JSON document, and where.
public struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
  /// Such as `linux.namespaces[2].type`; empty for the whole.
  public let path: String
  /// What is wrong and what would be right, without the path.
  public let reason: String

  public init(_ path: String, _ reason: String) {
    self.path = path
    self.reason = reason
  }

  public var description: String { path.isEmpty ? reason : "\(path) \(reason)" }
}
