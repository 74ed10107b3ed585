import Glibc
import Linux
import SystemPackage

/// Reads a tar archive from a stream: ustar, pax, and GNU's long names. Whatever it says, no name leads
/// out of the copy.
struct TarReader {
  let input: FileDescriptor
  /// Gets a line for each thing that is left out.
  let report: (String) -> Void

  /// Bytes of one extended header.
  private static let longest: Int64 = 1 << 20

  func copy(to sink: inout some CopySink) throws {
    var extended: [String: [UInt8]] = [:]
    while let block = try readBlock() {
      if block.allSatisfy({ $0 == 0 }) { break }
      try Self.checkSum(block)
      let type = block[156]
      let size = try extended["size"].map(Self.decimal) ?? Self.number(block[124..<136])
      switch type {
      case UInt8(ascii: "x"): extended.merge(try Self.records(try text(size))) { $1 }
      case UInt8(ascii: "L"): extended["path"] = Self.bytes(try text(size)[...])
      case UInt8(ascii: "K"): extended["linkpath"] = Self.bytes(try text(size)[...])
      case UInt8(ascii: "g"): try skip(size)
      default:
        try put(block, type, size, extended, to: &sink)
        extended = [:]
      }
    }
    // Who writes it to us is not to find nobody there.
    while try !input.readSome(1 << 16).isEmpty {}
  }

  private func put(
    _ block: [UInt8], _ type: UInt8, _ size: Int64, _ extended: [String: [UInt8]],
    to sink: inout some CopySink
  ) throws {
    var plain = Self.bytes(block[0..<100])
    let prefix = Self.bytes(block[345..<500])
    if !prefix.isEmpty, block[257..<263].elementsEqual(Array("ustar\u{0}".utf8)) {
      plain = prefix + [UInt8(ascii: "/")] + plain
    }
    let name = FileName(extended["path"] ?? plain)
    let link = FileName(extended["linkpath"] ?? Self.bytes(block[157..<257]))
    var entry = CopyEntry(
      path: try Self.names(name), kind: .directory,
      mode: mode_t(truncatingIfNeeded: try Self.number(block[100..<108])) & 0o7777,
      uid: try Self.id(extended["uid"], block[108..<116]),
      gid: try Self.id(extended["gid"], block[116..<124]),
      modified: try Self.number(block[136..<148]))
    switch type {
    case UInt8(ascii: "5"): break
    // In archives of old a directory's name ends with a slash.
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
      if !name.endsWithSlash { entry.kind = .file(size: size) }
    case UInt8(ascii: "2"): entry.kind = .link(link)
    case UInt8(ascii: "1"): entry.kind = .hardLink(try Self.names(link))
    default:
      report("\(name.text) is a device, a pipe or unknown, and is left out")
      return try skip(size)
    }
    guard case .file = entry.kind else {
      _ = try sink.put(entry, from: nil)
      return try skip(size)
    }
    guard !entry.path.isEmpty, try sink.put(entry, from: input) == size else { throw Self.cut }
    try skip(size, consumed: true)
  }

  private static var cut: SupervisorError {
    SupervisorError("the tar archive ends in the middle of an entry")
  }

  private func readBlock() throws -> [UInt8]? {
    let block = try read(512)
    if block.isEmpty { return nil }
    guard block.count == 512 else { throw Self.cut }
    return block
  }

  private func read(_ count: Int64) throws -> [UInt8] {
    var bytes: [UInt8] = []
    _ = try copyBytes(count, from: input) { bytes += $0 }
    return bytes
  }

  /// Passes over what is left of an entry, to the next block.
  private func skip(_ size: Int64, consumed: Bool = false) throws {
    let rest = (512 - size % 512) % 512 + (consumed ? 0 : size)
    guard try copyBytes(rest, from: input, { _ in }) == rest else { throw Self.cut }
  }

  private func text(_ size: Int64) throws -> [UInt8] {
    guard size <= Self.longest else {
      throw SupervisorError("the tar archive has a header of \(size) bytes")
    }
    let bytes = try read(size)
    guard bytes.count == Int(size) else { throw Self.cut }
    try skip(size, consumed: true)
    return bytes
  }

  private static func checkSum(_ block: [UInt8]) throws {
    var sum: Int64 = 8 * 0x20
    for (index, byte) in block.enumerated() where !(148..<156).contains(index) {
      sum += Int64(byte)
    }
    guard sum == (try? number(block[148..<156])) else {
      throw SupervisorError("what is read is no tar archive: a header's sum is wrong")
    }
  }

  /// Octal digits, or with the highest bit set GNU's binary number.
  private static func number(_ field: ArraySlice<UInt8>) throws -> Int64 {
    if let first = field.first, first & 0x80 != 0 {
      var value: Int64 = Int64(first & 0x3f)
      for byte in field.dropFirst() {
        guard value < 1 << 54 else {
          throw SupervisorError("a number of the tar archive is too large")
        }
        value = value << 8 | Int64(byte)
      }
      return first & 0x40 != 0 ? 0 : value
    }
    let text = String(decoding: bytes(field), as: UTF8.self).filter { $0 != " " }
    if text.isEmpty { return 0 }
    guard let value = Int64(text, radix: 8), value >= 0 else {
      throw SupervisorError("\(text.debugDescription) in a header of the tar archive is no number")
    }
    return value
  }

  private static func decimal(_ bytes: [UInt8]) throws -> Int64 {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let value = Int64(text), value >= 0 else {
      throw SupervisorError("\(text.debugDescription) in a header of the tar archive is no size")
    }
    return value
  }

  private static func id(_ extended: [UInt8]?, _ field: ArraySlice<UInt8>) throws -> UInt32 {
    UInt32(clamping: try extended.map(decimal) ?? number(field))
  }

  /// To the first zero.
  private static func bytes(_ field: ArraySlice<UInt8>) -> [UInt8] {
    Array(field.prefix { $0 != 0 })
  }

  /// `LENGTH KEY=VALUE` lines.
  private static func records(_ bytes: [UInt8]) throws -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    var rest = bytes[...]
    while !rest.isEmpty {
      let digits = rest.prefix { $0 != 0x20 }
      guard let length = Int(String(decoding: digits, as: UTF8.self)), length > digits.count + 1,
        length <= rest.count, let equals = rest.firstIndex(of: UInt8(ascii: "=")),
        equals > digits.endIndex, equals < rest.startIndex + length - 1
      else { throw SupervisorError("an extended header of the tar archive is broken") }
      let key = String(decoding: rest[(digits.endIndex + 1)..<equals], as: UTF8.self)
      found[key] = Array(rest[(equals + 1)..<(rest.startIndex + length - 1)])
      rest = rest.dropFirst(length)
    }
    return found
  }

  private static func names(_ path: FileName) throws -> [FileName] {
    let names = path.components.filter { $0 != FileName(".") }
    guard !names.contains(FileName("..")) else {
      throw SupervisorError("\(path.text.debugDescription) in the tar archive leads out of it")
    }
    return names
  }
}
