import Glibc
import Linux
import OCI
import Sandbox
import SystemPackage

/// The cgroup of an instance in the hands of its monitor, which is outside of it.
final class InstanceCgroup {
  private let cgroup: Cgroup
  /// What it was made by, with the limits that it has now.
  private(set) var plan: CgroupPlan
  private let record: InstanceRecord
  private let hierarchy: CgroupHierarchy
  private let events: Descriptor?

  /// From the root of the hierarchy.
  var path: String { cgroup.path }

  /// For clone3(2).
  var fd: FileDescriptor { cgroup.fd }

  /// What is enabled for the statistics alone, where it can be.
  private static let counted = ["cpu", "io", "memory", "pids"]

  /// Makes it as planned. Nothing of it is left when this throws.
  init(_ plan: CgroupPlan, at placement: CgroupPlacement, _ record: InstanceRecord) throws {
    hierarchy = placement.hierarchy
    self.plan = plan
    let path: String
    switch placement.place {
    case .directory(let given): path = given
    case .scope(let name, let slice):
      path = try SystemdScope(name: name, slice: slice, description: "swrun \(record.state.name)")
        .enter(hierarchy)
    }
    if record.state.cgroup != CgroupRecord(path: path) {
      try record.update { $0.cgroup = CgroupRecord(path: path) }
    }
    do { cgroup = try Cgroup(making: path, in: hierarchy) } catch {
      // What is there is not ours.
      try? record.update { $0.cgroup = nil }
      if error.errno == .fileExists {
        throw SupervisorError(
          "the cgroup \(path) is there already and is somebody else's. Remove it (rmdir \(hierarchy.mountPoint)\(path)), or choose another place"
        )
      }
      // The one that could not be made may be above.
      let reason = CgroupShortage(hierarchy: hierarchy).ofCgroups(making: error.object, error.errno)
      throw SupervisorError(
        "the cgroup \(path) cannot be made in \(hierarchy.mountPoint): \(reason ?? "\(error.errno)")"
      )
    }
    self.record = record
    do {
      let identity = try cgroup.identity()
      // One with the instance's id in its path is known by that until the next change of the state.
      try record.update(publishing: !CgroupRecord.isOwn(path)) { $0.cgroup?.identify(identity) }
      try Self.prepare(cgroup, plan, hierarchy)
      events = cgroup.has("memory.events") ? try cgroup.open("memory.events", O_RDONLY) : nil
    } catch {
      try? cgroup.remove(emptyParent: CgroupPlacement.emptyParent(of: path))
      throw error
    }
    // The first read is what later changes are told from.
    noteMemoryKills()
  }

  private static func prepare(
    _ cgroup: borrowing Cgroup, _ plan: CgroupPlan, _ hierarchy: CgroupHierarchy
  ) throws {
    try enable(plan, cgroup, hierarchy)
    for controller in counted where hierarchy.controllers.contains(controller) {
      try? cgroup.enable([controller])
    }
    for setting in plan.settings { try write(setting, cgroup) }
    if plan.devices.allowsAll { return }
    do { try cgroup.attach(plan.devices) } catch {
      // Without CAP_MKNOD and devices beyond the standard ones there is nothing that it would catch:
      // no mount but /dev has devices.
      if plan.needsDeviceFilter {
        throw SupervisorError(
          "the filter of devices cannot be put over the cgroup: \(error.errno) (\(error.call) \(error.object)). Is CONFIG_CGROUP_BPF in this kernel?"
        )
      }
    }
  }

  private static func enable(
    _ plan: CgroupPlan, _ cgroup: borrowing Cgroup, _ hierarchy: CgroupHierarchy
  ) throws {
    for (controller, origin) in plan.controllers {
      do { try cgroup.enable([controller]) } catch {
        if error.errno == .noSpace,
          let reason = CgroupShortage(hierarchy: hierarchy)
            .ofCgroups(making: cgroup.path, error.errno)
        {
          throw SupervisorError("\(origin): \(reason)")
        }
        throw SupervisorError(
          error.errno == .resourceBusy
            ? "\(origin): the cgroup \(error.object) holds processes itself, and the kernel lets nothing below such a one be limited. Move them into a child of it (echo PID > …/cgroup.procs), or choose another place with --cgroup-parent"
            : "\(origin): the controller \(controller) cannot be enabled in the cgroup \(error.object): \(error.errno)"
        )
      }
    }
  }

  /// The file and the value of a setting on this kernel; `nil` where it is of no use.
  private static func resolve(
    _ setting: CgroupPlan.Setting, _ cgroup: borrowing Cgroup
  ) throws -> (file: String, value: String)? {
    if let preferred = setting.preferred, cgroup.has(preferred.file) {
      return (preferred.file, preferred.value)
    }
    if cgroup.has(setting.file) { return (setting.file, setting.value) }
    if setting.isOptional { return nil }
    throw SupervisorError(
      "\(setting.origin): this kernel has no \(setting.file). Leave the limit out")
  }

