import CLinux
import Glibc
import Linux
import SystemPackage

/// The devices of the instance.
struct ChildDevices {
  let places: ChildPlaces
  let workshop: MountWorkshop

  /// Devices that a workload needs, with their numbers: Documentation/admin-guide/devices.txt.
  private static let devices: [(name: String, major: UInt32, minor: UInt32)] = [
    ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9),
    ("tty", 5, 0),
  ]
  private static let links: [(name: String, target: String)] = [
    ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
  ]

  /// Fills a fresh `/dev`, config-linux.md of the runtime-spec, Default Devices.
  func populate(_ dev: FileDescriptor) throws(ChildFailure) {
    let former = umask(0)
    defer { umask(former) }
    for device in Self.devices {
      try make(
        device.name, in: dev, S_IFCHR | 0o666, gnu_dev_makedev(device.major, device.minor),
        named: "/dev/\(device.name)")
    }
    try step("filling /dev") { () throws(SystemError) in
      for link in Self.links {
        try check("symlink", link.name, symlinkat(link.target, dev.rawValue, link.name))
      }
      for name in ["pts", "shm", "mqueue"] {
        try check("mkdir", name, mkdirat(dev.rawValue, name, 0o755))
      }
    }
  }

  /// Makes a device of the spec, with the directories above it. One that is there already has to be
  /// the one that is meant.
  func make(_ device: LaunchPlan.DeviceStep) throws(ChildFailure) {
    let number = gnu_dev_makedev(device.major, device.minor)
    let parts = device.path.split(separator: "/").map(String.init)
    guard let name = parts.last, name != ".." && name != "." else {
      throw ChildFailure("the device \(device.path): it has no name")
    }
    let above = "/" + parts.dropLast().joined(separator: "/")
    let parent = try places.mountPoint(above, directory: true)
    do {
      let there = try Descriptor.open(name, pathOnly | O_NOFOLLOW, in: parent.fd)
      let status = ChildPlaces.status(there.fd)
      let isSame =
        status.map {
          $0.st_mode & S_IFMT == device.type && (device.type == S_IFIFO || $0.st_rdev == number)
        } ?? false
      guard isSame else {
        throw ChildFailure("\(device.path) is there already, and is another file")
      }
      return
    } catch let failure as ChildFailure {
      throw failure
    } catch let error as SystemError {
      guard error.errno == .noSuchFileOrDirectory else {
        throw ChildFailure("the device \(device.path): \(error)")
      }
    } catch { throw ChildFailure("the device \(device.path): \(error)") }
    if device.type != S_IFIFO, try isWithoutDevices(parent.fd) {
      throw ChildFailure(
        "the device \(device.path) could not be used: devices are allowed under /dev alone. Give it a path there"
      )
    }
    let former = umask(0)
    defer { umask(former) }
    let isBound = try make(
      name, in: parent.fd, device.type | device.permissions, number, named: device.path)
    if isBound { return }
    try step("the device \(device.path)") { () throws(SystemError) in
      try check(
        "chown", device.path,
        fchownat(parent.fd.rawValue, name, device.user, device.group, AT_SYMLINK_NOFOLLOW))
    }
  }

  private func isWithoutDevices(_ fd: FileDescriptor) throws(ChildFailure) -> Bool {
    var status = statfs()
    try step("the devices") { () throws(SystemError) in
      try check("fstatfs", "", fstatfs(fd.rawValue, &status))
    }
    // ST_NODEV, statfs(2)
    return status.f_flags & 4 != 0
  }

  /// Makes a node; where the kernel lets nobody make one, as in a user namespace, the host's own of
  /// the same path is bound.
  ///
  /// - Returns: whether it was bound, and so has the host's owner.
  @discardableResult
  private func make(
    _ name: String, in directory: FileDescriptor, _ mode: mode_t, _ number: dev_t,
    named path: String
  ) throws(ChildFailure) -> Bool {
    if mknodat(directory.rawValue, name, mode, number) == 0 { return false }
    let reason = Errno(rawValue: errno)
    guard reason == .notPermitted, mode & S_IFMT != S_IFIFO else {
      throw ChildFailure("the device \(path): mknod: \(reason)")
    }
    return try step("binding the host's \(path)") { () throws(SystemError) in
      let source = try Descriptor.open(path, pathOnly | O_NOFOLLOW)
      let status = ChildPlaces.status(source.fd)
      guard let status, status.st_mode & S_IFMT == mode & S_IFMT, status.st_rdev == number else {
        throw SystemError("mknod", path, errno: reason)
      }
      let target = try Descriptor.open(
        name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600, in: directory)
      let node = try workshop.clone(source.fd, named: path, recursive: false)
      try node.propagate(MountPropagation(.private, isRecursive: false))
      try node.attach(to: target.fd, named: path)
      return true
    }
  }
}
