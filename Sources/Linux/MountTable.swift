import Glibc
public import SystemPackage

/// The mounts of this process's namespace, `/proc/self/mountinfo` of proc(5).
public struct MountTable: Sendable {
  public struct Entry: Hashable, Sendable {
    public let id: Int
    public let parent: Int
    /// Where it is, as this process sees it.
    public let place: String
    public let attributes: MountAttributes
    /// Whether it is in a peer group.
    public let isShared: Bool

    init?(_ line: Substring) {
      let fields = line.split(separator: " ")
      guard fields.count > 9, let id = Int(fields[0]), let parent = Int(fields[1]) else {
        return nil
      }
      self.id = id
      self.parent = parent
      place = MountTable.path(fields[4])
      attributes = MountAttributes(mountInfo: fields[5])
      isShared = fields[6...].prefix { $0 != "-" }.contains { $0.hasPrefix("shared:") }
    }
  }

  /// Blanks, tabs, line ends and `\` are written as `\040` and so on.
  static func path(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == 0x5c, digits.count == 3,
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  public let entries: [Entry]

  init(parsing text: String) {
    entries = text.split(separator: "\n").compactMap(Entry.init)
  }

  /// As it is now.
  public init() throws(SystemError) {
    self.init(parsing: try readText("/proc/self/mountinfo"))
  }

  public func entry(_ id: Int) -> Entry? { entries.first { $0.id == id } }

  public func children(of id: Int) -> [Entry] { entries.filter { $0.parent == id && $0.id != id } }

  /// It and all mounts below it, parents first.
  func tree(_ id: Int) -> [Entry] {
    var found = entries.filter { $0.id == id }
    var index = 0
    while index < found.count {
      found += children(of: found[index].id)
      index += 1
    }
    return found
  }

  /// The id of the mount that an open file lies on, as the table has it.
  public static func id(of fd: FileDescriptor) throws(SystemError) -> Int {
    let text = try readText("/proc/self/fdinfo/\(fd.rawValue)")
    for line in text.split(separator: "\n") where line.hasPrefix("mnt_id:") {
      if let id = Int(line.dropFirst(7).drop { $0 == "\t" || $0 == " " }) { return id }
    }
    throw SystemError("fdinfo", "\(fd.rawValue)", errno: .invalidArgument)
  }
}
