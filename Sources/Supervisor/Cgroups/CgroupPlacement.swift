import Linux
import Sandbox

/// Where an instance's cgroup is on this machine, decided before anything is made.
struct CgroupPlacement {
  enum Place: Hashable {
    /// From the root of the hierarchy.
    case directory(String)
    /// A transient unit of systemd's, in a slice other than the one where such units are.
    case scope(String, slice: String?)
  }

  let hierarchy: CgroupHierarchy
  let place: Place

  /// Holds the instances' cgroups where no systemd runs.
  static let parent = "/swrun"

  /// What an instance's path may leave behind that is removed with the last instance.
  static func emptyParent(of path: String) -> String? {
    let names = path.split(separator: "/")
    return names.count == 2 && "/\(names[0])" == parent ? String(names[0]) : nil
  }

  /// - Parameters:
  ///   - hierarchy: of this machine; `nil` where there is none.
  ///   - isSystemd: whether systemd hands out the cgroups here.
  /// - Returns: `nil`: it is to run without a cgroup of its own, since there can be none and nothing
  ///   needs one.
  /// - Throws: what is asked for that this machine cannot do, and the way out.
  static func find(
    _ plan: CgroupPlan, id: String, hierarchy: CgroupHierarchy?, isSystemd: Bool
  ) throws(SupervisorError) -> CgroupPlacement? {
    guard let hierarchy, !hierarchy.isReadOnly else {
      guard let demand = plan.demand else { return nil }
      let reason =
        hierarchy.map { "\($0.mountPoint) cannot be written" }
        ?? "no cgroup v2 hierarchy is mounted"
      throw SupervisorError(
        "\(demand) needs cgroup v2, and \(reason). Run swrun as root where it is mounted (mount -t cgroup2 cgroup2 /sys/fs/cgroup), or leave the limit out"
      )
    }
    try check(plan, hierarchy)
    switch plan.place {
    case .path(let path):
      return CgroupPlacement(hierarchy: hierarchy, place: .directory(path))
    case .scope(let name, let slice):
      guard isSystemd else {
        throw SupervisorError(
          "\(slice) is a slice of systemd's, which does not run here. Give a path: --cgroup-parent /NAME"
        )
      }
      return CgroupPlacement(hierarchy: hierarchy, place: .scope("\(name).scope", slice: slice))
    case .standard:
      return CgroupPlacement(
        hierarchy: hierarchy,
        place: isSystemd ? .scope("swrun-\(id).scope", slice: nil) : .directory("\(parent)/\(id)"))
    }
  }

  /// Whether the hierarchy has all controllers that a plan needs.
  static func check(
    _ plan: CgroupPlan, _ hierarchy: CgroupHierarchy
  ) throws(SupervisorError) {
    for (controller, origin) in plan.controllers where !hierarchy.controllers.contains(controller) {
      throw SupervisorError(
        "\(origin) needs the controller \(controller) of cgroup v2, which this machine has not got there: it is with version 1, or switched off. Boot with cgroup_no_v1=all (and systemd.unified_cgroup_hierarchy=1), or leave the limit out"
      )
    }
  }

  /// The same for this machine.
  static func find(_ plan: CgroupPlan, id: String) throws(SupervisorError) -> CgroupPlacement? {
    try find(plan, id: id, hierarchy: .current, isSystemd: CgroupHierarchy.isSystemd)
  }

  static func noCgroup(of name: String) -> String {
    "\(name) has no cgroup of its own: this machine had no cgroup v2 hierarchy that swrun could write when it was started"
  }
}
