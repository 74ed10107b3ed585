import Linux
public import Network
public import OCI
import Sandbox

/// A plan as the commands that would do the same: `swrun --explain`.
public enum Explanation {
  /// One command a line, in the order of the work. `INSTANCE` stands for the new process.
  public static func lines(
    _ spec: Spec, _ interfaces: [InterfacePlan], usesInit: Bool, isEphemeral: Bool = false
  ) -> [String] {
    var lines: [String] = []
    // One that cannot be made was refused before.
    lines += (try? CgroupPlan(spec))?.explanation ?? []
    let unshare = namespaces(spec)
    let new = newNamespaces(spec)
    switch spec.networkNamespace {
    case .new:
      lines.append("# the network, from the host's side")
      lines.append("ip netns add INSTANCE")
      lines.append("ip -n INSTANCE link set lo up")
      lines += interfaces.flatMap(\.explanation)
      lines.append("# the process, in new network, \(new) namespaces")
      lines.append("ip netns exec INSTANCE \(unshare)")
    case .host:
      lines.append("# the process, in the host's network, and new \(new) namespaces")
      lines.append(unshare)
    case .joined(let path):
      lines.append("# the process, in another's network, and new \(new) namespaces")
      lines.append("nsenter --net=\(quoted(path)) \(unshare)")
    }
    if let hostname = spec.hostname { lines.append("hostname \(quoted(hostname))") }
    if let domainname = spec.domainname { lines.append("domainname \(quoted(domainname))") }
    lines += root(spec, isEphemeral: isEphemeral)
    lines += spec.mounts.map(mount)
    lines += spec.linux.devices.map(device)
    for path in spec.linux.readonlyPaths {
      lines.append("mount --bind -o ro ROOT\(path) ROOT\(path)")
    }
    for path in spec.linux.maskedPaths {
      lines.append("mount --bind /dev/null ROOT\(path)  # or an empty directory; if it is there")
    }
    lines.append("pivot_root ROOT ROOT && umount -l .")
    for (name, value) in spec.linux.sysctl.sorted(by: { $0.key < $1.key }) {
      lines.append("sysctl -w \(quoted("\(name)=\(value)"))")
    }
    if let propagation = spec.linux.rootfsPropagation {
      lines.append("mount --make-\(propagation) /")
    }
    let process = spec.process
    let bounding = process.capabilities.bounding.map { $0.lowercased() }.joined(separator: ",")
    let groups = process.user.additionalGids.map(String.init).joined(separator: ",")
    lines.append(
      "# capabilities that stay: \(bounding.isEmpty ? "none" : bounding); seccomp: \(filter(of: spec))"
    )
    if let profile = process.apparmorProfile {
      lines.append("echo exec \(quoted(profile)) > /proc/self/attr/apparmor/exec")
    }
    if let label = process.selinuxLabel {
      lines.append("echo \(quoted(label)) > /proc/self/attr/exec")
    }
    lines += attributes(process)
    if usesInit { lines.append("swrun's init as PID 1, and under it:") }
    lines.append(
      "setpriv --reuid \(process.user.uid) --regid \(process.user.gid) "
        + (groups.isEmpty ? "--clear-groups" : "--groups \(groups)")
        + " --bounding-set \(changes(process.capabilities.bounding))"
        + " --inh-caps \(changes(process.capabilities.inheritable))"
        + " --ambient-caps \(changes(process.capabilities.ambient))"
        + "\(process.noNewPrivileges ? " --no-new-privs" : "") \\")
    lines.append(
      "  env -i -C \(quoted(process.cwd)) "
        + (process.env + process.args).map(quoted).joined(separator: " "))
    return lines
  }

  /// `unshare` with the user namespace, which the others belong to.
  private static func userNamespace(_ spec: Spec) -> String {
    switch spec.userNamespace {
    case .shared: return "unshare"
    case .joined(let path): return "nsenter --user=\(quoted(path)) unshare"
    case .new(let uids, let gids):
      func options(_ name: String, _ map: IDMap) -> String {
        map.ranges.map { " --map-\(name) \($0.inside):\($0.outside):\($0.size)" }.joined()
      }
      return "unshare --user" + options("users", uids) + options("groups", gids)
    }
  }

