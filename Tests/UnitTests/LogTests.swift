import FoundationEssentials
import Glibc
import Linux
import SystemPackage
import TestSupport
import Testing

@testable import Supervisor

@Suite("logs")
struct LogTests {
  /// The directory of a log that is written by what `body` gets.
  private func logging(
    _ driver: String = "json-file", _ options: [String] = [],
    _ body: (LogWriter, FileDescriptor) throws -> Void
  ) throws -> [LogLine] {
    let directory = "/tmp/swrun-log-\(UInt64.random(in: 0...(.max)))"
    defer { try? removeTree(directory) }
    let parsed = try LogOptions(driver: driver, options: options)
    let writer = try #require(
      try LogWriter(parsed, id: "1", name: "web", directory: directory) {
        Issue.record("reported: \($0)")
      })
    let pipe = try DescriptorPair.pipe()
    try pipe.first.setNonblocking()
    try body(writer, pipe.second.fd)
    while let bytes = try? writer.take(from: pipe.first.fd, .output), !bytes.isEmpty {}
    writer.finish()
    let reader = try RotatedReader("\(directory)/\(parsed.fileName ?? "")")
    var lines: [LogLine] = []
    try reader.read { lines.append(try #require(LogLine($0, parsed.driver))) }
    return lines
  }

  /// Each line's text, whole or in parts.
  private func texts(_ lines: [LogLine]) -> [String] {
    lines.map { String(decoding: $0.text, as: UTF8.self) }
  }

  @Test(
    "a line is logged as it is, and what has no line feed at the end",
    arguments: ["json-file", "plain"])
  func lines(_ driver: String) throws {
    let text = "one\n\ntwo \"quoted\" \\ \t\u{1}\u{1f}\u{7f}\r\nä€😀 sixteen bytes and more\nrest"
    let lines = try logging(driver) { _, pipe in try pipe.writeEverything(Array(text.utf8)) }
    #expect(lines.count == 5)
    #expect(texts(lines).joined() == text)
    #expect(
      lines.allSatisfy {
        $0.stream == .output && abs($0.time.nanoseconds - Clock.realtime()) < 60_000_000_000
      })
  }

