import Glibc

/// Attributes of a mount, `MOUNT_ATTR_*` of mount_setattr(2).
public struct MountAttributes: OptionSet, Hashable, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let readOnly = MountAttributes(rawValue: 0x01)
  public static let noSetuid = MountAttributes(rawValue: 0x02)
  public static let noDevices = MountAttributes(rawValue: 0x04)
  public static let noExecute = MountAttributes(rawValue: 0x08)
  public static let noAccessTime = MountAttributes(rawValue: 0x10)
  public static let strictAccessTime = MountAttributes(rawValue: 0x20)
  /// The two above and what is neither, `relatime`, exclude each other: the kernel takes all or none
  /// of this field for what is to be cleared.
  public static let accessTimes = MountAttributes(rawValue: 0x70)
  public static let noDirectoryAccessTime = MountAttributes(rawValue: 0x80)
  public static let noSymbolicLinks = MountAttributes(rawValue: 0x20_0000)

  /// Each with its word in mountinfo of proc(5), and its `MS_*` flag of mount(2).
  private static let words: [(name: String, attribute: MountAttributes, flag: UInt)] = [
    ("ro", .readOnly, 1), ("nosuid", .noSetuid, 2), ("nodev", .noDevices, 4),
    ("noexec", .noExecute, 8), ("noatime", .noAccessTime, 1024),
    ("nodiratime", .noDirectoryAccessTime, 2048), ("nosymfollow", .noSymbolicLinks, 256),
  ]

  /// From the sixth field of mountinfo, such as `rw,nosuid,relatime`.
  init(mountInfo text: Substring) {
    let given = text.split(separator: ",").map(String.init)
    self = []
    for word in Self.words where given.contains(word.name) { insert(word.attribute) }
    if isDisjoint(with: .noAccessTime), !given.contains("relatime") { insert(.strictAccessTime) }
  }

  /// The flags of mount(2) that stand for them.
  var mountFlags: UInt {
    let relatime: UInt = 1 << 21
    let strictatime: UInt = 1 << 24
    var flags = Self.words.reduce(0) { contains($1.attribute) ? $0 | $1.flag : $0 }
    if contains(.strictAccessTime) { flags |= strictatime }
    if isDisjoint(with: .accessTimes) { flags |= relatime }
    return flags
  }
}

/// What is to become of a mount's attributes; what it does not name stays.
public struct MountChange: Hashable, Sendable {
  public var set: MountAttributes
  public var clear: MountAttributes

  public init(set: MountAttributes = [], clear: MountAttributes = []) {
    self.set = set
    self.clear = clear
  }

  public var isEmpty: Bool { clear.isEmpty && set.isEmpty }

  /// The attributes after it.
  func applied(to former: MountAttributes) -> MountAttributes {
    former.subtracting(clear).union(set)
  }
}

/// How a mount shares what is mounted below it with its peers, mount_namespaces(7).
public struct MountPropagation: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable {
    case `private`, shared, slave, unbindable
  }

  public let kind: Kind
  public let isRecursive: Bool

  public init(_ kind: Kind, isRecursive: Bool) {
    self.kind = kind
    self.isRecursive = isRecursive
  }

  /// `private` or `rprivate` and their like; `nil` for anything else.
  public init?(_ text: String) {
    if let kind = Kind(rawValue: text) {
      self.init(kind, isRecursive: false)
    } else if text.hasPrefix("r"), let kind = Kind(rawValue: String(text.dropFirst())) {
      self.init(kind, isRecursive: true)
    } else {
      return nil
    }
  }

  /// `MS_*`, without `MS_REC`.
  var flag: UInt {
    switch kind {
    case .unbindable: 1 << 17
    case .private: 1 << 18
    case .slave: 1 << 19
    case .shared: 1 << 20
    }
  }
}

/// Flags of a file system, not of one mount of it: `MS_*` of mount(2).
public struct FileSystemFlags: OptionSet, Hashable, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }

  public static let readOnly = FileSystemFlags(rawValue: 1)
  public static let synchronous = FileSystemFlags(rawValue: 16)
  public static let mandatoryLocks = FileSystemFlags(rawValue: 64)
  public static let synchronousDirectories = FileSystemFlags(rawValue: 128)
  public static let silent = FileSystemFlags(rawValue: 1 << 15)
  public static let inodeVersions = FileSystemFlags(rawValue: 1 << 23)
  public static let lazyTimes = FileSystemFlags(rawValue: 1 << 25)

  /// Those that fsconfig(2) has no word for: a file system with one of them is made by mount(2).
  public static let onlyOfMount: FileSystemFlags = [.silent, .inodeVersions]

  /// fsconfig(2)'s words for the others.
  var words: [String] {
    let all: [(FileSystemFlags, String)] = [
      (.readOnly, "ro"), (.synchronous, "sync"), (.mandatoryLocks, "mand"),
      (.synchronousDirectories, "dirsync"), (.lazyTimes, "lazytime"),
    ]
    return all.filter { contains($0.0) }.map(\.1)
  }
}

/// A file system to be made.
public struct FileSystem: Hashable, Sendable {
  public struct Option: Hashable, Sendable {
    public let key: String
    /// `nil` for a flag.
    public let value: String?

    public init(_ key: String, _ value: String? = nil) {
      self.key = key
      self.value = value
    }

    var text: String { value.map { "\(key)=\($0)" } ?? key }
  }

  /// Such as `tmpfs`.
  public let type: String
  public let source: String
  /// The file system's own, `size=64m` and the like.
  public var options: [Option]
  public var flags: FileSystemFlags

  public init(
    type: String, source: String, options: [Option] = [], flags: FileSystemFlags = []
  ) {
    self.type = type
    self.source = source
    self.options = options
    self.flags = flags
  }
}
