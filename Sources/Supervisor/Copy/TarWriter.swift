import Linux
import SystemPackage

/// Writes a copy as a tar archive: POSIX.1-2017, pax, ustar with extended headers where they are needed.
struct TarWriter: CopySink {
  let output: FileDescriptor
  /// The ids that are written, by who has it at its source.
  let owner: (UInt32, UInt32) -> (uid: UInt32, gid: UInt32)

  mutating func put(_ entry: CopyEntry, from body: FileDescriptor?) throws -> Int64 {
    if entry.path.isEmpty { return 0 }
    let (uid, gid) = owner(entry.uid, entry.gid)
    var name = entry.name.bytes
    var link: [UInt8] = []
    var size: Int64 = 0
    let type: Character
    switch entry.kind {
    case .directory:
      type = "5"
      name.append(UInt8(ascii: "/"))
    case .file(let count):
      type = "0"
      size = count
    case .link(let target):
      type = "2"
      link = target.bytes
    case .hardLink(let target):
      type = "1"
      link = FileName(joining: target).bytes
    }
    // What is no UTF-8 stands there as it is, as GNU tar has it.
    var records: [(String, [UInt8])] = []
    if name.count > 100 { records.append(("path", name)) }
    if link.count > 100 { records.append(("linkpath", link)) }
    if size >= 1 << 33 { records.append(("size", Array("\(size)".utf8))) }
    if uid >= 1 << 21 { records.append(("uid", Array("\(uid)".utf8))) }
    if gid >= 1 << 21 { records.append(("gid", Array("\(gid)".utf8))) }
    if !records.isEmpty {
      let text = records.flatMap { Self.record($0.0, $0.1) }
      try write(Self.header(Array("pax".utf8), "x", Int64(text.count)))
      try write(text + Self.padding(Int64(text.count)))
    }
    try write(
      Self.header(
        name, type, size, mode: UInt32(entry.mode), uid, gid, entry.modified, link: link))
    guard size > 0, let body else { return 0 }
    let count = try copyBytes(size, from: body) { try write($0) }
    // A file that has become shorter meanwhile is as long as was said.
    var missing = size - count
    while missing > 0 {
      let part = Int(min(missing, 1 << 16))
      try write([UInt8](repeating: 0, count: part))
      missing -= Int64(part)
    }
    try write(Self.padding(size))
    return count
  }

  /// Ends the archive.
  func finish() throws { try write([UInt8](repeating: 0, count: 1024)) }

  private func write(_ bytes: [UInt8]) throws { try output.writeEverything(bytes) }

  private static func padding(_ size: Int64) -> [UInt8] {
    [UInt8](repeating: 0, count: Int((512 - size % 512) % 512))
  }

  /// `LENGTH KEY=VALUE`, the length its own digits included.
  private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
    let rest = Array(" \(key)=".utf8) + value + [0x0a]
    var length = rest.count
    while rest.count + "\(length)".utf8.count != length {
      length = rest.count + "\(length)".utf8.count
    }
    return Array("\(length)".utf8) + rest
  }

  private static func header(
    _ name: [UInt8], _ type: Character, _ size: Int64, mode: UInt32 = 0o644, _ uid: UInt32 = 0,
    _ gid: UInt32 = 0, _ modified: Int64 = 0, link: [UInt8] = []
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ bytes: some Collection<UInt8>, _ place: Int, _ longest: Int) {
      for (index, byte) in bytes.prefix(longest).enumerated() { block[place + index] = byte }
    }
    func put(_ number: Int64, _ place: Int, digits: Int) {
      // What does not fit stands in the extended header.
      let most = Int64(1) << (3 * digits) - 1
      let text = String(number < 0 || number > most ? 0 : number, radix: 8)
      put((String(repeating: "0", count: digits - text.count) + text).utf8, place, digits)
    }
    put(name, 0, 100)
    put(Int64(mode), 100, digits: 7)
    put(Int64(uid), 108, digits: 7)
    put(Int64(gid), 116, digits: 7)
    put(size, 124, digits: 11)
    put(modified, 136, digits: 11)
    put("        ".utf8, 148, 8)
    put(String(type).utf8, 156, 1)
    put(link, 157, 100)
    put("ustar\u{0}00".utf8, 257, 8)
    put(block.reduce(0) { $0 + Int64($1) }, 148, digits: 6)
    block[154] = 0
    return block
  }
}