  @Test("a line is JSON as Docker writes it, whatever its bytes are")
  func json() throws {
    struct Entry: Decodable { let log, stream, time: String }
    var fuzzer = Fuzzer(
      seed: 7,
      corpus: ["plain text of a line\n", "ä€😀ä€😀ä€😀ä€😀\n", "\"\\\u{1}\u{2}\r\t\u{8}\u{c}"],
      words: ["\u{2028}", "\\u0041", "\"}"])
    var target = [UInt8](repeating: 0, count: 1 << 18)
    var time = [UInt8](repeating: 0, count: Timestamp.length)
    Timestamp.now.write(to: &time)
    for _ in 0..<Fuzzer.rounds {
      let line = fuzzer.next()
      let count = line.withUnsafeBytes {
        LogEncoding.json.write($0, .errors, time: time, to: &target)
      }
      #expect(count <= LogEncoding.bound(line.count))
      let text = Array(target[..<count])
      let entry = try JSONDecoder().decode(Entry.self, from: Data(text))
      let valid = String(validating: line, as: UTF8.self)
      if let valid { try #require(entry.log == valid) }
      // The same as swrun itself reads it.
      let parsed = try #require(LogLine(text[..<(count - 1)], .jsonFile))
      try #require(String(decoding: parsed.text, as: UTF8.self) == entry.log)
      try #require(valid != nil || entry.log.contains("\u{fffd}"))
      #expect(parsed.stream == .errors && parsed.time.text == entry.time)
    }
  }

  @Test("plain text keeps every byte")
  func bytes() throws {
    let bytes = (UInt8.min...UInt8.max).filter { $0 != 0x0a } + [0x0a]
    let lines = try logging("plain") { _, pipe in try pipe.writeEverything(bytes) }
    #expect(lines.map(\.text) == [bytes])
  }

  @Test(
    "a very long line is logged in parts of 16 KiB, no character of it broken",
    arguments: ["json-file", "plain"])
  func longLine(_ driver: String) throws {
    let text = "x" + String(repeating: "€", count: 20_000) + "\nshort\n"
    let lines = try logging(driver) { writer, pipe in
      // A pipe holds 64 KiB.
      try pipe.writeEverything(Array(text.utf8))
    }
    let parts = texts(lines)
    #expect(parts.count == 5 && parts.joined() == text && parts.last == "short\n")
    #expect(parts.allSatisfy { $0.utf8.count <= 16 << 10 })
  }

  @Test(
    "files are followed by new ones before they are too long, and the oldest goes",
    arguments: ["json-file", "plain"], [1, 2, 4])
  func rotation(_ driver: String, _ count: Int) throws {
    let lines = try logging(driver, ["max-size=1k", "max-file=\(count)"]) { _, pipe in
      for number in 1...200 { try pipe.writeEverything(Array("line \(number)\n".utf8)) }
    }
    // One to the end, in order, as many as the files hold.
    let kept = texts(lines)
    #expect(kept == (201 - kept.count...200).map { "line \($0)\n" })
    #expect(kept.count > 10 * (count - 1) && kept.count <= 25 * count, "\(kept.count)")
  }

  @Test("a line that is longer than a file has one of its own")
  func longerThanFile() throws {
    let lines = try logging("plain", ["max-size=20", "max-file=3"]) { _, pipe in
      try pipe.writeEverything(Array("a\nb\nc\nd\n".utf8))
    }
    #expect(texts(lines) == ["b\n", "c\n", "d\n"])
  }

  @Test("the last lines are found over several files, also where a file has just been begun")
  func tail() throws {
    let directory = "/tmp/swrun-log-\(UInt64.random(in: 0...(.max)))"
    try makeDirectories(directory)
    defer { try? removeTree(directory) }
    let path = "\(directory)/log"
    func put(_ text: String, _ name: String) throws {
      try writeAtomically(Array(text.utf8), to: name)
    }
    func last(_ count: Int) throws -> [String] {
      let reader = try RotatedReader(path)
      try reader.skip(toLast: count)
      var lines: [String] = []
      try reader.read { lines.append(String(decoding: $0, as: UTF8.self)) }
      return lines
    }
    try put("1\n2\n", "\(path).10")
    try put("3\n4\n", "\(path).9")
    try put("", path)
    #expect(try last(0) == [])
    #expect(try last(1) == ["4"])
    #expect(try last(2) == ["3", "4"])
    #expect(try last(3) == ["2", "3", "4"])
    #expect(try last(9) == ["1", "2", "3", "4"])
    try put("5\n\(String(repeating: "6", count: 200_000))\nunfinished", path)
    #expect(try last(0) == [])
    #expect(try last(2).map { $0.prefix(3) } == ["5", "666"])
    #expect(try last(4).map { $0.prefix(3) } == ["3", "4", "5", "666"])
  }

  @Test("a reader follows from file to file, and leaves out what is no line of ours")
  func following() throws {
    let directory = "/tmp/swrun-log-\(UInt64.random(in: 0...(.max)))"
    try makeDirectories(directory)
    defer { try? removeTree(directory) }
    let path = "\(directory)/log"
    let reader = try RotatedReader(path)
    func read() throws -> [String] {
      var lines: [String] = []
      try reader.read { lines.append(String(decoding: $0, as: UTF8.self)) }
      return lines
    }
    #expect(try read() == [])
    let first = try Descriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
    try first.fd.writeEverything(Array("1\n2".utf8))
    #expect(try read() == ["1"])
    try first.fd.writeEverything(Array("2\n3\n".utf8))
    // Two rotations between two looks, the last line written to a file that has been followed.
    #expect(rename(path, "\(path).2") == 0)
    try writeAtomically(Array("5\n".utf8), to: "\(path).1")
    try writeAtomically(Array("6\n".utf8), to: path)
    #expect(try read() == ["22", "3", "5", "6"])
    let last = try Descriptor.open(path, O_WRONLY | O_APPEND)
    #expect(rename(path, "\(path).1") == 0)
    try writeAtomically(Array("8\n".utf8), to: path)
    #expect(try read() == ["8"])
    try last.fd.writeEverything(Array("7\n".utf8))
    #expect(try read() == ["7"])
    let endless = try Descriptor.open(path, O_WRONLY | O_APPEND)
    for _ in 0..<40 { try endless.fd.writeEverything([UInt8](repeating: 0, count: 1 << 16)) }
    try endless.fd.writeEverything(Array("\n9\n".utf8))
    #expect(try read() == ["9"])
  }

  @Test("a monitor goes on in the file of one that was killed within a line")
  func halfLine() throws {
    let directory = "/tmp/swrun-log-\(UInt64.random(in: 0...(.max)))"
    try makeDirectories(directory)
    defer { try? removeTree(directory) }
    try writeAtomically(Array("{\"log\":\"ha".utf8), to: "\(directory)/log.json")
    let writer = try #require(
      try LogWriter(LogOptions(), id: "1", name: "web", directory: directory) { _ in })
    let pipe = try DescriptorPair.pipe()
    try pipe.second.fd.writeEverything(Array("next\n".utf8))
    _ = try writer.take(from: pipe.first.fd, .errors)
    var lines: [LogLine?] = []
    try RotatedReader("\(directory)/log.json").read { lines.append(LogLine($0, .jsonFile)) }
    #expect(lines.count == 2 && lines[0] == nil && lines[1]?.text == Array("next\n".utf8))
  }

  @Test(
    "options of a log are checked",
    arguments: [
      ("syslog", [], "unknown log driver"), ("json-file", ["max-size"], "max-size=SIZE"),
      ("json-file", ["max-size=0"], "a size"), ("json-file", ["max-size=x"], "a size"),
      ("json-file", ["max-size=-1"], "a size"),
      ("json-file", ["max-file=0", "max-size=1m"], "1 to 1000"),
      ("json-file", ["max-file=2"], "needs max-size"), ("json-file", ["tag=x"], "max-size=SIZE"),
      ("journald", ["max-size=1m"], "no files"), ("none", ["max-size=1m"], "no files"),
    ])
  func refusals(_ driver: String, _ options: [String], _ reason: String) throws {
    let error = #expect(throws: SupervisorError.self) {
      try LogOptions(driver: driver, options: options)
    }
    #expect("\(error as Any)".contains(reason), "\(error as Any)")
  }
}
