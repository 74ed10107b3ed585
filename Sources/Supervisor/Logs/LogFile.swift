import Glibc
import Linux

/// The file that is appended to, and those before it: `log.json`, `log.json.1`, … the higher the older.
final class LogFile {
  private let path: String
  private var file: Descriptor
  /// Bytes.
  private(set) var size: Int64
  private let maxSize: Int64
  private let maxFile: Int

  init(_ path: String, _ options: LogOptions) throws(SystemError) {
    self.path = path
    maxSize = options.maxSize ?? .max
    maxFile = options.maxFile
    file = try Self.open(path)
    var status = stat()
    try check("fstat", path, fstat(file.fd.rawValue, &status))
    size = Int64(status.st_size)
    try endLine()
  }

  private static func open(_ path: String, _ flags: CInt = 0) throws(SystemError) -> Descriptor {
    try Descriptor.open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | flags, mode: 0o600)
  }

  /// What a monitor that was killed has left half written does not get the next line's rest.
  private func endLine() throws(SystemError) {
    var last: UInt8 = 0x0a
    guard size > 0, pread(file.fd.rawValue, &last, 1, off_t(size - 1)) == 1, last != 0x0a else {
      return
    }
    try file.fd.writeEverything([0x0a])
    size += 1
  }

  /// Whether a line makes the file longer than it may be, after what is to be written before it. A line
  /// that is too long for any file has one of its own.
  func isFull(after waiting: Int, for count: Int) -> Bool {
    let size = self.size + Int64(waiting)
    return size > 0 && size + Int64(count) > maxSize
  }

  /// Appends, and throws where not all of it has found room.
  ///
  /// - Returns: how many bytes were written until then.
  func append(_ bytes: UnsafeRawBufferPointer) -> (written: Int, error: SystemError?) {
    var written = 0
    while written < bytes.count {
      let rest = bytes[written...]
      let count = rest.withContiguousStorageIfAvailable {
        write(file.fd.rawValue, $0.baseAddress, $0.count)
      }
      guard let count, count > 0 else {
        if errno == EINTR { continue }
        return (written, SystemError("write", path))
      }
      written += count
      size += Int64(count)
    }
    return (written, nil)
  }

  /// Begins a further file. A reader finds at each moment a file under the name; where it cannot be
  /// made, all is as before.
  func rotate() throws(SystemError) {
    let new = "\(path)~"
    let next = try Self.open(new, O_TRUNC)
    if maxFile > 1 {
      for number in (2..<max(2, maxFile)).reversed() {
        if rename("\(path).\(number - 1)", "\(path).\(number)") != 0, errno != ENOENT {
          throw SystemError("rename", "\(path).\(number)")
        }
      }
      // A second name, so that the first is never without a file.
      unlink("\(path).1")
      try check("link", "\(path).1", link(path, "\(path).1"))
    }
    try check("rename", path, rename(new, path))
    file = next
    size = 0
  }
}
