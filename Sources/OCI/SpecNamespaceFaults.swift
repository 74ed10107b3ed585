extension Spec {
  /// What swrun can make or join, as the specification names it.
  static let namespaceTypes = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]

  func checkNamespaces(_ found: inout Faults) {
    var seen: Set<String> = []
    for (index, namespace) in linux.namespaces.enumerated() {
      let place = "linux.namespaces[\(index)]"
      if !Self.namespaceTypes.contains(namespace.type) {
        found.unknown("\(place).type", namespace.type, Self.namespaceTypes)
      }
      if !seen.insert(namespace.type).inserted {
        found.add("\(place).type", "\(namespace.type.debugDescription) is there twice")
      }
      guard let path = namespace.path else { continue }
      if !path.hasPrefix("/") || path.utf8.contains(0) {
        found.add("\(place).path", "\(path.debugDescription) is not absolute")
      } else if namespace.type == "mount" {
        found.add(
          "\(place).path",
          "cannot be joined: the root file system is put together in a mount namespace of the instance's own; take the path out"
        )
      }
    }
    if !seen.contains("mount") {
      found.add(
        "linux.namespaces",
        "has no \"mount\", without which the root file system would be put over the host's")
    }
    checkHostNames(&found)
    checkTimeOffsets(&found)
  }

  private func checkHostNames(_ found: inout Faults) {
    guard self[namespace: "uts"] != .new else { return }
    for (name, value) in [("hostname", hostname), ("domainname", domainname)] where value != nil {
      found.add(
        name,
        "would rename \(self[namespace: "uts"] == .host ? "the host" : "another's UTS namespace"); it needs a new namespace of the type \"uts\""
      )
    }
  }

  private func checkTimeOffsets(_ found: inout Faults) {
    guard let offsets = linux.timeOffsets else { return }
    if self[namespace: "time"] != .new {
      found.add("linux.timeOffsets", "needs a new namespace of the type \"time\"")
    }
    for (name, offset) in [("monotonic", offsets.monotonic), ("boottime", offsets.boottime)] {
      if let nanoseconds = offset?.nanosecs, nanoseconds > 999_999_999 {
        found.add("linux.timeOffsets.\(name).nanosecs", "\(nanoseconds) is a second or more")
      }
    }
  }
}
