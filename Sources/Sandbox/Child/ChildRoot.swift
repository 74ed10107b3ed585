import CLinux
import Glibc
import Linux
import SystemPackage

/// The directory that becomes `/`, away from the host's tree.
struct ChildRoot {
  let plan: LaunchPlan
  let staging: String
  let workshop: MountWorkshop

  /// Puts a private copy of the root file system, with everything that is mounted in it, at the
  /// workshop's place.
  func make() throws(ChildFailure) -> DetachedMount {
    if plan.isEphemeral {
      let source = try step("taking \(plan.root) as the root") { () throws(SystemError) in
        try Descriptor.openPlain(plan.root, pathOnly | O_DIRECTORY)
      }
      return try overlay(source.fd)
    }
    let tree = try step("taking \(plan.root) as the root") { () throws(SystemError) in
      try HostSource(workshop: workshop).root(plan)
    }
    return try put(tree)
  }

  /// Puts what has been taken as the root there.
  func put(_ tree: consuming DetachedMount) throws(ChildFailure) -> DetachedMount {
    do { try place(tree) } catch { throw ChildFailure("taking \(plan.root) as the root: \(error)") }
    return tree
  }

  private func place(_ tree: borrowing DetachedMount) throws(SystemError) {
    let place = try Descriptor.open(workshop.place, pathOnly | O_DIRECTORY | O_NOFOLLOW)
    try tree.attach(to: place.fd, named: workshop.place)
  }

  /// An overlay whose upper layer lies on the workshop's tmpfs: the overlay keeps that, and it ends
  /// with the instance. What is mounted below the root shows read-only, since an overlay has one file
  /// system below it.
  private func overlay(_ source: FileDescriptor) throws(ChildFailure) -> DetachedMount {
    try step("putting a layer over \(plan.root)") { () throws(SystemError) in
      let mounted = try below(source)
      let upper = try workshop.makeScratchDirectory("upper")
      let work = try workshop.makeScratchDirectory("work")
      let lower = try workshop.makeScratchDirectory("lower")
      // The overlay's own root is the upper layer's.
      if let status = ChildPlaces.status(source) {
        try check("chown", upper, chown(upper, status.st_uid, status.st_gid))
        try check("chmod", upper, chmod(upper, status.st_mode & 0o7777))
      }
      let layer = try workshop.clone(source, named: plan.root, recursive: false)
      try layer.propagate(MountPropagation(.private, isRecursive: false))
      let target = try Descriptor.open(lower, pathOnly | O_DIRECTORY)
      try layer.attach(to: target.fd, named: "lower")
      // Paths in the options have to be plain: `:` and `,` are signs there.
      let layerPath = try Descriptor.open(lower, pathOnly | O_DIRECTORY)
      let system = FileSystem(
        type: "overlay", source: "overlay",
        options: [
          .init("lowerdir", "/proc/self/fd/\(layerPath.fd.rawValue)"), .init("upperdir", upper),
          .init("workdir", work),
        ])
      let tree = try workshop.make(system, [.noSetuid, .noDevices])
      try place(tree)
      let places = ChildPlaces(root: tree.fd)
      for (path, fd) in mounted {
        let view = try workshop.clone(fd.descriptor.fd, named: path, recursive: true)
        try cutTie(view, propagation: nil)
        try view.change(
          MountChange(set: [.readOnly, .noSetuid, .noDevices]), recursive: true)
        let target = try Descriptor.open(path, pathOnly, inRoot: places.root)
        try view.attach(to: target.fd, named: path)
      }
      return tree
    }
  }

  /// What is mounted directly below the root, with its path there, but what the plan covers anyway.
  private func below(
    _ source: FileDescriptor
  ) throws(SystemError) -> [(path: String, fd: HeldDescriptor)] {
    let table = try MountTable()
    let prefix = plan.root == "/" ? "" : plan.root
    let covered = plan.mounts.map(\.destination) + plan.maskedPaths
    var found: [(path: String, fd: HeldDescriptor)] = []
    for entry in table.children(of: try MountTable.id(of: source)) {
      guard entry.place.hasPrefix(prefix + "/"), entry.place != plan.root else { continue }
      let path = String(entry.place.dropFirst(prefix.utf8.count))
      if covered.contains(where: { path == $0 || path.hasPrefix($0 + "/") }) { continue }
      // Not there for whom it was covered by another.
      guard let fd = try? Descriptor.openPlain(entry.place, pathOnly) else { continue }
      found.append((path, HeldDescriptor(fd)))
    }
    return found
  }
}
