extension Spec {
  /// Everything in it that is no sense, or that swrun does not do.
  func faults() -> [Fault] {
    var found = Faults()
    if !ociVersion.hasPrefix("1.") {
      found.add("ociVersion", "\(ociVersion.debugDescription) is not 1.x")
    }
    checkNamespaces(&found)
    checkUserNamespace(&found)
    checkProcess(&found)
    checkUnsupported(&found)
    return found.list
  }

  /// A list that grows.
  struct Faults {
    private(set) var list: [Fault] = []

    mutating func add(_ path: String, _ reason: String) { list.append(Fault(path, reason)) }

    /// What has a place in ``Spec`` and is not carried out.
    mutating func unsupported(_ path: String, _ isThere: Bool) {
      if isThere { add(path, "is not supported; take it out") }
    }
  }

  private func checkNamespaces(_ found: inout Faults) {
    let kinds = ["ipc", "mount", "pid", "uts"]
    let given = linux.namespaces.map(\.type)
    let mayBeShared = ["cgroup", "network", "user"]
    if given.filter({ !mayBeShared.contains($0) }).sorted() != kinds
      || Set(given).count < given.count
    {
      found.add(
        "linux.namespaces",
        "has to be \(kinds.joined(separator: ", ")) and, unless the host's are to be shared, network, user and cgroup, each once"
      )
    }
    for (index, namespace) in linux.namespaces.enumerated() {
      guard let place = namespace.path else { continue }
      let path = "linux.namespaces[\(index)].path"
      if !["network", "user"].contains(namespace.type) {
        found.unsupported(path, true)
      } else if !place.hasPrefix("/") || place.utf8.contains(0) {
        found.add(path, "\(place.debugDescription) is not absolute")
      }
    }
  }

  private func checkProcess(_ found: inout Faults) {
    if process.args.first?.isEmpty != false { found.add("process.args", "names no command") }
    if !process.cwd.hasPrefix("/") {
      found.add("process.cwd", "\(process.cwd.debugDescription) is not absolute")
    }
    if process.terminal { found.add("process.terminal", "has to be false") }
    checkCapabilities(&found)
    checkSeccomp(&found)
    if let score = process.oomScoreAdj, !(-1000...1000).contains(score) {
      found.add("process.oomScoreAdj", "\(score) is not -1000 to 1000")
    }
  }

  private func checkUnsupported(_ found: inout Faults) {
    for (index, mount) in mounts.enumerated() {
      found.unsupported("mounts[\(index)].uidMappings", mount.uidMappings != nil)
      found.unsupported("mounts[\(index)].gidMappings", mount.gidMappings != nil)
    }
    found.unsupported("hooks", hooks != nil)
    found.unsupported("process.consoleSize", process.consoleSize != nil)
    found.unsupported("process.user.umask", process.user.umask != nil)
    found.unsupported("process.rlimits", !process.rlimits.isEmpty)
    found.unsupported("process.scheduler", process.scheduler != nil)
    found.unsupported("process.ioPriority", process.ioPriority != nil)
    found.unsupported("process.execCPUAffinity", process.execCPUAffinity != nil)
    found.unsupported("linux.timeOffsets", linux.timeOffsets != nil)
    found.unsupported("linux.devices", !linux.devices.isEmpty)
    found.unsupported("linux.rootfsPropagation", linux.rootfsPropagation != nil)
    found.unsupported("linux.sysctl", !linux.sysctl.isEmpty)
    found.unsupported("linux.personality", linux.personality != nil)
    found.unsupported("linux.intelRdt", linux.intelRdt != nil)
    found.unsupported("linux.memoryPolicy", linux.memoryPolicy != nil)
    found.unsupported("linux.netDevices", linux.netDevices != nil)
  }
}
