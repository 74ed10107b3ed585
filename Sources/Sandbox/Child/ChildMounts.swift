import CLinux
import Glibc
import Linux
import OCI
import SystemPackage

/// The file system of the workload, put together in the new mount namespace.
///
/// All is done while the host's tree is still `/`: the new root and each mount are made apart from it,
/// and it goes with ``enter(_:)``. Places in the new root are looked up by ``ChildPlaces``.
struct ChildMounts {
  let plan: LaunchPlan
  /// An empty directory of swrun's own, on which the new root is put before it becomes `/`.
  let staging: String
  /// What the monitor's side has opened, for an instance with a user namespace.
  let trees: [HostTrees.Part: CInt]
  private let workshop: MountWorkshop

  init(
    plan: LaunchPlan, staging: String, trees: [HostTrees.Part: CInt]
  ) throws(ChildFailure) {
    self.plan = plan
    self.staging = staging
    self.trees = trees
    workshop = try step("preparing the mounts") { () throws(SystemError) in
      // swrun's own directory cannot be entered from a user namespace; the root is a place too.
      trees.isEmpty
        ? try MountWorkshop(staging: staging, withScratch: plan.needsScratch)
        : try .atRoot()
    }
  }

  /// Goes through the plan.
  ///
  /// - Returns: the new root, which is not yet `/`.
  func build() throws(ChildFailure) -> DetachedMount {
    // Before the new root, so that no binding has a part of it.
    var made: [HeldMount?] = []
    for (index, mount) in plan.mounts.enumerated() {
      if let tree = trees[.mount(index)] {
        made.append(HeldMount(workshop.take(Descriptor(owning: tree))))
      } else {
        made.append(try HostSource(workshop: workshop).bind(mount))
      }
    }
    let root = ChildRoot(plan: plan, staging: staging, workshop: workshop)
    let tree: DetachedMount
    if let given = trees[.root] {
      tree = try root.put(workshop.take(Descriptor(owning: given)))
    } else {
      tree = try root.make()
    }
    let places = ChildPlaces(root: tree.fd)
    let devices = ChildDevices(places: places, workshop: workshop)
    for (index, mount) in plan.mounts.enumerated() {
      if case .remount(let system, let former) = mount.source {
        let own = plan.mounts.firstIndex { $0.index != nil && $0.index == former }
        try remount(mount, system, own.flatMap { made[$0] }, places)
        continue
      }
      let ready: HeldMount
      if let bound = made[index] { ready = bound } else { ready = try fileSystem(mount) }
      made[index] = ready
      try attach(ready.mount, mount, places)
      if mount.takesDevices { try devices.populate(ready.mount.fd) }
    }
    for device in plan.devices { try devices.make(device) }
    makeWorkingDirectory(places)
    for (mount, held) in zip(plan.mounts, made) where mount.becomesReadOnlyLate {
      guard let held else { continue }
      try step("making \(mount.destination) read-only") { () throws(SystemError) in
        try held.mount.change(MountChange(set: .readOnly))
      }
    }
    for path in plan.readOnlyPaths { try makeReadOnly(path, places) }
    var covers = Covers()
    for path in plan.maskedPaths { try mask(path, &covers, places) }
    return tree
  }

  /// Makes the new root `/`, and lets go of the host's.
  func enter(_ root: consuming DetachedMount) throws(ChildFailure) {
    let fd = root.fd
    try step("entering the new root") { () throws(SystemError) in
      try MountNamespace.pivot(to: fd)
      if let propagation = plan.rootPropagation, propagation.kind != .private {
        try MountNamespace.propagateRoot(propagation)
      }
    }
  }

  private func fileSystem(_ mount: LaunchPlan.MountStep) throws(ChildFailure) -> HeldMount {
    guard case .fileSystem(let system) = mount.source else {
      throw ChildFailure("\(mount.destination): nothing was bound")
    }
    let tree = try step("mounting \(system.type) on \(mount.destination)") {
      () throws(SystemError) in
      var attributes = mount.options.attributes.set.union(mount.options.recursiveAttributes.set)
      if mount.becomesReadOnlyLate { attributes.remove(.readOnly) }
      return try workshop.make(system, attributes)
    }
    try HostSource(workshop: workshop).mapIDs(tree, mount)
    return HeldMount(tree)
  }

