import CLinux
import Glibc
import Linux
import OCI
import SystemPackage

/// Takes parts of the host's tree for an instance: in its own mount namespace, or before there is one.
struct HostSource {
  let workshop: MountWorkshop

  /// A copy of what is to be bound; `nil` for a mount that binds nothing.
  func bind(_ mount: LaunchPlan.MountStep) throws(ChildFailure) -> HeldMount? {
    guard case .bind(let path, let recursive) = mount.source else { return nil }
    let tree = try step("binding \(path)") { () throws(SystemError) in
      let source = try Descriptor.open(path, pathOnly)
      if mount.options.propagation?.kind == .shared { try requireShared(source.fd, path) }
      return try workshop.clone(source.fd, named: path, recursive: recursive)
    }
    try step("binding \(path)") { () throws(SystemError) in
      // A shared one stays a peer of the host's, with all below it.
      if mount.options.propagation?.kind != .shared {
        try cutTie(tree, propagation: mount.options.propagation)
      }
      try tree.change(mount.options)
    }
    try mapIDs(tree, mount)
    return HeldMount(tree)
  }

  /// A private copy of the root file system, with everything that is mounted in it.
  func root(_ plan: LaunchPlan) throws(SystemError) -> DetachedMount {
    // Not through a link: what the plan names was resolved when it was made.
    let source = try Descriptor.openPlain(plan.root, pathOnly | O_DIRECTORY)
    let tree = try workshop.clone(source.fd, named: plan.root, recursive: true)
    try cutTie(tree, propagation: plan.rootPropagation)
    var attributes: MountAttributes = [.noSetuid, .noDevices]
    if plan.readOnlyRoot { attributes.insert(.readOnly) }
    try tree.change(MountChange(set: attributes), recursive: true)
    return tree
  }

  private func requireShared(_ source: FileDescriptor, _ path: String) throws(SystemError) {
    let table = try MountTable()
    guard table.entry(try MountTable.id(of: source))?.isShared == true else {
      // As with Docker: what is not shared on the host cannot be shared with it.
      throw SystemError("shared", "\(path) is not on a shared mount", errno: .invalidArgument)
    }
  }

  func mapIDs(
    _ tree: borrowing DetachedMount, _ mount: LaunchPlan.MountStep
  ) throws(ChildFailure) {
    guard let map = mount.idMap else { return }
    let namespace = try step("the id mapping of \(mount.destination)") { () throws(SystemError) in
      try makeUserNamespace(map)
    }
    do { try tree.mapIDs(by: namespace, recursive: map.isRecursive) } catch {
      throw ChildFailure(
        error.errno == .noFunction || error.errno == .invalidArgument
          ? "idmapping \(mount.destination): neither this kernel nor its file system may be able to: \(error.errno)"
          : "idmapping \(mount.destination): \(error)")
    }
  }
}

extension DetachedMount {
  /// What the options of a mount say of its attributes.
  borrowing func change(_ options: MountOptions) throws(SystemError) {
    try change(options.recursiveAttributes, recursive: true)
    try change(options.attributes)
  }
}

/// A mount that an array can hold.
final class HeldMount {
  let mount: DetachedMount
  init(_ mount: consuming DetachedMount) { self.mount = mount }
}

/// Has a copy of the host's mounts hear only of what it is asked to.
///
/// - Parameter propagation: but for `slave` it is set when the copy is at its place.
func cutTie(
  _ tree: borrowing DetachedMount, propagation: MountPropagation?
) throws(SystemError) {
  let kind: MountPropagation.Kind = propagation?.kind == .slave ? .slave : .private
  // With all below, also where that was not said: what is mounted there must not be seen on the host.
  try tree.propagate(MountPropagation(kind, isRecursive: true))
}
