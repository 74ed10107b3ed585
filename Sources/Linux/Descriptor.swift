import CLinux
import Glibc
public import SystemPackage

/// open(2): a place in the tree that cannot be read or written, only looked up from and mounted on.
public let pathOnly: CInt = 0o10000000

/// An open file description's descriptor, closed when its owner goes away.
public struct Descriptor: ~Copyable, Sendable {
  private let raw: CInt

  /// Takes over a descriptor that a system call has just returned.
  public init(owning raw: CInt) {
    self.raw = raw
  }

  deinit {
    close(raw)
  }

  /// A borrowed view, for swift-system's calls; valid while the owner lives.
  public var fd: FileDescriptor { FileDescriptor(rawValue: raw) }

  /// Gives the descriptor up without closing it: it is kept until the process ends or executes.
  public consuming func release() -> FileDescriptor {
    let fd = FileDescriptor(rawValue: raw)
    discard self
    return fd
  }

  /// open(2) or openat(2), always close-on-exec.
  ///
  /// - Parameters:
  ///   - path: relative to `directory` where that is given, else to the working directory.
  ///   - flags: `O_*` of open(2).
  public static func open(
    _ path: String, _ flags: CInt, mode: mode_t = 0, in directory: FileDescriptor? = nil
  ) throws(SystemError) -> Descriptor {
    let raw = Glibc.openat(directory?.rawValue ?? AT_FDCWD, path, flags | O_CLOEXEC, mode)
    return Descriptor(owning: try check("open", path, raw))
  }

  /// openat2(2) with `RESOLVE_IN_ROOT`: `path` is looked up as if `root` were `/`, so that neither
  /// `..` nor a symbolic link in a hostile tree leads out of it, and magic links are not followed.
  public static func open(
    _ path: String, _ flags: CInt, inRoot root: FileDescriptor
  ) throws(SystemError) -> Descriptor {
    try open(FileName(path), flags, inRoot: root)
  }

  /// openat(2) of a name that may be no UTF-8, always close-on-exec.
  public static func open(
    _ path: FileName, _ flags: CInt, mode: mode_t = 0, in directory: FileDescriptor? = nil
  ) throws(SystemError) -> Descriptor {
    let raw = path.withCString {
      Glibc.openat(directory?.rawValue ?? AT_FDCWD, $0, flags | O_CLOEXEC, mode)
    }
    return Descriptor(owning: try check("open", path.text, raw))
  }

  /// ``open(_:_:inRoot:)`` of a path that may be no UTF-8.
  public static func open(
    _ path: FileName, _ flags: CInt, inRoot root: FileDescriptor
  ) throws(SystemError) -> Descriptor {
    let inRoot: UInt64 = 0x10
    let noMagicLinks: UInt64 = 0x02
    let raw = path.withCString {
      swrun_openat2(root.rawValue, $0, UInt64(flags | O_CLOEXEC), 0, inRoot | noMagicLinks)
    }
    return Descriptor(owning: try check("open", path.text, raw))
  }

  /// openat2(2) with `RESOLVE_NO_SYMLINKS`: a path that has been resolved before, and leads nowhere
  /// else where somebody has put a link into it meanwhile (`ELOOP`).
  public static func openPlain(_ path: String, _ flags: CInt) throws(SystemError) -> Descriptor {
    let noSymbolicLinks: UInt64 = 0x04
    let raw = swrun_openat2(AT_FDCWD, path, UInt64(flags | O_CLOEXEC), 0, noSymbolicLinks)
    return Descriptor(owning: try check("open", path, raw))
  }

  /// Opens `/dev/null` for both reading and writing.
  public static func null() throws(SystemError) -> Descriptor {
    try open("/dev/null", O_RDWR)
  }

  /// A second descriptor of the same open file description, close-on-exec.
  public borrowing func duplicate() throws(SystemError) -> Descriptor {
    Descriptor(owning: try check("dup", "", fcntl(raw, F_DUPFD_CLOEXEC, 3)))
  }

  /// Makes reads and writes return `EAGAIN` instead of waiting.
  public borrowing func setNonblocking() throws(SystemError) {
    let flags = try check("fcntl", "F_GETFL", fcntl(raw, F_GETFL))
    try check("fcntl", "F_SETFL", fcntl(raw, F_SETFL, flags | O_NONBLOCK))
  }
}

/// A descriptor that an array can hold, or that may be there or not.
public final class HeldDescriptor {
  public let descriptor: Descriptor
  public init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

/// A borrowed view of a descriptor that may not be there; optional chaining would consume it.
public func view(_ descriptor: borrowing Descriptor?) -> FileDescriptor? {
  switch descriptor {
  case .some(let descriptor): descriptor.fd
  case .none: nil
  }
}

/// Two descriptors that belong together. Frozen so that other modules can take the ends apart.
@frozen public struct DescriptorPair: ~Copyable {
  public var first: Descriptor
  public var second: Descriptor

  /// pipe2(2): `first` is read from, `second` written to.
  public static func pipe() throws(SystemError) -> DescriptorPair {
    try make("pipe2") { pipe2($0, O_CLOEXEC) }
  }

  /// Two connected sockets that keep message boundaries and carry descriptors, unix(7).
  public static func sockets() throws(SystemError) -> DescriptorPair {
    let type = CInt(SOCK_SEQPACKET.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    return try make("socketpair") { socketpair(AF_UNIX, type, 0, $0) }
  }

  private static func make(
    _ call: String, _ body: (UnsafeMutablePointer<CInt>) -> CInt
  ) throws(SystemError) -> DescriptorPair {
    var ends: [CInt] = [-1, -1]
    let result = ends.withUnsafeMutableBufferPointer { body($0.baseAddress.unsafelyUnwrapped) }
    try check(call, "", result)
    return DescriptorPair(
      first: Descriptor(owning: ends[0]), second: Descriptor(owning: ends[1]))
  }
}

extension FileDescriptor {
  /// Reads at most `count` bytes; empty at the end of the file.
  public func readSome(_ count: Int) throws(SystemError) -> [UInt8] {
    var received = 0
    // Not filled with zeros first, which would cost more than to read a small file.
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      repeat {
        received = Glibc.read(rawValue, buffer.baseAddress, count)
      } while received < 0 && errno == EINTR
      filled = max(0, received)
    }
    try check("read", "", received)
    return bytes
  }

  /// Writes all of `bytes`.
  public func writeEverything(
    _ bytes: some Collection<UInt8>, named name: String = ""
  ) throws(SystemError) {
    var rest = ArraySlice(Array(bytes))
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      rest = rest.dropFirst(try check("write", name, written))
    }
  }
}
