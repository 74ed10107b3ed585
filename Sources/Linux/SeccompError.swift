public import SystemPackage

/// A profile of which no filter can be made.
public struct SeccompError: Error, Hashable, CustomStringConvertible {
  /// The function as its manual page names it, for example `seccomp_rule_add_array`.
  public let call: String
  /// The system call, architecture or action that it was about; empty when there is none.
  public let object: String
  /// libseccomp's reason, or the kernel's.
  public let errno: Errno

  public init(_ call: String, _ object: String = "", errno: Errno) {
    self.call = call
    self.object = object
    self.errno = errno
  }

  public var description: String {
    let about = object.isEmpty ? "" : " (\(object))"
    return "cannot compile the seccomp profile: \(call)\(about): \(errno)"
  }
}
