import Glibc
public import Linux
public import OCI

extension LaunchPlan {
  /// A file system to mount, a part of the host's to bind, or a mount to change.
  public struct MountStep: Hashable, Sendable {
    public enum Source: Hashable, Sendable {
      case bind(path: String, recursive: Bool)
      case fileSystem(FileSystem)
      /// What is there gets other attributes; with a file system, that of the earlier step `of` gets
      /// other options.
      case remount(FileSystem?, of: Int?)
    }

    /// Its place in the spec's list; `nil` for one that the spec does not have.
    public let index: Int?
    public let destination: String
    public internal(set) var source: Source
    public let options: MountOptions
    public let idMap: IDMap?

    /// Whether it is read-only only when all is in it: devices, and places for other mounts.
    var becomesReadOnlyLate: Bool {
      guard case .fileSystem(let system) = source, system.type == "tmpfs" else { return false }
      return options.attributes.set.union(options.recursiveAttributes.set).contains(.readOnly)
    }

    /// Whether swrun puts devices there: a file system of its own at `/dev`.
    var takesDevices: Bool {
      guard case .fileSystem(let system) = source else { return false }
      return Spec.plainPath(destination) == "/dev" && system.type == "tmpfs"
    }
  }

  /// The mappings of an idmapped mount, as `uid_map` and `gid_map` of user_namespaces(7) have them.
  public struct IDMap: Hashable, Sendable {
    public let users: String
    public let groups: String
    public let isRecursive: Bool
  }

  /// A device to be made.
  public struct DeviceStep: Hashable, Sendable {
    public let path: String
    /// `S_IFCHR`, `S_IFBLK` or `S_IFIFO`.
    public let type: mode_t
    /// 07777
    public let permissions: mode_t
    public let major: UInt32
    public let minor: UInt32
    public let user: UInt32
    public let group: UInt32

    init(_ device: Spec.Device) {
      path = device.path
      type = device.type == "b" ? S_IFBLK : device.type == "p" ? S_IFIFO : S_IFCHR
      permissions = mode_t(device.fileMode ?? 0o666) & 0o7777
      major = UInt32(clamping: device.major ?? 0)
      minor = UInt32(clamping: device.minor ?? 0)
      user = device.uid ?? 0
      group = device.gid ?? 0
    }
  }
}

extension LaunchPlan.MountStep {
  /// All mounts of a spec, in order. Where it has none at `/dev`, one comes first: the specification
  /// wants the default devices to be there, and none is made in a root file system on disk.
  static func steps(of spec: Spec) throws(SandboxError) -> [Self] {
    if let fault = spec.fileSystemFaults().first { throw SandboxError("\(fault)") }
    var steps: [Self] = []
    if !spec.mounts.contains(where: { Spec.plainPath($0.destination) == "/dev" }) {
      steps.append(Self(nil, .standardDevices, former: nil).labelled(spec.linux.mountLabel))
    }
    for (index, mount) in spec.mounts.enumerated() {
      let former = spec.fileSystem(before: index)
      steps += CgroupLayout.expand(mount).map {
        Self(index, $0, former: former).labelled(spec.linux.mountLabel)
      }
    }
    return steps
  }

  private init(_ index: Int?, _ mount: Spec.Mount, former: Int?) {
    let options = MountOptions(mount)
    self.index = index
    destination = mount.destination
    self.options = options
    idMap = options.idMap.map {
      LaunchPlan.IDMap(
        users: Self.text(mount.uidMappings), groups: Self.text(mount.gidMappings),
        isRecursive: $0 == .recursive)
    }
    let name = mount.source ?? mount.type ?? "none"
    var flags = options.flags
    // Of a device, the file system itself must not write either: to mount it may replay its journal.
    if options.attributes.set.contains(.readOnly), name.hasPrefix("/") { flags.insert(.readOnly) }
    let system = FileSystem(
      type: mount.type ?? "", source: name, options: options.data, flags: flags)
    if options.isRemount {
      source = .remount(options.bind == nil ? system : nil, of: former)
    } else if let extent = options.bind {
      source = .bind(path: name, recursive: extent == .recursive)
    } else {
      source = .fileSystem(system)
    }
  }

  private static func text(_ mappings: [Spec.IDMapping]?) -> String {
    (mappings ?? []).map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
  }
}
