extension Spec {
  /// Those of `kernel` that belong to the IPC namespace, ipc/ipc_sysctl.c.
  private static let ipcSysctls: Set<String> = [
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.msg_next_id", "kernel.sem",
    "kernel.sem_next_id", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_next_id",
    "kernel.shm_rmid_forced", "kernel.auto_msgmni",
  ]

  /// The name of a sysctl with dots, as sysctl(8) reads it: where a slash comes first, slashes divide
  /// and dots are part of a name, such as that of a VLAN.
  public static func dottedSysctl(_ name: String) -> String {
    guard name.first(where: { $0 == "." || $0 == "/" }) == "/" else { return name }
    return String(name.map { $0 == "/" ? "." : $0 == "." ? "/" : $0 })
  }

  /// Why a sysctl cannot be set for the instance alone; `nil` where it can.
  ///
  /// - Parameter name: with dots.
  public func sysctlFault(_ name: String) -> String? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 1,
      parts.allSatisfy({ !$0.isEmpty && $0 != "/" && !$0.hasPrefix("/") && !$0.hasSuffix("/") }),
      !name.utf8.contains(0)
    else { return "is no name such as net.ipv4.ip_forward" }
    if Self.ipcSysctls.contains(name) || name.hasPrefix("fs.mqueue.") {
      return needs("ipc", "IPC")
    }
    if name.hasPrefix("net.") { return needs("network", "network") }
    if name == "kernel.hostname" || name == "kernel.domainname" {
      let other = name == "kernel.hostname" ? hostname : domainname
      if other != nil { return "says what \(name.dropFirst(7)) says; take one of them out" }
      return needs("uts", "UTS")
    }
    return
      "is one for the whole host; for an instance there are kernel.msg*, kernel.sem, kernel.shm*, fs.mqueue.*, net.*, kernel.domainname"
  }

  private func needs(_ type: String, _ title: String) -> String? {
    switch self[namespace: type] {
    case .new: nil
    case .host: "would change the host; it needs a new \(title) namespace"
    case .joined: "would change what others have too; it needs a new \(title) namespace"
    }
  }

  func checkSysctls(_ found: inout Faults) {
    for (name, value) in linux.sysctl.sorted(by: { $0.key < $1.key }) {
      let path = "linux.sysctl.\(name)"
      if let reason = sysctlFault(Self.dottedSysctl(name)) { found.add(path, reason) }
      if value.utf8.contains(0) { found.add(path, "has a value with a NUL byte") }
    }
  }
}
