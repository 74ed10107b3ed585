import CLinux
import Glibc
public import OCI

/// The limits that options ask for, with Docker's names and units, before they are in a spec. `run`
/// and `update` share it.
public struct ResourceRequest: Hashable, Sendable {
  /// `-m`, as `512m`.
  public var memory: String?
  public var memoryReservation: String?
  /// Memory and swap together; `-1`: as much swap as the host has.
  public var memorySwap: String?
  public var memorySwappiness: UInt64?
  public var oomKillDisable = false
  /// Processors, as `1.5`.
  public var cpus: String?
  public var cpuShares: UInt64?
  /// Microseconds.
  public var cpuQuota: Int64?
  /// Microseconds.
  public var cpuPeriod: UInt64?
  public var cpusetCpus: String?
  public var cpusetMems: String?
  public var pidsLimit: Int64?
  /// 10 to 1000.
  public var blockWeight: UInt16?
  /// 1 to 10000, `io.weight` itself.
  public var ioWeight: UInt16?
  /// `PATH:RATE`, as the next.
  public var deviceReadBps: [String] = []
  public var deviceWriteBps: [String] = []
  public var deviceReadIops: [String] = []
  public var deviceWriteIops: [String] = []

  public init() {}

  /// Whether nothing is asked for.
  public var isEmpty: Bool { self == ResourceRequest() }

  /// - Parameter former: what has been asked for before, of which the rest stays.
  public func resources(changing former: Spec.Resources?) throws(SandboxError) -> Spec.Resources? {
    if isEmpty { return former }
    var resources = former ?? Spec.Resources()
    try apply(memory: &resources)
    try apply(cpu: &resources)
    if let pidsLimit { resources.pids = Spec.Pids(limit: pidsLimit > 0 ? pidsLimit : -1) }
    try apply(block: &resources)
    return resources
  }

  private func apply(memory resources: inout Spec.Resources) throws(SandboxError) {
    var new = resources.memory ?? Spec.Memory()
    if let memory {
      let bytes = try Self.size(memory, "--memory")
      guard bytes == 0 || bytes >= 6 << 20 else {
        throw SandboxError("--memory \(memory): nothing runs in less than 6m")
      }
      new.limit = bytes == 0 ? -1 : bytes
      // As Docker has it: as much swap again, where nothing is said of it.
      if memorySwap == nil, new.swap == nil, bytes > 0 { new.swap = 2 * bytes }
      if bytes == 0, memorySwap == nil, new.swap != nil { new.swap = -1 }
    }
    if let memorySwap {
      new.swap = memorySwap == "-1" ? -1 : try Self.size(memorySwap, "--memory-swap")
      guard new.swap != 0 else {
        throw SandboxError("--memory-swap 0 says nothing; give a size as 1g, or -1 for all swap")
      }
    }
    if let memoryReservation {
      let bytes = try Self.size(memoryReservation, "--memory-reservation")
      new.reservation = bytes
    }
    if let limit = new.limit, limit > 0, let reservation = new.reservation, reservation > limit {
      throw SandboxError(
        "--memory-reservation \(reservation) is more than --memory \(limit): it is what is kept of it"
      )
    }
    if let swap = new.swap, swap > 0, let limit = new.limit, limit > swap {
      throw SandboxError(
        "--memory \(limit) is more than memory and swap together may be (\(swap)); give --memory-swap too"
      )
    }
    if let memorySwappiness {
      guard memorySwappiness <= 100 else {
        throw SandboxError("--memory-swappiness \(memorySwappiness): it is 0 to 100")
      }
      new.swappiness = memorySwappiness
    }
    if oomKillDisable { new.disableOOMKiller = true }
    if new != Spec.Memory() { resources.memory = new }
  }

  private static func size(_ text: String, _ option: String) throws(SandboxError) -> Int64 {
    guard let bytes = ByteSize.parse(text) else {
      throw SandboxError("\(option) \(text.debugDescription): write a size as 512m or 1.5g")
    }
    return bytes
  }

