import Linux
import OCI

/// What a mount of the type `cgroup` is on this host, as config-linux.md of the runtime-spec has it:
/// the one hierarchy of version 2, or a directory with those of version 1.
enum CgroupLayout {
  /// Whether the host has version 2 alone.
  static var isUnified: Bool { CgroupHierarchy.current?.isUnified == true }

  /// The mounts that stand for one of a spec; it itself if it is no such, or names its controllers.
  static func expand(_ mount: Spec.Mount) -> [Spec.Mount] {
    guard mount.type == "cgroup", !mount.isBind, MountOptions(mount).data.isEmpty else {
      return [mount]
    }
    if isUnified {
      return [
        Spec.Mount(
          destination: mount.destination, type: "cgroup2", source: "cgroup2",
          options: mount.options)
      ]
    }
    return expand(mount, hierarchies: (try? readText("/proc/self/cgroup")) ?? "")
  }

  /// - Parameter hierarchies: lines as in `/proc/self/cgroup`, cgroups(7).
  static func expand(_ mount: Spec.Mount, hierarchies: String) -> [Spec.Mount] {
    var mounts = [
      Spec.Mount(
        destination: mount.destination, type: "tmpfs", source: "tmpfs",
        options: mount.options + ["mode=755"])
    ]
    for line in hierarchies.split(separator: "\n").reversed() {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let controllers = String(fields[1])
      let name: String
      let type: String
      var own: [String] = []
      if controllers.isEmpty {
        (name, type) = ("unified", "cgroup2")
      } else if controllers.hasPrefix("name=") {
        (name, type, own) = (String(controllers.dropFirst(5)), "cgroup", ["none", controllers])
      } else {
        (name, type) = (controllers, "cgroup")
        own = controllers.split(separator: ",").map(String.init)
      }
      mounts.append(
        Spec.Mount(
          destination: "\(mount.destination)/\(name)", type: type, source: type,
          options: mount.options + own))
    }
    return mounts
  }
}
