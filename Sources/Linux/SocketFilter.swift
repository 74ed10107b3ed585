public import CLinux
import Glibc
public import SystemPackage

/// Has a socket take in only what a program lets through: classic BPF,
/// Documentation/networking/filter.rst.
///
/// - Parameter program: what it returns is how much of a packet is taken; see ``CLinux/sock_filter/end(taking:)``.
public func setFilter(_ fd: FileDescriptor, _ program: [sock_filter]) throws(SystemError) {
  var program = program
  let result = program.withUnsafeMutableBufferPointer {
    var filter = sock_fprog(len: UInt16($0.count), filter: $0.baseAddress)
    return setsockopt(
      fd.rawValue, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
      socklen_t(MemoryLayout<sock_fprog>.size))
  }
  try check("setsockopt", "SO_ATTACH_FILTER", result)
}

extension sock_filter {
  public init(_ code: CInt, _ operand: UInt32, ifTrue: UInt8 = 0, ifFalse: UInt8 = 0) {
    self.init(code: UInt16(code), jt: ifTrue, jf: ifFalse, k: operand)
  }

  /// Loads a number in network byte order; with `BPF_IND` at that offset from the index register.
  ///
  /// - Parameters:
  ///   - size: `BPF_B`, `BPF_H` or `BPF_W`.
  ///   - mode: `BPF_ABS` or `BPF_IND`.
  public static func load(_ size: CInt, _ mode: CInt, _ offset: UInt32) -> sock_filter {
    sock_filter(BPF_LD | size | mode, offset)
  }

  /// Goes on where the loaded number passes the test, `BPF_JEQ` and the like; else skips so many.
  public static func jump(_ test: CInt, _ value: UInt32, orSkip count: UInt8) -> sock_filter {
    sock_filter(BPF_JMP | test | BPF_K, value, ifFalse: count)
  }

  /// The end: the packet is taken, or is as if it had never come.
  public static func end(taking: Bool) -> sock_filter {
    sock_filter(BPF_RET | BPF_K, taking ? .max : 0)
  }
}