  /// As setpriv(1) takes a set.
  private static func changes(_ capabilities: [String]) -> String {
    (["-all"] + capabilities.map { "+" + $0.dropFirst(4).lowercased() }).joined(separator: ",")
  }

  private static func filter(of spec: Spec) -> String {
    let standard = SeccompProfile.standard(capabilities: Set(spec.process.capabilities.bounding))
    guard let profile = spec.linux.seccomp, profile != standard else {
      return "the default allow-list"
    }
    if profile == .unconfined { return "none" }
    return "a profile of \(profile.syscalls.count) rules, else \(profile.defaultAction.rawValue)"
  }

  private static let kinds = [
    ("mount", "mount"), ("pid", "PID"), ("ipc", "IPC"), ("uts", "UTS"), ("cgroup", "cgroup"),
    ("time", "time"),
  ]

  private static func newNamespaces(_ spec: Spec) -> String {
    let titles = kinds.filter { spec[namespace: $0.0] == .new }.map(\.1)
    guard titles.count > 1, let last = titles.last else { return titles.first ?? "" }
    return "\(titles.dropLast().joined(separator: ", ")) and \(last)"
  }

  /// nsenter(1) for those that are joined, unshare(1) for those that are made.
  private static func namespaces(_ spec: Spec) -> String {
    var joins: [String] = []
    var makes: [String] = []
    for (type, _) in kinds {
      switch spec[namespace: type] {
      case .new: makes.append("--\(type)")
      case .joined(let path): joins.append("--\(type)=\(quoted(path))")
      case .host: break
      }
    }
    for (name, offset) in [
      ("monotonic", spec.linux.timeOffsets?.monotonic),
      ("boottime", spec.linux.timeOffsets?.boottime),
    ] {
      if let seconds = offset?.secs { makes.append("--\(name) \(seconds)") }
    }
    let enter = joins.isEmpty ? "" : "nsenter \(joins.joined(separator: " ")) "
    return "\(enter)\(userNamespace(spec)) \(makes.joined(separator: " ")) --fork"
  }

  private static func attributes(_ process: Spec.Process) -> [String] {
    process.rlimits.map { limit in
      let values = [limit.soft, limit.hard].map { $0 == .max ? "unlimited" : "\($0)" }
      let name = limit.type.lowercased().dropFirst("rlimit_".count)
      return "prlimit --pid $$ --\(name)=\(values.joined(separator: ":"))"
    }
  }

  private static func root(_ spec: Spec, isEphemeral: Bool) -> [String] {
    let path = quoted(spec.root.path)
    if isEphemeral {
      return [
        "mount -t tmpfs none LAYER && mkdir LAYER/upper LAYER/work",
        "mount -t overlay -o nosuid,nodev,lowerdir=\(path),upperdir=LAYER/upper,workdir=LAYER/work none ROOT",
      ]
    }
    return [
      "mount --rbind --make-rprivate \(path) ROOT",
      "mount -o remount,bind,\(spec.root.readonly ? "ro," : "")nosuid,nodev ROOT  # and all below it",
    ]
  }

  private static func mount(_ mount: Spec.Mount) -> String {
    let words = mount.options.filter { !["bind", "rbind"].contains($0) }
    let options = words.isEmpty ? "" : " -o \(quoted(words.joined(separator: ",")))"
    let target = quoted("ROOT\(mount.destination)")
    let source = quoted(mount.source ?? mount.type ?? "none")
    if mount.options.contains("remount") {
      return "mount\(options)\(mount.isBind ? ",bind" : "") \(target)"
    }
    guard mount.isBind else { return "mount -t \(mount.type ?? "")\(options) \(source) \(target)" }
    let kind = mount.options.contains("rbind") ? "--rbind" : "--bind"
    return "mount \(kind)\(options) \(source) \(target)"
  }

  private static func device(_ device: Spec.Device) -> String {
    let numbers = device.type == "p" ? "" : " \(device.major ?? 0) \(device.minor ?? 0)"
    let mode = String(device.fileMode.map { $0 & 0o7777 } ?? 0o666, radix: 8)
    return "mknod -m \(mode) \(quoted("ROOT\(device.path)")) \(device.type)\(numbers)"
  }

  /// A word as a shell reads it.
  public static func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
        || "_-./=:,+@%".utf8.contains($0)
    }
    return plain && !word.isEmpty
      ? word
      : "'"
        + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
        + "'"
  }
}
