public import JSON
public import Linux

/// What a mount's list of options says, in mount(8)'s words: where two contradict each other, the
/// last counts. Source: runtime-spec config.md, Linux mount options.
public struct MountOptions: Hashable, Sendable {
  public enum Extent: Hashable, Sendable {
    case one, recursive
  }

  /// `bind`, `rbind`
  public private(set) var bind: Extent?
  /// `remount`: what is there already gets other options.
  public private(set) var isRemount = false
  /// For this mount alone.
  public private(set) var attributes = MountChange()
  /// For this one and all below it, to be done before ``attributes``.
  public private(set) var recursiveAttributes = MountChange()
  /// `nil`: private, with all below it.
  public private(set) var propagation: MountPropagation?
  /// `idmap`, `ridmap`
  public private(set) var idMap: Extent?
  /// `tmpcopyup`: a tmpfs begins with what it covers.
  public private(set) var copiesUp = false
  public private(set) var flags: FileSystemFlags = []
  /// The file system's own.
  public private(set) var data: [FileSystem.Option] = []
  /// What cannot be: the option's index, if it is one's, and the reason.
  public private(set) var objections: [Objection] = []

  public struct Objection: Hashable, Sendable {
    public let index: Int?
    public let reason: String
  }

  private typealias Attribute = (attribute: MountAttributes, isSet: Bool)

  private static func simple(_ option: String) -> Attribute? {
    switch option {
    case "ro": (.readOnly, true)
    case "rw": (.readOnly, false)
    case "nosuid": (.noSetuid, true)
    case "suid": (.noSetuid, false)
    case "nodev": (.noDevices, true)
    case "dev": (.noDevices, false)
    case "noexec": (.noExecute, true)
    case "exec": (.noExecute, false)
    case "nodiratime": (.noDirectoryAccessTime, true)
    case "diratime": (.noDirectoryAccessTime, false)
    case "nosymfollow": (.noSymbolicLinks, true)
    case "symfollow": (.noSymbolicLinks, false)
    default: nil
    }
  }

  private static func superblock(_ option: String) -> (flag: FileSystemFlags, isSet: Bool)? {
    switch option {
    case "sync": (.synchronous, true)
    case "async": (.synchronous, false)
    case "dirsync": (.synchronousDirectories, true)
    case "mand": (.mandatoryLocks, true)
    case "nomand": (.mandatoryLocks, false)
    case "silent": (.silent, true)
    case "loud": (.silent, false)
    case "iversion": (.inodeVersions, true)
    case "noiversion": (.inodeVersions, false)
    case "lazytime": (.lazyTimes, true)
    case "nolazytime": (.lazyTimes, false)
    default: nil
    }
  }

  public init(_ mount: Spec.Mount) {
    if mount.type == "bind" { bind = .one }
    for (index, option) in mount.options.enumerated() { take(option, at: index) }
    if mount.uidMappings != nil || mount.gidMappings != nil, idMap == nil { idMap = .one }
    check(mount)
  }

  private mutating func object(_ reason: String, at index: Int? = nil) {
    objections.append(Objection(index: index, reason: reason))
  }

  private mutating func take(_ option: String, at index: Int) {
    if let flag = Self.superblock(option) {
      flags = flag.isSet ? flags.union(flag.flag) : flags.subtracting(flag.flag)
    } else if let propagation = MountPropagation(option) {
      self.propagation = propagation
    } else if takeAttribute(option) {
      return
    } else {
      takeWord(option, at: index)
    }
  }

  private mutating func takeWord(_ option: String, at index: Int) {
    switch option {
    case "bind": if bind == nil { bind = .one }
    case "rbind": bind = .recursive
    case "remount": isRemount = true
    case "idmap": idMap = .one
    case "ridmap": idMap = .recursive
    case "tmpcopyup": copiesUp = true
    case "defaults":
      attributes.set.subtract([.readOnly, .noSetuid, .noDevices, .noExecute])
      flags.subtract(.synchronous)
    case "": object("is empty", at: index)
    default:
      let pair = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        .map(String.init)
      if pair[0].isEmpty { object("\(option.debugDescription) has no name", at: index) }
      data.append(FileSystem.Option(pair[0], pair.count > 1 ? pair[1] : nil))
    }
  }

