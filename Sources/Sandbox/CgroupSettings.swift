import Glibc
import OCI

extension CgroupPlan {
  /// The files of version 2 for what the specification says in terms of version 1.
  ///
  /// Source: runtime-spec config-linux.md; conversions as runc and crun have them.
  static func settings(_ resources: Spec.Resources) throws(SandboxError) -> [Setting] {
    var found: [Setting] = []
    if let memory = resources.memory { found += try settings(memory) }
    if let cpu = resources.cpu { found += try settings(cpu) }
    if let pids = resources.pids {
      found.append(
        Setting(
          "pids.max", pids.limit > 0 ? "\(pids.limit)" : "max",
          "--pids-limit (linux.resources.pids.limit)"))
    }
    if let block = resources.blockIO { found += try settings(block) }
    for limit in resources.hugepageLimits { found += try settings(limit) }
    if let network = resources.network, network.classID != nil || !network.priorities.isEmpty {
      throw refused(
        "linux.resources.network", "network classes and priorities of cgroups",
        "Mark packets by the cgroup in nft instead (socket cgroupv2)")
    }
    for (device, limit) in resources.rdma.sorted(by: { $0.key < $1.key }) {
      found.append(try setting(limit, device))
    }
    for (file, value) in resources.unified.sorted(by: { $0.key < $1.key }) {
      found.append(try setting(file, value))
    }
    return found
  }

  private static func refused(
    _ origin: String, _ what: String, _ wayOut: String
  ) -> SandboxError {
    SandboxError("\(origin): cgroup v2 has no \(what). \(wayOut)")
  }

  private static func settings(_ memory: Spec.Memory) throws(SandboxError) -> [Setting] {
    let path = "linux.resources.memory"
    if memory.swappiness != nil {
      throw refused(
        "--memory-swappiness (\(path).swappiness)", "swappiness of a cgroup",
        "Leave it out, or limit swap with --memory-swap")
    }
    if memory.disableOOMKiller == true {
      throw refused(
        "--oom-kill-disable (\(path).disableOOMKiller)", "way to switch the OOM killer off",
        "Leave it out, or spare the command with --oom-score-adj -1000")
    }
    if memory.kernel != nil || memory.kernelTCP != nil {
      throw refused(
        "\(path).kernel", "limit for the kernel's memory alone", "It counts for \(path).limit")
    }
    if memory.useHierarchy == false {
      throw refused("\(path).useHierarchy false", "cgroups without a hierarchy", "Leave it out")
    }
    var found: [Setting] = []
    func limit(_ file: String, _ value: Int64, _ origin: String) {
      found.append(Setting(file, value < 0 ? "max" : "\(value)", "\(origin))"))
    }
    if let reservation = memory.reservation {
      limit("memory.low", reservation, "--memory-reservation (\(path).reservation")
    }
    if let bytes = memory.limit { limit("memory.max", bytes, "--memory (\(path).limit") }
    if let swap = memory.swap, swap != 0 {
      let origin = "--memory-swap (\(path).swap"
      if swap > 0 {
        // Memory and swap together in version 1, swap alone in version 2.
        guard let bytes = memory.limit, bytes >= 0 else {
          throw SandboxError(
            "\(origin)): it is memory and swap together, so --memory has to be given with it")
        }
        guard swap >= bytes else {
          throw SandboxError(
            "\(origin)): it is memory and swap together, and \(swap) is less than the memory's \(bytes)"
          )
        }
        limit("memory.swap.max", swap - bytes, origin)
      } else {
        limit("memory.swap.max", -1, origin)
      }
    }
    return found
  }

  private static func settings(_ cpu: Spec.CPU) throws(SandboxError) -> [Setting] {
    let path = "linux.resources.cpu"
    if cpu.realtimeRuntime ?? 0 != 0 || cpu.realtimePeriod ?? 0 != 0 {
      throw refused(
        "\(path).realtimeRuntime", "realtime processor time of cgroups", "Leave it out")
    }
    var found: [Setting] = []
    if let shares = cpu.shares, shares != 0 {
      found.append(
        Setting("cpu.weight", "\(weight(shares: shares))", "--cpu-shares (\(path).shares)"))
    }
    if cpu.quota != nil || cpu.period != nil {
      let quota = cpu.quota.map { $0 > 0 ? "\($0)" : "max" } ?? "max"
      found.append(
        Setting(
          "cpu.max", "\(quota) \(cpu.period.flatMap { $0 == 0 ? nil : $0 } ?? 100_000)",
          "--cpus, --cpu-quota (\(path).quota)"))
    }
    if let burst = cpu.burst {
      found.append(Setting("cpu.max.burst", "\(burst)", "\(path).burst"))
    }
    if let idle = cpu.idle { found.append(Setting("cpu.idle", "\(idle)", "\(path).idle")) }
    if let cpus = cpu.cpus, !cpus.isEmpty {
      found.append(Setting("cpuset.cpus", try list(cpus, "cpus"), "--cpuset-cpus (\(path).cpus)"))
    }
    if let mems = cpu.mems, !mems.isEmpty {
      found.append(Setting("cpuset.mems", try list(mems, "mems"), "--cpuset-mems (\(path).mems)"))
    }
    return found
  }

