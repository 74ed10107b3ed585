import JSON

extension Spec {
  /// Everything in it that is no sense, or that swrun does not do.
  func faults() -> [Fault] {
    var found = Faults()
    checkVersion(&found)
    checkNamespaces(&found)
    checkUserNamespace(&found)
    checkProcess(&found)
    checkAttributes(&found)
    checkSysctls(&found)
    checkHooks(&found)
    for fault in fileSystemFaults() { found.add(fault.path, fault.reason) }
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

  /// A later minor version has nothing that an earlier one means otherwise, and a property that is new
  /// in it is refused by name.
  private func checkVersion(_ found: inout Faults) {
    let core = ociVersion.prefix { $0 != "-" && $0 != "+" }
    let numbers = core.split(separator: ".", omittingEmptySubsequences: false)
      .map { UInt16($0) }
    if numbers.count != 3 || numbers.contains(nil) || numbers[0] != 1 {
      found.add(
        "ociVersion",
        "\(ociVersion.debugDescription) is not known; swrun reads 1.0.0 and later of 1"
      )
    }
  }

  private func checkProcess(_ found: inout Faults) {
    if process.args.first?.isEmpty != false { found.add("process.args", "names no command") }
    if !process.cwd.hasPrefix("/") {
      found.add("process.cwd", "\(process.cwd.debugDescription) is not absolute")
    }
    checkCapabilities(&found)
    checkSeccomp(&found)
    if let score = process.oomScoreAdj, !(-1000...1000).contains(score) {
      found.add("process.oomScoreAdj", "\(score) is not -1000 to 1000")
    }
  }

  private func checkUnsupported(_ found: inout Faults) {
    found.unsupported(
      "linux.resources.memory.checkBeforeUpdate",
      linux.resources?.memory?.checkBeforeUpdate == true)
    if linux.intelRdt != nil {
      found.add(
        "linux.intelRdt", "is not supported: swrun makes no groups in /sys/fs/resctrl; take it out")
    }
    if linux.netDevices != nil {
      found.add(
        "linux.netDevices",
        "is not supported: no device of the host is moved; take it out, and use --net macvlan:DEVICE:passthru"
      )
    }
  }
}
