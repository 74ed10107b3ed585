import Glibc

/// Memory of its own in whole pages, mmap(2), which come as they are used and can be given back. What the
/// heap has at hand has been used before, and stays in memory whether it is used again or not.
public struct PageMemory: ~Copyable {
  public let start: UnsafeMutableRawPointer
  private let size: Int

  /// - Parameter size: in bytes.
  public init(_ size: Int) throws(SystemError) {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS
    guard let start = mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0), start != MAP_FAILED
    else { throw SystemError("mmap", "") }
    self.start = start
    self.size = size
  }

  deinit { munmap(start, size) }

  /// Gives all pages back; what they hold is lost.
  public borrowing func release() { madvise(start, size, MADV_DONTNEED) }
}