  private func attach(
    _ tree: borrowing DetachedMount, _ mount: LaunchPlan.MountStep, _ places: ChildPlaces
  ) throws(ChildFailure) {
    let path = mount.destination
    let target = try places.mountPoint(path, directory: ChildPlaces.isDirectory(tree.fd))
    let fd = tree.fd
    if mount.options.copiesUp, ChildPlaces.isDirectory(target.fd) {
      try ChildCopy(root: places.root).copy(from: target.fd, to: fd, named: path)
    }
    do {
      try tree.attach(to: target.fd, named: path)
      if let propagation = mount.options.propagation { try tree.propagate(propagation) }
    } catch {
      throw ChildFailure("mounting on \(path): \(error)")
    }
  }

  /// - Parameter own: the file system whose options change, where they are to.
  private func remount(
    _ mount: LaunchPlan.MountStep, _ system: FileSystem?, _ own: HeldMount?, _ places: ChildPlaces
  ) throws(ChildFailure) {
    let path = mount.destination
    if let system, let own {
      try step("remounting \(path)") { () throws(SystemError) in
        try own.mount.reconfigure(system)
        try own.mount.change(mount.options)
      }
      return
    }
    try step("remounting \(path)") { () throws(SystemError) in
      guard let target = try places.existing(path) else {
        throw SystemError("mount", path, errno: .noSuchFileOrDirectory)
      }
      // Refused by the kernel where it is no mount, with EINVAL.
      let there = workshop.take(target)
      try there.change(mount.options)
      if let propagation = mount.options.propagation { try there.propagate(propagation) }
    }
  }

  /// As with Docker, a working directory that is missing is made; where that cannot be, entering it
  /// says so.
  private func makeWorkingDirectory(_ places: ChildPlaces) {
    let path = plan.workload.workingDirectory
    if (try? places.existing(path)) == nil { _ = try? places.make(path, directory: true) }
  }

  /// Covers a path with a read-only view of itself. What is not there needs none.
  private func makeReadOnly(_ path: String, _ places: ChildPlaces) throws(ChildFailure) {
    try step("protecting \(path)") { () throws(SystemError) in
      guard let target = try places.existing(path) else { return }
      let view = try workshop.clone(target.fd, named: path, recursive: true)
      try view.change(
        MountChange(set: [.readOnly, .noSetuid, .noDevices, .noExecute]), recursive: true,
        isolating: true)
      try view.attach(to: target.fd, named: path)
    }
  }

  /// What hides the first file and the first directory; the others get a copy, which takes fewer calls and, for
  /// directories, no further file system.
  private struct Covers {
    var ofFiles: HeldMount?
    var ofDirectories: HeldMount?
  }

  /// Covers a file with `/dev/null`, a directory with an empty one.
  private func mask(
    _ path: String, _ covers: inout Covers, _ places: ChildPlaces
  ) throws(ChildFailure) {
    try step("hiding \(path)") { () throws(SystemError) in
      let target: Descriptor
      do throws(SystemError) {
        guard let found = try places.existing(path) else { return }
        target = found
      } catch {
        // What a user namespace's root cannot come to is hidden from it already.
        if error.errno == .permissionDenied, !trees.isEmpty { return }
        throw error
      }
      let isDirectory = ChildPlaces.isDirectory(target.fd)
      if let first = isDirectory ? covers.ofDirectories : covers.ofFiles {
        let copy = try workshop.clone(first.mount.fd, named: path, recursive: false)
        return try copy.attach(to: target.fd, named: path)
      }
      let cover =
        isDirectory
        ? try workshop.make(
          FileSystem(
            type: "tmpfs", source: "tmpfs",
            options: [.init("size", "0"), .init("nr_inodes", "1")]),
          [.readOnly, .noSetuid, .noDevices, .noExecute])
        : try workshop.clone("/dev/null", recursive: false)
      try cutTie(cover, propagation: nil)
      try cover.attach(to: target.fd, named: path)
      if isDirectory {
        covers.ofDirectories = HeldMount(cover)
      } else {
        covers.ofFiles = HeldMount(cover)
      }
    }
  }
}
