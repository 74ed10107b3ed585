import Sandbox

extension CgroupPlan {
  /// The plan as commands, for `--explain`.
  var explanation: [String] {
    var lines: [String] = []
    let path: String
    switch place {
    case .standard:
      path = "\(CgroupPlacement.parent)/INSTANCE"
      lines.append("# its cgroup, where there is version 2; with systemd in a scope of its own")
    case .path(let given):
      path = given
      lines.append("# its cgroup")
    case .scope(let name, let slice):
      path = "/\(slice)/\(name).scope/\(SystemdScope.instanceChild)"
      lines.append("# its cgroup, in a scope of systemd's")
      lines.append("systemd-run --scope --slice \(slice) --unit \(name) -p Delegate=yes")
    }
    let directory = Explanation.quoted("/sys/fs/cgroup\(path)")
    lines.append("mkdir -p \(directory)")
    for (controller, _) in controllers {
      lines.append(
        "echo +\(controller) > /sys/fs/cgroup/cgroup.subtree_control  # and in those below, to its parent"
      )
    }
    for setting in settings {
      lines.append("echo \(Explanation.quoted(setting.value)) > \(directory)/\(setting.file)")
    }
    if !devices.allowsAll {
      let count = devices.rules.count
      lines.append("# a BPF program with \(count) rules, which denies all other devices:")
      lines.append("bpftool cgroup attach \(directory) cgroup_device PROGRAM multi")
    }
    lines.append("echo $$ > \(directory)/cgroup.procs")
    return lines
  }
}
