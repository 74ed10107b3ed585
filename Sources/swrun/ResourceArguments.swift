import ArgumentParser
import Sandbox

/// The limits that `run` and `update` share, with Docker's names and units.
struct ResourceArguments: PlainArguments {
  @Option(
    name: [.customShort("m"), .customLong("memory")],
    help: ArgumentHelp("Memory, as 512m or 1.5g (memory.max).", valueName: "bytes"))
  var memory: String?

  @Option(
    name: .customLong("memory-reservation"),
    help: ArgumentHelp("Memory that is kept for it (memory.low).", valueName: "bytes"))
  var memoryReservation: String?

  @Option(
    name: .customLong("memory-swap"), parsing: .unconditional,
    help: ArgumentHelp(
      "Memory and swap together, -1 for all swap (memory.swap.max).", valueName: "bytes"))
  var memorySwap: String?

  @Option(
    name: .customLong("memory-swappiness"),
    help: ArgumentHelp("Refused: cgroup v2 has none.", valueName: "percent"))
  var memorySwappiness: UInt64?

  @Flag(name: .customLong("oom-kill-disable"), help: "Refused: cgroup v2 has no such thing.")
  var oomKillDisable = false

  @Option(
    name: .customLong("cpus"),
    help: ArgumentHelp("Processors, as 1.5 (cpu.max).", valueName: "number"))
  var cpus: String?

  @Option(
    name: [.customShort("c"), .customLong("cpu-shares")],
    help: ArgumentHelp(
      "Share among those that compete, 2 to 262144, 1024 by default (cpu.weight).",
      valueName: "shares"))
  var cpuShares: UInt64?

  @Option(
    name: .customLong("cpu-quota"), parsing: .unconditional,
    help: ArgumentHelp(
      "Microseconds of processor time in a period, -1 for all (cpu.max).", valueName: "us"))
  var cpuQuota: Int64?

  @Option(
    name: .customLong("cpu-period"),
    help: ArgumentHelp("The period, 100000 by default (cpu.max).", valueName: "us"))
  var cpuPeriod: UInt64?

  @Option(
    name: .customLong("cpuset-cpus"),
    help: ArgumentHelp("Processors that it may use, as 0-3,7 (cpuset.cpus).", valueName: "list"))
  var cpusetCpus: String?

  @Option(
    name: .customLong("cpuset-mems"),
    help: ArgumentHelp("Memory nodes that it may use (cpuset.mems).", valueName: "list"))
  var cpusetMems: String?

  @Option(
    name: .customLong("pids-limit"), parsing: .unconditional,
    help: ArgumentHelp("Processes and threads, -1 for any (pids.max).", valueName: "number"))
  var pidsLimit: Int64?

  @Option(
    name: .customLong("blkio-weight"),
    help: ArgumentHelp(
      "Share of block devices, 10 to 1000 (io.bfq.weight or io.weight).", valueName: "weight"))
  var blockWeight: UInt16?

  @Option(
    name: .customLong("io-weight"),
    help: ArgumentHelp("The same as io.weight has it, 1 to 10000.", valueName: "weight"))
  var ioWeight: UInt16?

  @Option(
    name: .customLong("device-read-bps"),
    help: ArgumentHelp("Bytes a second from a block device (io.max).", valueName: "path:rate"))
  var deviceReadBps: [String] = []

  @Option(
    name: .customLong("device-write-bps"),
    help: ArgumentHelp("Bytes a second to a block device (io.max).", valueName: "path:rate"))
  var deviceWriteBps: [String] = []

  @Option(
    name: .customLong("device-read-iops"),
    help: ArgumentHelp("Reads a second from a block device (io.max).", valueName: "path:rate"))
  var deviceReadIops: [String] = []

  @Option(
    name: .customLong("device-write-iops"),
    help: ArgumentHelp("Writes a second to a block device (io.max).", valueName: "path:rate"))
  var deviceWriteIops: [String] = []

  init() {}

