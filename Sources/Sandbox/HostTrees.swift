import Glibc
import Linux
import OCI
import SystemPackage

/// The parts of the host's tree that an instance with a user namespace is made of.
///
/// Its child side cannot open them itself: there it is root over the mapped ids alone, so that it goes
/// through no directory of others, and mounts no sysfs of a network that is not its
/// own. The monitor's side opens them before, with its privileges, and hands them over in this order.
/// What they can do inside is what their attributes say; the child side only places them.
enum HostTrees {
  enum Part: Hashable {
    case root
    /// By its place in the plan.
    case mount(Int)
  }

  static func parts(of plan: LaunchPlan) -> [Part] {
    var parts = [Part.root]
    for (index, mount) in plan.mounts.enumerated() {
      switch mount.source {
      case .bind: parts.append(.mount(index))
      case .fileSystem(let system):
        if system.type == "sysfs", plan.network != .new { parts.append(.mount(index)) }
      case .remount: break
      }
    }
    return parts
  }

  /// Opens all and hands them to the child.
  ///
  /// - Parameters:
  ///   - network: the namespace that the plan has the instance join.
  ///   - pid: the child, in its user namespace, which has its ids.
  static func hand(
    _ plan: LaunchPlan, over channel: borrowing Channel, to pid: pid_t,
    network: borrowing Namespace?
  ) throws {
    let source = HostSource(workshop: try workshop())
    for part in parts(of: plan) {
      let tree: HeldMount =
        switch part {
        case .root: HeldMount(try root(plan, source, pid))
        case .mount(let index): try mount(plan.mounts[index], source, network)
        }
      try channel.send(0, descriptor: tree.mount.fd)
    }
  }

  private static func workshop() throws -> MountWorkshop {
    do { return try .forOthers() } catch {
      throw SandboxError(
        "a user namespace needs mount_setattr(2), of Linux 5.12, and this kernel has it not: \(error.errno)"
      )
    }
  }

  private static func root(
    _ plan: LaunchPlan, _ source: HostSource, _ pid: pid_t
  ) throws -> DetachedMount {
    let tree: DetachedMount
    do { tree = try source.root(plan) } catch {
      throw SandboxError("binding \(plan.root): \(error)")
    }
    // The host's own files stay the host's: what only its root reads is not read inside.
    guard plan.root != "/", try UserNamespaceView().isInitial else { return tree }
    let map = try UserNamespaceView(pid: pid).uids
    var status = stat()
    try check("fstat", plan.root, fstat(tree.fd.rawValue, &status))
    if map.inside(status.st_uid) != nil { return tree }
    let namespace = try Namespace(path: "/proc/\(pid)/ns/user")
    do throws(SystemError) { try tree.mapIDs(by: namespace, recursive: false) } catch {
      throw SandboxError(
        "the root file system \(plan.root) belongs to uid \(status.st_uid), which the instance's user namespace does not have, and its file system cannot show files under other owners (\(error.errno)). Give it to \(map.ranges[0].outside) (chown -R), or put it on ext4, xfs, btrfs or tmpfs"
      )
    }
    return tree
  }

  private static func mount(
    _ mount: LaunchPlan.MountStep, _ source: HostSource, _ network: borrowing Namespace?
  ) throws -> HeldMount {
    do {
      if let bound = try source.bind(mount) { return bound }
    } catch { throw SandboxError(error.message) }
    guard case .fileSystem(let system) = mount.source else {
      throw SandboxError("\(mount.destination): nothing to be opened")
    }
    switch network {
    case .some(let network):
      return HeldMount(try network.visit { try systemTree(system, mount, source) })
    case .none: return HeldMount(try systemTree(system, mount, source))
    }
  }

  /// The host's own sysfs, which only who has the network's privileges may mount anew.
  private static func systemTree(
    _ system: FileSystem, _ mount: LaunchPlan.MountStep, _ source: HostSource
  ) throws -> DetachedMount {
    let workshop = source.workshop
    do throws(SystemError) {
      return try workshop.make(system, mount.options.attributes.set)
    } catch {
      guard error.errno == .notPermitted else { throw error }
      let tree = try workshop.clone("/sys", recursive: true)
      try cutTie(tree, propagation: nil)
      try tree.change(MountChange(set: mount.options.attributes.set), recursive: true)
      return tree
    }
  }
}