  /// As `0-3,7`: the kernel takes more, but what else could be written is no list.
  private static func list(_ text: String, _ name: String) throws(SandboxError) -> String {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2c || $0 == 0x2d }) else {
      throw SandboxError(
        "--cpuset-\(name) (linux.resources.cpu.\(name)) \(text.debugDescription): write it as 0-3,7"
      )
    }
    return text
  }

  /// Version 1's 2 to 262144, by default 1024, as version 2's 1 to 10000, by default 100: a curve
  /// through these three points, which runc has since 1.3.2 and crun since 1.23.
  static func weight(shares: UInt64) -> UInt64 {
    if shares <= 2 { return 1 }
    if shares >= 262_144 { return 10_000 }
    let bits = log2(Double(shares))
    return UInt64(ceil(pow(10, (bits * bits + 125 * bits) / 612 - 7.0 / 34.0)))
  }

  /// 10 to 1000 in version 1, 1 to 10000 in `io.weight`.
  static func weight(blockIO: UInt16) -> UInt64 { 1 + (UInt64(blockIO) - 10) * 9999 / 990 }

  private static func settings(_ block: Spec.BlockIO) throws(SandboxError) -> [Setting] {
    let path = "linux.resources.blockIO"
    if block.leafWeight ?? 0 != 0 || block.weightDevice.contains(where: { $0.leafWeight ?? 0 != 0 })
    {
      throw refused("\(path).leafWeight", "weight of a cgroup's own processes", "Leave it out")
    }
    var found: [Setting] = []
    func weigh(_ weight: UInt16, _ target: String, _ origin: String) throws(SandboxError) {
      guard (10...1000).contains(weight) else {
        throw SandboxError("\(origin) \(weight): a weight is 10 to 1000")
      }
      var setting = Setting("io.weight", "\(target) \(Self.weight(blockIO: weight))", origin)
      setting.preferred = .init(file: "io.bfq.weight", value: "\(target) \(weight)")
      found.append(setting)
    }
    if let weight = block.weight, weight != 0 {
      try weigh(weight, "default", "--blkio-weight (\(path).weight)")
    }
    for device in block.weightDevice {
      guard let weight = device.weight, weight != 0 else { continue }
      try weigh(weight, "\(device.major):\(device.minor)", "\(path).weightDevice")
    }
    for (devices, key, origin) in [
      (block.throttleReadBpsDevice, "rbps", "--device-read-bps (\(path).throttleReadBpsDevice)"),
      (block.throttleWriteBpsDevice, "wbps", "--device-write-bps (\(path).throttleWriteBpsDevice)"),
      (
        block.throttleReadIOPSDevice, "riops", "--device-read-iops (\(path).throttleReadIOPSDevice)"
      ),
      (
        block.throttleWriteIOPSDevice, "wiops",
        "--device-write-iops (\(path).throttleWriteIOPSDevice)"
      ),
    ] {
      for device in devices {
        // 0 is without a limit in version 1.
        let rate = device.rate == 0 ? "max" : "\(device.rate)"
        found.append(Setting("io.max", "\(device.major):\(device.minor) \(key)=\(rate)", origin))
      }
    }
    return found
  }

  private static func settings(_ huge: Spec.HugepageLimit) throws(SandboxError) -> [Setting] {
    let origin = "linux.resources.hugepageLimits"
    guard huge.pageSize.utf8.allSatisfy({ (0x30...0x39).contains($0) || "KMGB".utf8.contains($0) })
    else {
      throw SandboxError("\(origin): \(huge.pageSize.debugDescription) is no page size; write 2MB")
    }
    // What is reserved is limited too, where the kernel knows reservations (5.7).
    var reserved = Setting("hugetlb.\(huge.pageSize).rsvd.max", "\(huge.limit)", origin)
    reserved.isOptional = true
    return [Setting("hugetlb.\(huge.pageSize).max", "\(huge.limit)", origin), reserved]
  }

  private static func setting(_ limit: Spec.Rdma, _ device: String) throws(SandboxError) -> Setting
  {
    guard !device.contains(where: \.isWhitespace), !device.isEmpty else {
      throw SandboxError("linux.resources.rdma: \(device.debugDescription) is no device")
    }
    let handles = limit.hcaHandles.map { "\($0)" } ?? "max"
    let objects = limit.hcaObjects.map { "\($0)" } ?? "max"
    return Setting(
      "rdma.max", "\(device) hca_handle=\(handles) hca_object=\(objects)", "linux.resources.rdma")
  }

  private static func setting(_ file: String, _ value: String) throws(SandboxError) -> Setting {
    let origin = "linux.resources.unified"
    let parts = file.split(separator: ".")
    guard parts.count > 1, !file.contains("/"), !file.utf8.contains(0) else {
      throw SandboxError("\(origin): \(file.debugDescription) is no file of a cgroup")
    }
    // The others of the core are swrun's to write: who is in it, what is frozen.
    if parts[0] == "cgroup", !["cgroup.max.depth", "cgroup.max.descendants"].contains(file) {
      throw SandboxError("\(origin): \(file) is swrun's own to write. Take it out")
    }
    return Setting(file, value, "\(origin) \(file)")
  }
}
