public import JSON

/// Which ids of a user namespace are which outside, as `/proc/PID/uid_map` and `gid_map` have it,
/// user_namespaces(7).
public struct IDMap: Hashable, Sendable, Decodable {
  /// Ids that follow each other.
  public struct Range: Hashable, Sendable, Decodable {
    public let inside: UInt32
    /// In the namespace above.
    public let outside: UInt32
    public let size: UInt32

    public init(inside: UInt32, outside: UInt32, size: UInt32) {
      self.inside = inside
      self.outside = outside
      self.size = size
    }
  }

  public var ranges: [Range]

  public init(_ ranges: [Range]) { self.ranges = ranges }

  /// Reads the kernel's table; `nil` for what is none.
  public init?(parsing text: String) {
    ranges = []
    for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
      let numbers = line.split(separator: UInt8(ascii: " ")).map { UInt32(Substring($0)) }
      guard numbers.count == 3, let inside = numbers[0], let outside = numbers[1],
        let size = numbers[2]
      else { return nil }
      ranges.append(Range(inside: inside, outside: outside, size: size))
    }
  }

  /// As the kernel takes it.
  public var text: String {
    ranges.map { "\($0.inside) \($0.outside) \($0.size)\n" }.joined()
  }

  /// The most lines that the kernel takes, UID_GID_MAP_MAX_EXTENTS of linux/user_namespace.h.
  public static let mostRanges = 340

  /// Where an id of the inside is outside; `nil` where it is not mapped.
  public func outside(_ id: UInt32) -> UInt32? {
    for range in ranges where id >= range.inside && id - range.inside < range.size {
      return range.outside &+ (id - range.inside)
    }
    return nil
  }

  /// Where an id of the outside is inside; `nil` where it is not mapped.
  public func inside(_ id: UInt32) -> UInt32? {
    for range in ranges where id >= range.outside && id - range.outside < range.size {
      return range.inside &+ (id - range.outside)
    }
    return nil
  }
}

/// The ids that a process has at its disposal.
public struct UserNamespaceView: Hashable, Sendable {
  public let uids: IDMap
  public let gids: IDMap

  public init(uids: IDMap, gids: IDMap) {
    self.uids = uids
    self.gids = gids
  }

  /// Those of a process; `nil`: of this one.
  public init(pid: Int32? = nil) throws(SystemError) {
    let directory = "/proc/\(pid.map { "\($0)" } ?? "self")"
    uids = try Self.read("\(directory)/uid_map")
    gids = try Self.read("\(directory)/gid_map")
  }

  private static func read(_ path: String) throws(SystemError) -> IDMap {
    guard let map = IDMap(parsing: try readText(path)) else {
      throw SystemError("read", path, errno: .invalidArgument)
    }
    return map
  }

  /// Whether this is the namespace that the machine began with, in which all ids are.
  public var isInitial: Bool {
    uids.ranges == [IDMap.Range(inside: 0, outside: 0, size: .max)]
  }
}

extension IDMap.Range: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("inside", inside)
    json.add("outside", outside)
    json.add("size", size)
  }
}

extension IDMap: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("ranges", ranges)
  }
}