  init(_ words: inout PlainWords) {
    memory = words.value("-m", "--memory")
    memoryReservation = words.value("--memory-reservation")
    memorySwap = words.value("--memory-swap")
    memorySwappiness = words.value("--memory-swappiness")
    oomKillDisable = words.flag("--oom-kill-disable")
    cpus = words.value("--cpus")
    cpuShares = words.value("-c", "--cpu-shares")
    cpuQuota = words.value("--cpu-quota")
    cpuPeriod = words.value("--cpu-period")
    cpusetCpus = words.value("--cpuset-cpus")
    cpusetMems = words.value("--cpuset-mems")
    pidsLimit = words.value("--pids-limit")
    blockWeight = words.value("--blkio-weight")
    ioWeight = words.value("--io-weight")
    deviceReadBps = words.values("--device-read-bps")
    deviceWriteBps = words.values("--device-write-bps")
    deviceReadIops = words.values("--device-read-iops")
    deviceWriteIops = words.values("--device-write-iops")
  }

  func request() -> ResourceRequest {
    var request = ResourceRequest()
    request.memory = memory
    request.memoryReservation = memoryReservation
    request.memorySwap = memorySwap
    request.memorySwappiness = memorySwappiness
    request.oomKillDisable = oomKillDisable
    request.cpus = cpus
    request.cpuShares = cpuShares
    request.cpuQuota = cpuQuota
    request.cpuPeriod = cpuPeriod
    request.cpusetCpus = cpusetCpus
    request.cpusetMems = cpusetMems
    request.pidsLimit = pidsLimit
    request.blockWeight = blockWeight
    request.ioWeight = ioWeight
    request.deviceReadBps = deviceReadBps
    request.deviceWriteBps = deviceWriteBps
    request.deviceReadIops = deviceReadIops
    request.deviceWriteIops = deviceWriteIops
    return request
  }
}

/// What `run` has besides.
struct CgroupArguments: PlainArguments {
  @OptionGroup var resources: ResourceArguments

  @Option(
    name: .customLong("oom-score-adj"), parsing: .unconditional,
    help: ArgumentHelp(
      "Whom the kernel kills first for want of memory, -1000 to 1000.", valueName: "score"))
  var memoryScore: Int32?

  @Option(
    name: .customLong("cgroup-parent"),
    help: ArgumentHelp(
      "The cgroup in which it gets its own, /NAME or NAME.slice of systemd's.", valueName: "cgroup")
  )
  var parent: String?

  @Option(
    name: .customLong("cgroupns"),
    help: ArgumentHelp(
      "private: sees its own cgroup as the root (the default); host: as the host sees it.",
      valueName: "private|host"))
  var namespace = CgroupNamespace.private

  @Option(
    name: .customLong("device"),
    help: ArgumentHelp(
      "Give it a device of the host.", valueName: "path[:path[:rwm]]"))
  var devices: [String] = []

  @Option(
    name: .customLong("device-cgroup-rule"),
    help: ArgumentHelp("Let it use devices, as 'c 10:200 rwm'.", valueName: "rule"))
  var rules: [String] = []

  init() {}

  init(_ words: inout PlainWords) {
    resources = ResourceArguments(&words)
    memoryScore = words.value("--oom-score-adj")
    parent = words.value("--cgroup-parent")
    namespace = words.value("--cgroupns", default: CgroupNamespace.private)
    devices = words.values("--device")
    rules = words.values("--device-cgroup-rule")
  }

  enum CgroupNamespace: String, ExpressibleByArgument, CaseIterable {
    case `private`, host
  }

  func request() throws -> LimitRequest {
    var request = LimitRequest()
    request.resources = resources.request()
    request.memoryScore = memoryScore
    request.cgroupParent = parent
    request.sharesCgroupNamespace = namespace == .host
    request.devices = try devices.map { text throws in try DeviceRequest(parsing: text) }
    request.deviceRules = try rules.map { text throws in try DeviceRequest.rule(parsing: text) }
    return request
  }
}
