import CLinux
import Glibc
import SystemPackage

/// The cgroup v2 hierarchy of this machine, cgroups(7): where it is mounted and what it can do.
public struct CgroupHierarchy: Sendable {
  /// `/sys/fs/cgroup`, and on a machine that also has version 1 often `/sys/fs/cgroup/unified`.
  public let mountPoint: String
  /// What can be limited by it; a controller that version 1 has taken is not among them.
  public let controllers: Set<String>
  /// It cannot be written: the mount is read-only, as in a container that was not given one, or we are
  /// nobody there.
  public let isReadOnly: Bool
  /// A mount of our own, where no other can be seen.
  private let own: Root?

  private final class Root: Sendable {
    let mount: DetachedMount
    init(_ mount: consuming DetachedMount) { self.mount = mount }
  }

  public init(mountPoint: String, controllers: Set<String>, isReadOnly: Bool) {
    self.mountPoint = mountPoint
    self.controllers = controllers
    self.isReadOnly = isReadOnly
    own = nil
  }

  private init?(_ mount: Mount, _ own: Root?) {
    let path = own.map { "/proc/self/fd/\($0.mount.fd.rawValue)" } ?? mount.path
    guard let text = try? readText("\(path)/cgroup.controllers") else { return nil }
    mountPoint = mount.path
    controllers = Set(
      text.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.map {
        String(Substring($0))
      })
    // Nobody's but the host's root, whatever the mount says.
    isReadOnly = mount.isReadOnly || access(path, W_OK) != 0
    self.own = own
  }

  /// Whether version 2 has all controllers, and so its usual place: no version 1 is beside it.
  public var isUnified: Bool { mountPoint == "/sys/fs/cgroup" }

  /// That of this process, looked for once.
  public static let current = find()

  /// Looks for it where it usually is, then among all of this process's mounts, of which the kernel
  /// takes long to tell; `nil` where there is none.
  ///
  /// In `ip netns exec`, which covers `/sys`, it is mounted anew for us alone, as PID 1 has it: a mount
  /// without the options of the first would take them away from the whole hierarchy
  /// (`apply_cgroup_root_flags`, kernel/cgroup/cgroup.c).
  private static func find() -> CgroupHierarchy? {
    for path in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
      var status = statfs()
      // CGROUP2_SUPER_MAGIC, linux/magic.h; ST_RDONLY, statfs(2)
      guard statfs(path, &status) == 0, status.f_type == 0x6367_7270 else { continue }
      let mount = Mount(path: path, isReadOnly: status.f_flags & 1 != 0, options: [])
      if let found = CgroupHierarchy(mount, nil) { return found }
    }
    if let mounts = try? readText("/proc/self/mountinfo"), let mount = mount(in: mounts),
      let found = CgroupHierarchy(mount, nil)
    {
      return found
    }
    guard let mounts = try? readText("/proc/1/mountinfo"), let mount = mount(in: mounts) else {
      return nil
    }
    let system = FileSystem(
      type: "cgroup2", source: "cgroup2", options: mount.options.map { .init($0) })
    guard
      let detached = try? MountWorkshop.forOthers().make(
        system, [.noSetuid, .noDevices, .noExecute])
    else { return nil }
    return CgroupHierarchy(mount, Root(detached))
  }

  /// A mount of the hierarchy.
  struct Mount: Hashable {
    let path: String
    let isReadOnly: Bool
    /// Those of the hierarchy itself, `nsdelegate` and the like.
    let options: [String]
  }

  /// The last mount of the type `cgroup2` in a text of proc(5)'s `/proc/PID/mountinfo`.
  static func mount(in text: String) -> Mount? {
    for line in text.utf8.split(separator: UInt8(ascii: "\n")).reversed() {
      // Most lines are of other types: no more is done for them than has to be.
      guard contains(line, " - cgroup2 ") else { continue }
      let fields = Substring(line).split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3,
        fields[dash + 1] == "cgroup2"
      else { continue }
      let options = fields[dash + 3].split(separator: ",").map(String.init)
      return Mount(
        path: MountTable.path(fields[4]),
        isReadOnly: fields[5].split(separator: ",").contains("ro") || options.contains("ro"),
        options: options.filter { $0 != "rw" && $0 != "ro" })
    }
    return nil
  }

  private static func contains(_ line: Substring.UTF8View, _ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    return line.withContiguousStorageIfAvailable { bytes in
      (0..<max(0, bytes.count - length)).contains {
        memcmp(bytes.baseAddress! + $0, word.utf8Start, length) == 0
      }
    } ?? true
  }

  /// The version 2 cgroup of a process, as `/proc/PID/cgroup` has it; `nil` where it has ended.
  public static func path(of pid: String = "self") -> String? {
    guard let text = try? readText("/proc/\(pid)/cgroup") else { return nil }
    let line = text.utf8.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: "0::".utf8) }
    return line.map { String(Substring($0.dropFirst(3))) }
  }

  /// Whether systemd is the init system and so the one that hands out cgroups, sd_booted(3).
  public static var isSystemd: Bool { FileIdentity(path: "/run/systemd/system") != nil }

  /// The directory of its root.
  func openRoot() throws(SystemError) -> Descriptor {
    if let own { return try Descriptor.open(".", O_RDONLY | O_DIRECTORY, in: own.mount.fd) }
    return try Descriptor.open(mountPoint, O_RDONLY | O_DIRECTORY)
  }
}
