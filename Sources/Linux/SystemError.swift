import Glibc
public import SystemPackage

/// A system call that failed: which, on what, and why.
public struct SystemError: Error, Hashable, CustomStringConvertible {
  /// The call as its manual page names it, for example `open_tree`.
  public let call: String
  /// What it was asked to act on: a path, a name; empty when the call has no object.
  public let object: String
  /// The kernel's reason, errno(3).
  public let errno: Errno

  public init(_ call: String, _ object: String = "", errno: Errno) {
    self.call = call
    self.object = object
    self.errno = errno
  }

  /// Takes the reason from the thread's `errno`; to be made at once after the call.
  public init(_ call: String, _ object: String = "") {
    self.init(call, object, errno: Errno(rawValue: Glibc.errno))
  }

  public var description: String {
    object.isEmpty ? "\(call): \(errno)" : "\(call) \(object): \(errno)"
  }
}

/// Passes a call's result on, or throws what `errno` says where the result is negative.
@discardableResult
public func check<Result: SignedInteger>(
  _ call: @autoclosure () -> String, _ object: @autoclosure () -> String = "", _ result: Result
) throws(SystemError) -> Result {
  if result >= 0 { return result }
  let reason = Errno(rawValue: errno)
  throw SystemError(call(), object(), errno: reason)
}
