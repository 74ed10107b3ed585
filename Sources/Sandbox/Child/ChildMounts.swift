import CLinux
import Glibc
import Linux
import SystemPackage

/// The file system of the workload, put together in the new mount namespace.
///
/// Every path of the workload's side is opened under the new root with `openat2(RESOLVE_IN_ROOT)` and
/// the mount goes onto what was opened: a symbolic link that is changed meanwhile leads nowhere else
/// (CVE-2021-30465).
struct ChildMounts {
  let plan: LaunchPlan
  /// An empty directory of swrun's own, on which the new root is put before it becomes `/`.
  let staging: String
  /// What the monitor's side has opened, for an instance with a user namespace.
  let trees: [HostTrees.Part: CInt]

  /// Devices that a workload needs, with their numbers: Documentation/admin-guide/devices.txt.
  static let devices: [(name: String, major: UInt32, minor: UInt32)] = [
    ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9),
    ("tty", 5, 0),
  ]
  private static let links: [(name: String, target: String)] = [
    ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
  ]

  /// Goes through the plan. When this returns, `/` is the workload's.
  func perform() throws(ChildFailure) {
    try step("cutting the tie to the host's mounts") { () throws(SystemError) in
      try MountNamespace.makePrivate()
    }
    // What is bound comes from the host's tree, so it is held before that goes.
    var sources: [Int: CInt] = [:]
    for (index, mount) in plan.mounts.enumerated() {
      if let tree = trees[.mount(index)] {
        sources[index] = tree
      } else if case .bind(let path, let recursive) = mount.source {
        sources[index] = try step("binding \(path)") { () throws(SystemError) in
          try Self.openBind(path, recursive: recursive, mount.attributes).take().release().rawValue
        }
      } else if !trees.isEmpty {
        // In a user namespace the kernel allows a proc and a sysfs only as long as there is one to be
        // seen (mount_too_revealing, fs/namespace.c): while the host's are.
        sources[index] = try fileSystem(mount).take().release().rawValue
      }
    }
    try enterRoot()
    let root = try step("opening the new root") { () throws(SystemError) in
      try Descriptor.open("/", pathOnly | O_DIRECTORY)
    }
    for (index, mount) in plan.mounts.enumerated() {
      if let held = sources[index] {
        try attach(DetachedMount(Descriptor(owning: held)), to: mount.destination, root.fd)
      } else {
        try attach(try fileSystem(mount), to: mount.destination, root.fd)
      }
      // Where it is the host's it has its devices.
      if mount.destination == "/dev", case .fileSystem = mount.source {
        try populateDevices(root.fd)
      }
    }
    for path in plan.readOnlyPaths { try makeReadOnly(path, root.fd) }
    for path in plan.maskedPaths { try mask(path, root.fd) }
  }

  static func openBind(
    _ path: String, recursive: Bool, _ attributes: MountAttributes
  ) throws(SystemError) -> DetachedMount {
    let tree = try DetachedMount(cloning: path, recursive: recursive)
    try tree.set(attributes, recursive: recursive)
    return tree
  }

  static func openRoot(_ plan: LaunchPlan) throws(SystemError) -> DetachedMount {
    let tree = try DetachedMount(cloning: plan.root, recursive: true)
    var attributes: MountAttributes = [.noSetuid, .noDevices]
    if plan.readOnlyRoot { attributes.insert(.readOnly) }
    try tree.set(attributes, recursive: true)
    return tree
  }

  /// A private copy of the root file system, with everything that is mounted in it, becomes `/`.
  private func enterRoot() throws(ChildFailure) {
    try step("taking \(plan.root) as the root") { () throws(SystemError) in
      let tree: DetachedMount
      // swrun's own directory cannot be entered from a user namespace; the root is a place too.
      let name = trees.isEmpty ? staging : "/"
      if let held = trees[.root] {
        tree = DetachedMount(Descriptor(owning: held))
      } else {
        tree = try Self.openRoot(plan)
      }
      let place = try Descriptor.open(name, pathOnly | O_DIRECTORY | O_NOFOLLOW)
      try tree.attach(to: place.fd, named: name)
      try MountNamespace.pivot(to: tree.fd)
    }
  }

  private func fileSystem(_ mount: LaunchPlan.MountStep) throws(ChildFailure) -> DetachedMount {
    guard case .fileSystem(let type, let name, let options) = mount.source else {
      throw ChildFailure("\(mount.destination): nothing was bound")
    }
    return try step("mounting \(type) on \(mount.destination)") { () throws(SystemError) in
      try DetachedMount(
        type: type, source: name, options: options.map { ($0.key, $0.value) },
        attributes: mount.attributes)
    }
  }

  private func attach(
    _ tree: consuming DetachedMount, to path: String, _ root: FileDescriptor
  ) throws(ChildFailure) {
    let target = try destination(path, directory: isDirectory(tree.fd), root)
    do { try tree.attach(to: target.fd, named: path) } catch {
      throw ChildFailure("mounting on \(path): \(error)")
    }
  }

  private func isDirectory(_ fd: FileDescriptor) -> Bool {
    var status = stat()
    return fstat(fd.rawValue, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Opens a mount point; makes it where it is missing and the place can be written, as a fresh
  /// `/tmp` can. A symbolic link is followed also where it leads to what is yet to be made: the host's
  /// `/etc/resolv.conf` often leads into `/run`, which is fresh.
  private func destination(
    _ path: String, directory: Bool, _ root: FileDescriptor
  ) throws(ChildFailure) -> Descriptor {
    do {
      if let found = try existing(path, root) { return found }
      return try make(path, directory: directory, root)
    } catch {
      if error.errno == .readOnlyFileSystem {
        throw ChildFailure(
          "\(path) does not exist, and cannot be made in a read-only root. Make it on the host, or mount under /tmp, /run or /var/tmp"
        )
      }
      throw ChildFailure("the mount point \(path): \(error)")
    }
  }

  private func make(
    _ path: String, directory: Bool, _ root: FileDescriptor
  ) throws(SystemError) -> Descriptor {
    var names = Self.names(path)
    /// What has been gone through, without a link in it.
    var trail: [String] = []
    var links = 0
    while !names.isEmpty {
      let name = names.removeFirst()
      if name == ".." {
        _ = trail.popLast()
        continue
      }
      let parent = try Descriptor.open(
        "/" + trail.joined(separator: "/"), pathOnly | O_DIRECTORY, inRoot: root)
      if let target = try link(name, in: parent.fd) {
        links += 1
        // MAXSYMLINKS, linux/namei.h
        if links > 40 { throw SystemError("open", path, errno: .tooManySymbolicLinkLevels) }
        if target.hasPrefix("/") { trail = [] }
        names = Self.names(target) + names
        continue
      }
      trail.append(name)
      if try existing("/" + trail.joined(separator: "/"), root) != nil { continue }
      if !names.isEmpty || directory {
        try check("mkdir", name, mkdirat(parent.fd.rawValue, name, 0o755))
      } else {
        _ = try Descriptor.open(
          name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644, in: parent.fd)
      }
    }
    return try Descriptor.open("/" + trail.joined(separator: "/"), pathOnly, inRoot: root)
  }

  private static func names(_ path: String) -> [String] {
    path.split(separator: "/").filter { $0 != "." }.map(String.init)
  }

  /// Where a symbolic link leads; `nil` for what is none.
  private func link(
    _ name: String, in directory: FileDescriptor
  ) throws(SystemError) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlinkat(directory.rawValue, name, &buffer, buffer.count)
    if length < 0, errno == EINVAL || errno == ENOENT { return nil }
    try check("readlink", name, length)
    return String(decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  private func existing(
    _ path: String, _ root: FileDescriptor
  ) throws(SystemError) -> Descriptor? {
    do { return try Descriptor.open(path, pathOnly, inRoot: root) } catch {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw error
    }
  }

  private func populateDevices(_ root: FileDescriptor) throws(ChildFailure) {
    try step("filling /dev") { () throws(SystemError) in
      let dev = try Descriptor.open("/dev", pathOnly | O_DIRECTORY, inRoot: root)
      let former = umask(0)
      defer { umask(former) }
      for (index, device) in Self.devices.enumerated() {
        if let tree = trees[.device(index)] {
          _ = try Descriptor.open(
            device.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o666, in: dev.fd)
          let place = try Descriptor.open(device.name, pathOnly | O_NOFOLLOW, in: dev.fd)
          try DetachedMount(Descriptor(owning: tree)).attach(to: place.fd, named: device.name)
          continue
        }
        let number = gnu_dev_makedev(device.major, device.minor)
        try check(
          "mknod", device.name, mknodat(dev.fd.rawValue, device.name, S_IFCHR | 0o666, number))
      }
      for link in Self.links {
        try check("symlink", link.name, symlinkat(link.target, dev.fd.rawValue, link.name))
      }
      for name in ["pts", "shm", "mqueue"] {
        try check("mkdir", name, mkdirat(dev.fd.rawValue, name, 0o755))
      }
    }
  }

  /// Covers a path with a read-only view of itself. What is not there needs none.
  private func makeReadOnly(_ path: String, _ root: FileDescriptor) throws(ChildFailure) {
    try step("protecting \(path)") { () throws(SystemError) in
      guard let target = try existing(path, root) else { return }
      let view = try DetachedMount(cloning: target.fd, named: path, recursive: true)
      try view.set([.readOnly, .noSetuid, .noDevices, .noExecute], recursive: true)
      try view.attach(to: target.fd, named: path)
    }
  }

  /// Covers a file with `/dev/null`, a directory with an empty one.
  private func mask(_ path: String, _ root: FileDescriptor) throws(ChildFailure) {
    try step("hiding \(path)") { () throws(SystemError) in
      let target: Descriptor
      do throws(SystemError) {
        guard let found = try existing(path, root) else { return }
        target = found
      } catch {
        // What a user namespace's root cannot come to is hidden from it already.
        if error.errno == .permissionDenied, !trees.isEmpty { return }
        throw error
      }
      let cover =
        isDirectory(target.fd)
        ? try DetachedMount(
          type: "tmpfs", source: "tmpfs", options: [("size", "0"), ("nr_inodes", "1")],
          attributes: [.readOnly, .noSetuid, .noDevices, .noExecute])
        : try DetachedMount(cloning: "/dev/null", recursive: false)
      try cover.attach(to: target.fd, named: path)
    }
  }
}