  private func apply(cpu resources: inout Spec.Resources) throws(SandboxError) {
    var new = resources.cpu ?? Spec.CPU()
    if let cpus {
      guard cpuQuota == nil, cpuPeriod == nil else {
        throw SandboxError(
          "--cpus is a quota and a period; give it or --cpu-quota and --cpu-period")
      }
      guard let number = Double(cpus), number.isFinite, number == 0 || number >= 0.01,
        number <= 1_000_000
      else {
        throw SandboxError("--cpus \(cpus.debugDescription): write how many processors, as 1.5")
      }
      new.period = 100_000
      new.quota = number == 0 ? -1 : Int64((number * 100_000).rounded())
    }
    if let cpuPeriod {
      guard (1000...1_000_000).contains(cpuPeriod) else {
        throw SandboxError("--cpu-period \(cpuPeriod): it is 1000 to 1000000 microseconds")
      }
      new.period = cpuPeriod
    }
    if let cpuQuota {
      guard cpuQuota <= 0 || cpuQuota >= 1000 else {
        throw SandboxError("--cpu-quota \(cpuQuota): it is at least 1000 microseconds, or -1")
      }
      new.quota = cpuQuota > 0 ? cpuQuota : -1
    }
    if let cpuShares {
      guard cpuShares == 0 || (2...262_144).contains(cpuShares) else {
        throw SandboxError("--cpu-shares \(cpuShares): they are 2 to 262144, by default 1024")
      }
      new.shares = cpuShares == 0 ? 1024 : cpuShares
    }
    for (option, list) in [("--cpuset-cpus", cpusetCpus), ("--cpuset-mems", cpusetMems)]
    where list?.isEmpty == true {
      throw SandboxError("\(option) \"\": write it as 0-3,7")
    }
    if let cpusetCpus { new.cpus = cpusetCpus }
    if let cpusetMems { new.mems = cpusetMems }
    if new != Spec.CPU() { resources.cpu = new }
  }

  private func apply(block resources: inout Spec.Resources) throws(SandboxError) {
    var new = resources.blockIO ?? Spec.BlockIO()
    if let blockWeight {
      guard (10...1000).contains(blockWeight) else {
        throw SandboxError("--blkio-weight \(blockWeight): it is 10 to 1000")
      }
      new.weight = blockWeight
    }
    try Self.throttle(&new.throttleReadBpsDevice, deviceReadBps, "--device-read-bps")
    try Self.throttle(&new.throttleWriteBpsDevice, deviceWriteBps, "--device-write-bps")
    try Self.throttle(&new.throttleReadIOPSDevice, deviceReadIops, "--device-read-iops")
    try Self.throttle(&new.throttleWriteIOPSDevice, deviceWriteIops, "--device-write-iops")
    if new != Spec.BlockIO() { resources.blockIO = new }
    if let ioWeight {
      guard (1...10_000).contains(ioWeight) else {
        throw SandboxError("--io-weight \(ioWeight): it is 1 to 10000")
      }
      resources.unified["io.weight"] = "default \(ioWeight)"
    }
  }

  private static func throttle(
    _ devices: inout [Spec.ThrottleDevice], _ texts: [String], _ option: String
  ) throws(SandboxError) {
    for text in texts {
      guard let colon = text.lastIndex(of: ":"), text.hasPrefix("/"),
        let rate = option.hasSuffix("iops")
          ? UInt64(text[text.index(after: colon)...])
          : ByteSize.parse(String(text[text.index(after: colon)...])).map(UInt64.init)
      else {
        let example = option.hasSuffix("iops") ? "/dev/sda:1000" : "/dev/sda:1mb"
        throw SandboxError("\(option) \(text.debugDescription): write it as \(example)")
      }
      let path = String(text[..<colon])
      let node = try DeviceNode(path, option)
      guard node.type == "b" else {
        throw SandboxError("\(option): \(path) is no block device")
      }
      devices.removeAll { $0.major == node.major && $0.minor == node.minor }
      devices.append(.init(major: node.major, minor: node.minor, rate: rate))
    }
  }
}

/// A device of the host, by its file.
struct DeviceNode {
  /// `b` or `c`.
  let type: String
  let major: Int64
  let minor: Int64
  /// Permissions and owner of the file.
  let mode: UInt32
  let uid: UInt32
  let gid: UInt32

  init(_ path: String, _ option: String) throws(SandboxError) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw SandboxError("\(option): \(path) does not exist on the host")
    }
    switch status.st_mode & S_IFMT {
    case S_IFBLK: type = "b"
    case S_IFCHR: type = "c"
    default: throw SandboxError("\(option): \(path) is no device")
    }
    major = Int64(gnu_dev_major(status.st_rdev))
    minor = Int64(gnu_dev_minor(status.st_rdev))
    mode = status.st_mode & 0o7777
    uid = status.st_uid
    gid = status.st_gid
  }
}