  private mutating func takeAttribute(_ option: String) -> Bool {
    if Self.change(&attributes, by: option) { return true }
    guard option.hasPrefix("r"),
      Self.change(&recursiveAttributes, by: String(option.dropFirst()))
    else { return false }
    // What was said before of this one mount is said anew.
    let newer = recursiveAttributes.set.union(recursiveAttributes.clear)
    attributes.set.subtract(newer)
    attributes.clear.subtract(newer)
    return true
  }

  private static func change(_ change: inout MountChange, by option: String) -> Bool {
    if let (attribute, isSet) = simple(option) {
      if isSet {
        change.set.insert(attribute)
        change.clear.remove(attribute)
      } else {
        change.set.remove(attribute)
        change.clear.insert(attribute)
      }
      return true
    }
    switch option {
    case "noatime": setAccessTime(&change, .noAccessTime)
    case "strictatime": setAccessTime(&change, .strictAccessTime)
    case "relatime": setAccessTime(&change, [])
    case "atime" where !change.set.contains(.strictAccessTime),
      "nostrictatime" where !change.set.contains(.noAccessTime):
      setAccessTime(&change, [])
    case "norelatime":
      // It takes back what was said; the kernel's default remains, which is relatime for new mounts.
      if change.set.isDisjoint(with: .accessTimes) { change.clear.subtract(.accessTimes) }
    case "atime", "nostrictatime": break
    default: return false
    }
    return true
  }

  private static func setAccessTime(_ change: inout MountChange, _ attribute: MountAttributes) {
    change.set.subtract(.accessTimes)
    change.set.formUnion(attribute)
    change.clear.formUnion(.accessTimes)
  }

  private mutating func check(_ mount: Spec.Mount) {
    if bind != nil {
      for (index, option) in mount.options.enumerated() {
        let name = String(option.prefix { $0 != "=" })
        if data.contains(where: { $0.key == name }) || option == "tmpcopyup" {
          object("\(option.debugDescription) is no option of a bind mount", at: index)
        } else if let flag = Self.superblock(option), flag.isSet, flags.contains(flag.flag) {
          object(
            "\(option.debugDescription) is the file system's, not a bind mount's of it", at: index)
        }
      }
    } else if mount.type == nil, !isRemount {
      object("has neither a type nor the option bind")
    }
    if copiesUp, bind == nil, mount.type != "tmpfs" {
      object("has tmpcopyup, which only a tmpfs can have")
    }
    if idMap != nil {
      if mount.uidMappings?.isEmpty != false || mount.gidMappings?.isEmpty != false {
        object("is to be idmapped, and needs both uidMappings and gidMappings")
      }
      if isRemount { object("cannot be idmapped by remount") }
    }
    if isRemount, bind != nil, recursiveAttributes.isEmpty, attributes.isEmpty, propagation == nil {
      object("is a remount that changes nothing")
    }
    for (index, mapping) in ((mount.uidMappings ?? []) + (mount.gidMappings ?? [])).enumerated()
    where mapping.size == 0
      || UInt64(max(mapping.containerID, mapping.hostID)) + UInt64(mapping.size) > 1 << 32
    {
      object("has an id mapping (number \(index + 1)) that is empty or too long")
    }
  }
}

