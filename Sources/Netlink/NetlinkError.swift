public import SystemPackage

/// A request that the kernel has refused.
public struct NetlinkError: Error, Hashable, CustomStringConvertible {
  /// The message and its object, for example `RTM_NEWLINK eth0`.
  public let request: String
  public let errno: Errno
  /// The kernel's own words (extended acknowledgement, `NLMSGERR_ATTR_MSG`), where it sent some.
  public let extack: String?

  public init(request: String, errno: Errno, extack: String? = nil) {
    self.request = request
    self.errno = errno
    self.extack = extack
  }

  /// The kernel's words where there are some, else the meaning of the errno.
  public var reason: String { extack ?? "\(errno)" }

  public var description: String { "\(request): \(reason)" }
}
