import Glibc
import JSON
import Linux

/// The file of events, `ROOT/events.json`, a JSON object a line, and the one before it, `events.json.1`.
/// All monitors append to it.
struct EventLog {
  private let path: String
  /// Bytes; then a new file is begun.
  private let longest: Int

  init(root: String, longest: Int = 1 << 20) {
    path = "\(root)/events.json"
    self.longest = longest
  }

  /// Appends events by one write(2), so that lines of several writers do not mix: open(2), `O_APPEND`.
  func append(_ events: [Event]) throws {
    if events.isEmpty { return }
    let lines = events.reduce(into: [UInt8]()) { $0 += JSON.text($1) + [0x0a] }
    let file = try Descriptor.open(
      path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
    let written = lines.withUnsafeBytes { write(file.fd.rawValue, $0.baseAddress, $0.count) }
    guard try check("write", path, written) == lines.count else {
      throw SystemError("write", path, errno: .noSpace)
    }
    // After the write the offset is the file's length.
    if lseek(file.fd.rawValue, 0, SEEK_CUR) > longest { try rotate() }
  }

  private func rotate() throws(SystemError) {
    let lock = try FileLock.hold("\(path).lock")
    var status = stat()
    // Somebody else may have been first.
    if stat(path, &status) == 0, Int(status.st_size) > longest {
      try check("rename", path, rename(path, "\(path).1"))
    }
    _ = consume lock
  }
}

extension InstanceStore {
  /// Tells of what has happened. Where that cannot be written, the work goes on.
  func tell(_ events: [Event]) {
    do { try EventLog(root: root).append(events) } catch {
      report("events cannot be told: \(error)")
    }
  }
}
