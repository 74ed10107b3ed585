import Glibc
import JSON
import Linux
import SystemPackage

/// One line of an instance's log, in the shape of Docker's json-file driver.
public struct LogLine: Sendable, Codable {
  /// With its line feed, where there was one.
  public let log: String
  /// `stdout` or `stderr`
  public let stream: String
  public let time: Timestamp
}

/// Writes what a detached instance prints, a JSON object a line.
struct LogWriter: ~Copyable {
  private let file: Descriptor
  private var pending: [String: [UInt8]] = [:]
  /// Bytes; a longer line is written in parts.
  private static let longestLine = 16 << 10

  init(_ path: String) throws(SystemError) {
    file = try Descriptor.open(
      path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
  }

  /// Takes what came from a stream; lines that are complete are written.
  mutating func write(_ bytes: [UInt8], from stream: String) throws {
    var rest = (pending[stream] ?? []) + bytes
    while let end = rest.firstIndex(of: 0x0a)
      ?? (rest.count >= Self.longestLine ? rest.count - 1 : nil)
    {
      try put(Array(rest[...end]), stream)
      rest.removeSubrange(...end)
    }
    pending[stream] = rest
  }

  /// Writes what has no line feed yet.
  mutating func finish() throws {
    for (stream, rest) in pending where !rest.isEmpty { try put(rest, stream) }
    pending = [:]
  }

  private func put(_ line: [UInt8], _ stream: String) throws {
    let entry = LogLine(log: String(decoding: line, as: UTF8.self), stream: stream, time: .now)
    try file.fd.writeEverything(try JSON.text(entry) + [0x0a])
  }
}

/// Reads an instance's log.
public struct LogReader: ~Copyable {
  private let file: Descriptor
  private var rest: [UInt8] = []
  private let path: String

  public init(_ path: String) throws {
    self.path = path
    file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW)
  }

  /// The lines that have been written since the last call.
  public mutating func next() throws -> [LogLine] {
    var lines: [LogLine] = []
    while true {
      let part = try file.fd.readSome(1 << 16)
      if part.isEmpty { return lines }
      rest += part
      for line in rest.split(separator: 0x0a, omittingEmptySubsequences: true).dropLast(
        rest.last == 0x0a ? 0 : 1)
      {
        lines.append(try JSON.value(LogLine.self, from: line))
      }
      rest = rest.lastIndex(of: 0x0a).map { Array(rest[($0 + 1)...]) } ?? rest
    }
  }
}
