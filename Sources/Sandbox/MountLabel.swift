import Linux

extension LaunchPlan.MountStep {
  /// The same with an SELinux context for what is in it, mount(8) `context=`. What is bound has its
  /// own, and the kernel's views of itself take none, as in runc.
  func labelled(_ label: String?) -> LaunchPlan.MountStep {
    guard let label, case .fileSystem(var system) = source,
      !["proc", "sysfs", "mqueue", "cgroup", "cgroup2"].contains(system.type),
      !system.options.contains(where: { $0.key == "context" })
    else { return self }
    system.options.append(.init("context", label))
    var labelled = self
    labelled.source = .fileSystem(system)
    return labelled
  }
}
