import Glibc
import Linux
import OCI
import SystemPackage

/// The parts of the host's tree that an instance with a user namespace is made of.
///
/// Its child side cannot open them itself: there it is root over the mapped ids alone, so that it goes
/// through no directory of others, makes no device, and mounts no sysfs of a network that is not its
/// own. The monitor's side opens them before, with its privileges, and hands them over in this order.
/// What they can do inside is what their attributes say; the child side only places them.
enum HostTrees {
  enum Part: Hashable {
    case root
    /// By its place in the plan.
    case mount(Int)
    /// By its place in ``ChildMounts/devices``.
    case device(Int)
  }

  static func parts(of plan: LaunchPlan) -> [Part] {
    var parts = [Part.root]
    for (index, mount) in plan.mounts.enumerated() {
      switch mount.source {
      case .bind: parts.append(.mount(index))
      case .fileSystem(let type, _, _):
        if type == "sysfs", plan.network != .new { parts.append(.mount(index)) }
        if mount.destination == "/dev" {
          parts += ChildMounts.devices.indices.map { Part.device($0) }
        }
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
    for part in parts(of: plan) {
      let tree =
        switch part {
        case .root: try root(plan, pid)
        case .mount(let index): try mount(plan.mounts[index], network)
        case .device(let index):
          try named("/dev/\(ChildMounts.devices[index].name)") {
            try ChildMounts.openBind(
              "/dev/\(ChildMounts.devices[index].name)", recursive: false,
              [.noSetuid, .noExecute])
          }
        }
      try channel.send(0, descriptor: tree.fd)
    }
  }

  private static func root(_ plan: LaunchPlan, _ pid: pid_t) throws -> DetachedMount {
    let tree = try named(plan.root) { try ChildMounts.openRoot(plan) }
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
    _ mount: LaunchPlan.MountStep, _ network: borrowing Namespace?
  ) throws -> DetachedMount {
    switch mount.source {
    case .bind(let path, let recursive):
      return try named(path) {
        try ChildMounts.openBind(path, recursive: recursive, mount.attributes)
      }
    case .fileSystem(let type, _, _):
      switch network {
      case .some(let network): return try network.visit { try systemTree(type, mount) }
      case .none: return try systemTree(type, mount)
      }
    }
  }

  /// The host's own sysfs, which only who has the network's privileges may mount anew.
  private static func systemTree(
    _ type: String, _ mount: LaunchPlan.MountStep
  ) throws -> DetachedMount {
    do throws(SystemError) {
      return try DetachedMount(
        type: type, source: type, options: [], attributes: mount.attributes)
    } catch {
      guard error.errno == .notPermitted else { throw error }
      return try ChildMounts.openBind("/sys", recursive: true, mount.attributes)
    }
  }

  private static func named(
    _ path: String, _ body: () throws -> DetachedMount
  ) throws -> DetachedMount {
    do { return try body() } catch { throw SandboxError("binding \(path): \(error)") }
  }
}
