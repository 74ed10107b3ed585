import Linux
import Testing

@testable import OCI
@testable import Sandbox
@testable import Supervisor

@Suite("limits")
struct CgroupPlanTests {
  /// What options lead to, as `FILE VALUE`.
  private func writes(_ change: (inout ResourceRequest) -> Void) throws -> [String] {
    var request = ResourceRequest()
    change(&request)
    let resources = try #require(try request.resources(changing: nil))
    return try CgroupPlan.settings(resources).map { "\($0.file) \($0.value)" }
  }

  private func plan(_ change: (inout Spec) throws -> Void) throws -> CgroupPlan {
    var spec = try Spec(
      hosting: RunRequest(id: String(repeating: "a", count: 64), command: ["true"]))
    try change(&spec)
    return try CgroupPlan(spec)
  }

  @Test("memory and swap together become swap alone")
  func memory() throws {
    #expect(
      try writes { $0.memory = "64m" } == ["memory.max 67108864", "memory.swap.max 67108864"])
    #expect(
      try writes {
        $0.memory = "64m"
        $0.memorySwap = "96m"
        $0.memoryReservation = "32M"
      } == ["memory.low 33554432", "memory.max 67108864", "memory.swap.max 33554432"])
    #expect(
      try writes {
        $0.memory = "1g"
        $0.memorySwap = "1g"
      } == ["memory.max 1073741824", "memory.swap.max 0"])
    #expect(
      try writes {
        $0.memory = "1g"
        $0.memorySwap = "-1"
      } == ["memory.max 1073741824", "memory.swap.max max"])
  }

  @Test("processors are a quota in a period, shares a weight")
  func cpu() throws {
    #expect(try writes { $0.cpus = "1.5" } == ["cpu.max 150000 100000"])
    #expect(
      try writes {
        $0.cpuQuota = 20_000
        $0.cpuPeriod = 50_000
      } == ["cpu.max 20000 50000"])
    #expect(try writes { $0.cpuQuota = -1 } == ["cpu.max max 100000"])
    #expect(try writes { $0.cpuPeriod = 50_000 } == ["cpu.max max 50000"])
    #expect(
      try writes {
        $0.cpuShares = 512
        $0.cpusetCpus = "0-1"
        $0.cpusetMems = "0"
      } == ["cpu.weight 59", "cpuset.cpus 0-1", "cpuset.mems 0"])
  }

  /// The three fixed points, and what runc's own test of the formula has between.
  @Test(
    "a weight goes through the least, the default and the most",
    arguments: [(2, 1), (1024, 100), (262_144, 10_000), (1, 1), (300_000, 10_000)])
  func weight(_ shares: UInt64, _ weight: UInt64) {
    #expect(CgroupPlan.weight(shares: shares) == weight)
  }

  @Test("weights rise with shares")
  func rising() {
    let weights = stride(from: UInt64(2), through: 262_144, by: 97).map(CgroupPlan.weight(shares:))
    #expect(weights == weights.sorted())
  }

  @Test("the rest of the options becomes files of version 2")
  func others() throws {
    #expect(try writes { $0.pidsLimit = 20 } == ["pids.max 20"])
    #expect(try writes { $0.pidsLimit = 0 } == ["pids.max max"])
    #expect(try writes { $0.blockWeight = 10 } == ["io.weight default 1"])
    #expect(try writes { $0.blockWeight = 1000 } == ["io.weight default 10000"])
    #expect(try writes { $0.ioWeight = 250 } == ["io.weight default 250"])
    var request = ResourceRequest()
    request.blockWeight = 500
    let resources = try #require(try request.resources(changing: nil))
    let setting = try #require(try CgroupPlan.settings(resources).first)
    #expect(setting.preferred == .init(file: "io.bfq.weight", value: "default 500"))
  }

  @Test("what the specification has besides becomes files too")
  func specification() throws {
    var resources = Spec.Resources()
    var block = Spec.BlockIO()
    block.throttleReadBpsDevice = [.init(major: 8, minor: 0, rate: 1000)]
    block.throttleWriteIOPSDevice = [.init(major: 8, minor: 0, rate: 0)]
    block.weightDevice = [.init(major: 8, minor: 16, weight: 1000)]
    resources.blockIO = block
    resources.hugepageLimits = [.init(pageSize: "2MB", limit: 4096)]
    resources.rdma = ["mlx5_1": .init(hcaHandles: 3, hcaObjects: nil)]
    resources.unified = ["memory.high": "1000"]
    #expect(
      try CgroupPlan.settings(resources).map { "\($0.file) \($0.value)" } == [
        "io.weight 8:16 10000", "io.max 8:0 rbps=1000", "io.max 8:0 wiops=max",
        "hugetlb.2MB.max 4096", "hugetlb.2MB.rsvd.max 4096",
        "rdma.max mlx5_1 hca_handle=3 hca_object=max", "memory.high 1000",
      ])
    let plan = try plan { $0.linux.resources = resources }
    #expect(plan.controllers.map(\.name) == ["io", "hugetlb", "rdma", "memory"])
  }

  @Test("what version 2 does not have is refused, with the way out")
  func refused() {
    func fault(_ change: (inout Spec.Resources) -> Void) -> String? {
      var resources = Spec.Resources()
      change(&resources)
      let error = #expect(throws: SandboxError.self) { try CgroupPlan.settings(resources) }
      return error?.description
    }
    var memory = Spec.Memory()
    memory.swappiness = 10
    #expect(fault { $0.memory = memory }?.contains("no swappiness") == true)
    memory = Spec.Memory()
    memory.disableOOMKiller = true
    #expect(fault { $0.memory = memory }?.contains("--oom-score-adj") == true)
    memory = Spec.Memory()
    memory.kernel = 1
    #expect(fault { $0.memory = memory }?.contains("linux.resources.memory.kernel") == true)
    memory = Spec.Memory()
    memory.swap = 10
    #expect(fault { $0.memory = memory }?.contains("--memory has to be given") == true)
    var cpu = Spec.CPU()
    cpu.realtimeRuntime = 1
    #expect(fault { $0.cpu = cpu }?.contains("realtime") == true)
    cpu = Spec.CPU()
    cpu.cpus = "0\n1"
    #expect(fault { $0.cpu = cpu }?.contains("write it as 0-3,7") == true)
    #expect(
      fault { $0.network = .init(classID: 1, priorities: []) }?.contains("network classes") == true)
    for file in ["cgroup.procs", "memory", "../x.y", "cgroup.kill"] {
      #expect(fault { $0.unified = [file: "1"] } != nil)
    }
  }

  @Test("options that contradict each other, or are out of range, are refused")
  func contradictions() {
    func fault(_ change: (inout ResourceRequest) -> Void) {
      var request = ResourceRequest()
      change(&request)
      #expect(throws: SandboxError.self) { try request.resources(changing: nil) }
    }
    fault { $0.memory = "1m" }
    fault { $0.memory = "much" }
    fault {
      $0.memory = "64m"
      $0.memorySwap = "32m"
    }
    fault {
      $0.memory = "64m"
      $0.memoryReservation = "65m"
    }
    fault {
      $0.cpus = "1"
      $0.cpuQuota = 5000
    }
    fault { $0.cpus = "nan" }
    fault { $0.cpuPeriod = 1 }
    fault { $0.cpuQuota = 999 }
    fault { $0.cpuShares = 1 }
    fault { $0.blockWeight = 5 }
    fault { $0.blockWeight = 0 }
    fault { $0.cpusetCpus = "" }
    fault {
      $0.memory = "64m"
      $0.memorySwap = "0"
    }
    fault { $0.ioWeight = 0 }
    fault { $0.deviceReadBps = ["/dev/null:1mb"] }
    fault { $0.deviceReadBps = ["sda:1mb"] }
    fault { $0.deviceWriteIops = ["/dev/null:1k"] }
  }

  @Test("a change keeps what it does not name")
  func change() throws {
    var first = ResourceRequest()
    first.memory = "64m"
    first.pidsLimit = 5
    let former = try first.resources(changing: nil)
    var second = ResourceRequest()
    second.pidsLimit = 6
    let resources = try #require(try second.resources(changing: former))
    #expect(resources.memory?.limit == 64 << 20 && resources.pids?.limit == 6)
    // More memory than memory and swap together may be.
    second.memory = "1g"
    #expect(throws: SandboxError.self) { try second.resources(changing: former) }
    #expect(try ResourceRequest().resources(changing: former) == former)
  }

  @Test("a place is standard, a path, or a scope in a slice")
  func places() throws {
    func place(_ text: String?) throws -> CgroupPlan.Place {
      try plan { $0.linux.cgroupsPath = text }.place
    }
    #expect(try place(nil) == .standard)
    #expect(try place("/a//b/") == .path("/a/b"))
    #expect(try place("a/b") == .path("/swrun/a/b"))
    #expect(try place("x.slice:swrun:id") == .scope("swrun-id", slice: "x.slice"))
    #expect(try place("::id") == .scope("id", slice: "system.slice"))
    for text in ["/", "/a/../b", "x:swrun:id", "/a/./b", "x.slice:swrun:"] {
      #expect(throws: SandboxError.self) { try place(text) }
    }
    let options = try plan {
      var limits = LimitRequest()
      limits.cgroupParent = "jobs"
      try $0.apply(limits, id: "id")
    }
    #expect(options.place == .path("/jobs/id"))
    let slice = try plan {
      var limits = LimitRequest()
      limits.cgroupParent = "x.slice"
      try $0.apply(limits, id: "id")
    }
    #expect(slice.place == .scope("swrun-id", slice: "x.slice"))
  }

  @Test("a machine without version 2, or without its controllers, runs what has no limits")
  func hybrid() throws {
    let free = try plan { _ in }
    let limited = try plan {
      var resources = Spec.Resources()
      resources.pids = .init(limit: 5)
      $0.linux.resources = resources
    }
    func find(
      _ plan: CgroupPlan, _ hierarchy: CgroupHierarchy?, systemd: Bool = false
    ) throws -> CgroupPlacement? {
      try CgroupPlacement.find(plan, id: "id", hierarchy: hierarchy, isSystemd: systemd)
    }
    let unified = CgroupHierarchy(
      mountPoint: "/sys/fs/cgroup", controllers: ["pids"], isReadOnly: false)
    let bare = CgroupHierarchy(mountPoint: "/m", controllers: [], isReadOnly: false)
    let readOnly = CgroupHierarchy(mountPoint: "/m", controllers: ["pids"], isReadOnly: true)
    #expect(try find(free, nil)?.place == nil)
    #expect(try find(free, readOnly)?.place == nil)
    #expect(try find(free, bare)?.place == .directory("/swrun/id"))
    #expect(try find(limited, unified)?.place == .directory("/swrun/id"))
    #expect(
      try find(limited, unified, systemd: true)?.place == .scope("swrun-id.scope", slice: nil))
    for hierarchy in [nil, readOnly, bare] {
      let error = #expect(throws: SupervisorError.self) { try find(limited, hierarchy) }
      #expect(
        error?.description.hasPrefix("--pids-limit (linux.resources.pids.limit) needs") == true)
      #expect(error?.description.contains("leave the limit out") == true)
    }
  }

  @Test("systemd is asked for a delegated scope around the monitor")
  func scope() {
    let scope = SystemdScope(name: "swrun-id.scope", slice: "x.slice", description: "swrun web")
    #expect(
      scope.command(pid: 77) == [
        "busctl", "--quiet", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))",
        "swrun-id.scope", "fail", "5", "Description", "s", "swrun web", "Delegate", "b", "true",
        "CollectMode", "s", "inactive-or-failed", "PIDs", "au", "1", "77", "Slice", "s", "x.slice",
        "0",
      ])
  }

  @Test("what undoes a write is what the file had for its key")
  func undoing() {
    #expect(InstanceCgroup.undoing("5", "pids.max", "max\n") == "max\n")
    #expect(InstanceCgroup.undoing("0-1", "cpuset.cpus", "") == "\n")
    let text = "8:0 rbps=5 wbps=max riops=max wiops=max\n8:16 rbps=7 wbps=max riops=max wiops=max\n"
    #expect(
      InstanceCgroup.undoing("8:16 rbps=1", "io.max", text)
        == "8:16 rbps=7 wbps=max riops=max wiops=max")
    #expect(
      InstanceCgroup.undoing("9:0 rbps=1", "io.max", text)
        == "9:0 rbps=max wbps=max riops=max wiops=max")
    #expect(
      InstanceCgroup.undoing("default 5", "io.weight", "default 100\n8:0 4\n") == "default 100")
    #expect(InstanceCgroup.undoing("8:1 5", "io.weight", "default 100\n") == "8:1 default")
  }
}