  private static func write(_ setting: CgroupPlan.Setting, _ cgroup: borrowing Cgroup) throws {
    guard let (file, value) = try resolve(setting, cgroup) else { return }
    do { try cgroup.write(value, to: file) } catch {
      throw SupervisorError(
        "\(setting.origin): the kernel does not take \(value.debugDescription) for \(file): \(error.errno)"
      )
    }
  }

  /// Wakes with `POLLPRI` when the kernel has killed for want of memory.
  var memoryEvents: FileDescriptor? { view(events) }

  /// Writes down whether the kernel has killed for want of memory.
  func noteMemoryKills() {
    guard let fd = view(events) else { return }
    lseek(fd.rawValue, 0, SEEK_SET)
    guard let bytes = try? readFile(fd, named: "memory.events") else { return }
    let keys = CgroupText.flatKeys(String(decoding: bytes, as: UTF8.self))
    guard keys["oom_kill"] ?? 0 > 0, record.state.oomKilled != true else { return }
    try? record.update { $0.oomKilled = true }
  }

  func pause(_ paused: Bool) throws {
    let state = record.state
    guard paused != (state.status == .paused) else {
      throw SupervisorError("\(state.name) is \(paused ? "paused already" : "not paused")")
    }
    do { try cgroup.freeze(paused) } catch {
      throw SupervisorError(
        error.errno == .timedOut
          ? "\(state.name) does not come to a halt within 10 s: one of its processes waits in the kernel. It goes on"
          : "\(state.name) cannot be \(paused ? "paused" : "let go on"): \(error)")
    }
    try record.update { $0.status = paused ? .paused : .running }
  }

  /// Changes the limits, in the cgroup and in the stored spec; all or none.
  func update(_ resources: Spec.Resources) throws {
    let store = record.store
    let former = try store.spec(record.state.id)
    var spec = former
    spec.linux.resources = resources
    let old = try CgroupPlan(former)
    let new = try CgroupPlan(spec)
    if resources.memory?.checkBeforeUpdate == true, let limit = resources.memory?.limit, limit > 0,
      let used = cgroup.usage().memory, used > UInt64(limit)
    {
      throw SupervisorError("\(record.state.name) uses \(used) bytes, more than the new limit")
    }
    try CgroupPlacement.check(new, hierarchy)
    try Self.enable(new, cgroup, hierarchy)
    var undo: [() -> Void] = []
    do {
      for setting in new.settings where !old.settings.contains(setting) {
        guard let (file, value) = try Self.resolve(setting, cgroup) else { continue }
        let text = try cgroup.read(file)
        try Self.write(setting, cgroup)
        undo.append { try? self.cgroup.write(Self.undoing(value, file, text), to: file) }
      }
      try store.write(spec, of: record.state.id)
      try store.updateRunRecord(record.state.id) { $0.resources = resources }
      plan = new
    } catch {
      for step in undo.reversed() { step() }
      throw error
    }
  }

  /// What to write to have a file as it was.
  ///
  /// - Parameters:
  ///   - value: what was written; `8:0 rbps=1` is for one device, `default 100` for all others.
  ///   - text: what the file had.
  static func undoing(_ value: String, _ file: String, _ text: String) -> String {
    guard let key = value.split(separator: " ").first, key.contains(":") || key == "default" else {
      // An empty list of processors is written as an empty line.
      return text.isEmpty ? "\n" : text
    }
    if let line = text.split(separator: "\n").first(where: { $0.hasPrefix("\(key) ") }) {
      return String(line)
    }
    return file == "io.max"
      ? "\(key) rbps=max wbps=max riops=max wiops=max" : "\(key) default"
  }

  /// Why a launch in it has failed, where that is for want of room; the instance's processes have ended.
  ///
  /// - Parameter needed: how many processes are made before the workload runs.
  func explain(_ error: any Error, needed: UInt64) -> any Error {
    let shortage = CgroupShortage(hierarchy: hierarchy)
    func origin(_ file: String) -> String {
      plan.settings.first { $0.file == file }?.origin ?? "\(file) of \(path)"
    }
    let text =
      shortage.ofMemory(in: path, origin: origin("memory.max"))
      ?? shortage.ofProcesses(needed, in: path) { limit in
        "\(origin("pids.max")): \(limit) is too little for swrun's init and the workload. Raise it, or give --no-init"
      }
    return text.map { SupervisorError($0) } ?? error
  }

  /// After the workload has ended: says whether memory was wanting, and removes it.
  ///
  /// - Returns: why it could not be removed.
  func end() -> String? {
    noteMemoryKills()
    if record.state.oomKilled == true, !record.state.detached {
      let limit = (try? cgroup.read("memory.max")).flatMap(CgroupText.limit)
      record.store.report(
        "\(record.state.name) was out of memory\(limit.map { " (limit \(ByteSize.text($0)))" } ?? ""), and the kernel has killed processes of it. Give it more with --memory"
      )
    }
    do { try remove() } catch {
      let reason =
        "the cgroup \(cgroup.path) cannot be removed: \(error). swrun rm \(record.state.name) tries again"
      record.store.report(reason)
      return reason
    }
    return nil
  }

  /// Ends what is still in it and removes it.
  func remove() throws {
    try cgroup.remove(emptyParent: CgroupPlacement.emptyParent(of: cgroup.path))
  }
}
