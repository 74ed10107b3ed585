import CLinux
import Glibc
import Linux
import SystemPackage

/// Who the child side is in a user namespace until it becomes the workload's user.
enum ChildIdentity {
  /// Becomes root of the user namespace, or where that has none the workload's user: what is made from
  /// now on belongs to an id that exists inside. All capabilities over the namespace stay.
  ///
  /// - Parameter ids: those of the namespace.
  static func adopt(
    _ workload: LaunchPlan.Workload, _ ids: UserNamespaceView
  ) throws(ChildFailure) {
    try step("becoming root of the user namespace") { () throws(SystemError) in
      let uid = ids.uids.outside(0) == nil ? workload.user.uid : 0
      let gid = ids.gids.outside(0) == nil ? workload.user.gid : 0
      try dropGroups()
      // PR_SET_KEEPCAPS
      try check("prctl", "PR_SET_KEEPCAPS", swrun_prctl(8, 1, 0, 0, 0))
      try check("setresgid", "\(gid)", setresgid(gid, gid, gid))
      try check("setresuid", "\(uid)", setresuid(uid, uid, uid))
      // Another user's process is not told of its parent's death any more; see prctl(2).
      try dieWithParent()
    }
  }

  /// Leaves the groups of who started swrun. Where a user namespace has been made without privilege it
  /// has no right to, and who started swrun is who runs inside.
  static func dropGroups() throws(SystemError) {
    if setgroups(0, nil) != 0, errno != EPERM { throw SystemError("setgroups") }
  }

  /// Waits for the ids of a new user namespace and for what the monitor's side has opened.
  ///
  /// - Returns: the trees by their parts; `nil` where the monitor has gone.
  static func receive(
    _ plan: LaunchPlan, _ channel: borrowing Channel
  ) throws(ChildFailure) -> [HostTrees.Part: CInt]? {
    var trees: [HostTrees.Part: CInt] = [:]
    for part in HostTrees.parts(of: plan) {
      let tree = try step("receiving the host's trees") { () throws(SystemError) -> CInt in
        switch try channel.receiveAny() {
        case .descriptor(let descriptor, _, _): descriptor.release().rawValue
        case .bytes: -1
        case .end: -1
        }
      }
      if tree < 0 { return nil }
      trees[part] = tree
    }
    return trees
  }
}
