import Glibc
import Linux
import SystemPackage

/// One thing that is copied, as a tar archive could hold it.
struct CopyEntry {
  enum Kind {
    case directory
    /// Bytes.
    case file(size: Int64)
    /// A symbolic link, with where it leads.
    case link(FileName)
    /// One more name of a file of the same copy.
    case hardLink([FileName])
  }

  /// Names below the place of the copy, none of them `.` or `..`; none at all: the place itself.
  var path: [FileName]
  var kind: Kind
  /// The permissions, set-id bits included.
  var mode: mode_t
  var uid: uid_t
  var gid: gid_t
  /// Seconds since 1970.
  var modified: Int64

  var name: FileName { path.isEmpty ? FileName(".") : FileName(joining: path) }
}

/// Where a copy goes.
protocol CopySink {
  /// Takes an entry.
  ///
  /// - Parameter body: has the bytes of a file next.
  /// - Returns: how many of them were read: fewer than the size where there were no more.
  mutating func put(_ entry: CopyEntry, from body: FileDescriptor?) throws -> Int64
}

/// Hands on bytes of a file.
///
/// - Returns: how many there were, at most `size`.
func copyBytes(
  _ size: Int64, from body: FileDescriptor, _ take: ([UInt8]) throws -> Void
) throws -> Int64 {
  var left = size
  while left > 0 {
    let part = try body.readSome(Int(min(left, 1 << 16)))
    if part.isEmpty { break }
    try take(part)
    left -= Int64(part.count)
  }
  return size - left
}