extension Spec {
  /// A path without `.`, empty parts and a `/` at the end, for comparing; `..` stays.
  public static func plainPath(_ path: String) -> String {
    isPlain(path.utf8)
      ? path : "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }

  /// As nearly all are.
  private static func isPlain(_ path: String.UTF8View) -> Bool {
    let (slash, dot) = (UInt8(ascii: "/"), UInt8(ascii: "."))
    guard path.first == slash else { return false }
    // What the last part is, by its length, and whether it is a dot.
    var (length, isDot) = (0, false)
    for byte in path.dropFirst() {
      if byte == slash {
        if length == 0 || isDot { return false }
        (length, isDot) = (0, false)
      } else {
        length += 1
        isDot = length == 1 && byte == dot
      }
    }
    return path.count == 1 || (length > 0 && !isDot)
  }

  /// What a remount without `bind` changes: options of a whole file system, which only one of this
  /// list may be, and one that is the instance's own.
  static let ownFileSystems: Set<String> = [
    "tmpfs", "ramfs", "proc", "devpts", "mqueue", "overlay",
  ]

  /// What is wrong with its mounts and devices.
  public func fileSystemFaults() -> [Fault] {
    var found = Faults()
    checkMounts(&found)
    checkDevices(&found)
    checkRootPropagation(&found)
    return found.list
  }

  func checkMounts(_ found: inout Faults) {
    for (index, mount) in mounts.enumerated() {
      let path = "mounts[\(index)]"
      let options = MountOptions(mount)
      for objection in options.objections {
        found.add(objection.index.map { "\(path).options[\($0)]" } ?? path, objection.reason)
      }
      let texts = [("destination", mount.destination), ("source", mount.source ?? "")]
      for (name, text) in texts where text.utf8.contains(0) {
        found.add("\(path).\(name)", "holds a NUL byte")
      }
      for (number, option) in mount.options.enumerated() where option.utf8.contains(0) {
        found.add("\(path).options[\(number)]", "holds a NUL byte")
      }
      if !mount.destination.hasPrefix("/") {
        found.add(
          "\(path).destination", "\(mount.destination.debugDescription) is not an absolute path")
      } else if !options.isRemount, Self.plainPath(mount.destination) == "/" {
        found.add("\(path).destination", "is the root, which cannot be covered")
      }
      if mount.isBind, !options.isRemount, mount.source?.isEmpty != false {
        found.add("\(path).source", "is missing: what is to be bound")
      }
      if options.isRemount, options.bind == nil, fileSystem(before: index) == nil {
        found.add(
          path,
          "is a remount without bind, and no file system of the instance's own is mounted there"
        )
      }
    }
  }

  /// The index of the file system of the instance's own that an earlier mount has put at a place.
  public func fileSystem(before index: Int) -> Int? {
    let place = Self.plainPath(mounts[index].destination)
    let former = mounts[..<index].lastIndex {
      Self.plainPath($0.destination) == place && !$0.options.contains("remount")
    }
    guard let former, !mounts[former].isBind,
      Self.ownFileSystems.contains(mounts[former].type ?? "")
    else { return nil }
    return former
  }

  func checkDevices(_ found: inout Faults) {
    for (index, device) in linux.devices.enumerated() {
      let path = "linux.devices[\(index)]"
      if !device.path.hasPrefix("/") || device.path.utf8.contains(0) {
        found.add("\(path).path", "\(device.path.debugDescription) is not an absolute path")
      }
      switch device.type {
      case "c", "b", "u":
        // MINORBITS, linux/kdev_t.h
        for (name, number, limit) in [
          ("major", device.major, Int64(1) << 12), ("minor", device.minor, Int64(1) << 20),
        ] {
          guard let number else {
            found.add("\(path).\(name)", "is missing")
            continue
          }
          if !(0..<limit).contains(number) {
            found.add("\(path).\(name)", "\(number) is not from 0 to \(limit - 1)")
          }
        }
      case "p": break
      default: found.add("\(path).type", "\(device.type.debugDescription) is none of c, b, u and p")
      }
      if let mode = device.fileMode, mode & ~0o7777 & ~0o170000 != 0 {
        found.add("\(path).fileMode", "\(mode) is no mode of a file")
      }
    }
  }

  func checkRootPropagation(_ found: inout Faults) {
    if let text = linux.rootfsPropagation, MountPropagation(text) == nil {
      found.add(
        "linux.rootfsPropagation",
        "\(text.debugDescription) is none of private, shared, slave and unbindable")
    }
  }
}
