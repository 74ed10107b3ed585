import Glibc
import Linux
import SystemPackage

/// systemd's journal, by its native protocol: a datagram an entry, systemd.journal-fields(7) and "Native
/// Journal Protocol".
final class Journal {
  static let path = "/run/systemd/journal/socket"
  private var socket: Descriptor
  /// What all entries have.
  private let fixed: [UInt8]
  private var entry: [UInt8] = []

  /// - Throws: where nobody listens.
  init(id: String, name: String) throws {
    do { socket = try UnixSocket.connectDatagram(Self.path) } catch {
      throw SupervisorError(
        "--log-driver journald: no journal listens at \(Self.path): \(error.errno). Start systemd-journald, or choose json-file or plain"
      )
    }
    let fields = [
      ("CONTAINER_ID", String(id.prefix(12))), ("CONTAINER_ID_FULL", id), ("CONTAINER_NAME", name),
      ("SYSLOG_IDENTIFIER", name),
    ]
    fixed = fields.flatMap { Array("\($0)=\($1)\n".utf8) }
  }

  /// Readable for output when an entry may find room again.
  var fd: FileDescriptor { socket.fd }

  /// Sends a line, without its line feed if it has one.
  ///
  /// - Returns: an error where it was not taken.
  func send(_ line: UnsafeRawBufferPointer, _ stream: LogStream) -> SystemError? {
    let isWhole = line.last == 0x0a
    let text = isWhole ? line.dropLast() : line[...]
    entry.removeAll(keepingCapacity: true)
    entry += fixed
    // syslog(3): informational, and an error, as Docker has it.
    entry += stream == .output ? "PRIORITY=6\n".utf8 : "PRIORITY=3\n".utf8
    if !isWhole { entry += "CONTAINER_PARTIAL_MESSAGE=true\n".utf8 }
    // With its length before it a value may hold anything.
    entry += "MESSAGE\n".utf8
    withUnsafeBytes(of: UInt64(text.count).littleEndian) { entry += $0 }
    entry += text
    entry.append(0x0a)
    if post() { return nil }
    // The journal may have been started again.
    if [ECONNREFUSED, ENOTCONN, ECONNRESET].contains(errno),
      let anew = try? UnixSocket.connectDatagram(Self.path)
    {
      socket = anew
      if post() { return nil }
    }
    return SystemError("send", Self.path)
  }

  private func post() -> Bool {
    let flags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)
    while Glibc.send(socket.fd.rawValue, entry, entry.count, flags) < 0 {
      if errno != EINTR { return false }
    }
    return true
  }
}
