import Linux

extension Spec {
  /// What no kernel would set, capset(2) and prctl(2), or what there is not.
  func checkCapabilities(_ found: inout Faults) {
    let sets = process.capabilities
    let kernel = CapabilitySet.ofKernel()
    for (name, list) in [
      ("bounding", sets.bounding), ("effective", sets.effective), ("permitted", sets.permitted),
      ("inheritable", sets.inheritable), ("ambient", sets.ambient),
    ] {
      for (index, capability) in list.enumerated() {
        let path = "process.capabilities.\(name)[\(index)]"
        guard let bit = CapabilitySet.bit(of: capability), capability.hasPrefix("CAP_"),
          capability == capability.uppercased()
        else {
          let near = suggestion(for: capability, in: kernel.names)
          found.add(
            path,
            "is \(capability.debugDescription), no capability such as CAP_CHOWN\(near)")
          continue
        }
        if kernel.bits & (1 << bit) == 0 {
          found.add(path, "is \(capability), which this kernel does not have")
        }
      }
    }
    func check(_ name: String, _ list: [String], _ other: String, _ allowed: [String]) {
      if let extra = list.first(where: { !allowed.contains($0) }) {
        found.add(
          "process.capabilities.\(name)", "has \(extra.debugDescription), which is not in \(other)")
      }
    }
    check("effective", sets.effective, "permitted", sets.permitted)
    check("ambient", sets.ambient, "permitted", sets.permitted)
    check("permitted", sets.permitted, "bounding", sets.bounding)
    check("inheritable", sets.inheritable, "bounding", sets.bounding)
  }

  /// What can be said of a filter before it is compiled.
  func checkSeccomp(_ found: inout Faults) {
    guard let seccomp = linux.seccomp else { return }
    for (index, rule) in seccomp.syscalls.enumerated() {
      let path = "linux.seccomp.syscalls[\(index)]"
      if rule.names.isEmpty { found.add("\(path).names", "names no system call") }
      if let bad = rule.names.first(where: { $0.isEmpty || $0.utf8.contains(0) }) {
        found.add("\(path).names", "has \(bad.debugDescription), which is no system call")
      }
      for (place, argument) in (rule.args ?? []).enumerated() where argument.index > 5 {
        found.add("\(path).args[\(place)].index", "is above 5; a call has six arguments")
      }
    }
    if seccomp.needsListener, seccomp.listenerPath?.hasPrefix("/") != true {
      found.add("linux.seccomp.listenerPath", "has to be absolute, for SCMP_ACT_NOTIFY")
    }
  }
}
