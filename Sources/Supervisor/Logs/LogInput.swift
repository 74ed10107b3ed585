import Glibc
import Linux
import SystemPackage

/// What has come from one stream and is not logged yet: at most a line that is as long as lines may be,
/// and what is read at a time.
final class LogInput {
  let stream: LogStream
  private let pages: PageMemory
  private var memory: UnsafeMutableRawPointer { pages.start }
  private var start = 0
  private var end = 0
  /// Bytes; a longer line is logged in parts, as Docker does it.
  static let longestLine = 16 << 10
  /// What a pipe holds, pipe(7).
  private static let portion = 64 << 10
  private static let capacity = longestLine + portion

  init(_ stream: LogStream) throws(SystemError) {
    self.stream = stream
    pages = try PageMemory(Self.capacity)
  }

  var isEmpty: Bool { start == end }

  /// Gives back what it does not hold anything in.
  func releaseIdleMemory() {
    if isEmpty { pages.release() }
  }

  /// Reads what is there, once all whole lines have been taken.
  ///
  /// - Returns: the bytes that have come; empty at the end.
  /// - Throws: `EAGAIN` of a descriptor that does not block, among others.
  func read(from fd: FileDescriptor) throws(SystemError) -> UnsafeRawBufferPointer {
    if start > 0 {
      memmove(memory, memory + start, end - start)
      end -= start
      start = 0
    }
    var count: Int
    repeat {
      count = Glibc.read(fd.rawValue, memory + end, min(Self.portion, Self.capacity - end))
    } while count < 0 && errno == EINTR
    try check("read", "", count)
    defer { end += count }
    return UnsafeRawBufferPointer(start: memory + end, count: count)
  }

  /// The next line with its line feed, or a part of one that is too long; with `all` also what has no
  /// line feed. It is there until ``take(_:)`` has taken it.
  func next(all: Bool) -> UnsafeRawBufferPointer? {
    let count = min(end - start, Self.longestLine)
    if count == 0 { return nil }
    let line = memory + start
    if let feed = memchr(line, 0x0a, count) {
      return UnsafeRawBufferPointer(start: line, count: feed - line + 1)
    }
    let part = UnsafeRawBufferPointer(start: line, count: count)
    if count == Self.longestLine { return Self.cut(part) }
    return all ? part : nil
  }

  func take(_ count: Int) { start += count }

  /// Without the beginning of a character whose rest is in the next part.
  private static func cut(_ part: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    for back in 1...3 {
      let byte = part[part.count - back]
      if byte < 0x80 { break }
      if byte >= 0xc0 {
        let needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
        return needed > back ? UnsafeRawBufferPointer(rebasing: part.dropLast(back)) : part
      }
    }
    return part
  }
}
