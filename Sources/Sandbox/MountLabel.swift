extension LaunchPlan.MountStep {
  /// The same with an SELinux context for what is in it, mount(8) `context=`. What is bound has its
  /// own, and the kernel's views of itself take none, as in runc.
  func labelled(_ label: String?) -> LaunchPlan.MountStep {
    guard let label, case .fileSystem(let type, let name, let options) = source,
      !["proc", "sysfs", "mqueue", "cgroup", "cgroup2"].contains(type),
      !options.contains(where: { $0.key == "context" })
    else { return self }
    return LaunchPlan.MountStep(
      destination: destination,
      source: .fileSystem(
        type: type, source: name, options: options + [Option(key: "context", value: label)]),
      attributes: attributes)
  }
}
