import Glibc
public import Linux
public import OCI

/// A process to be launched, with everything decided. It is the only thing that the child side gets.
public struct LaunchPlan: Hashable, Sendable {
  public let hostname: String?
  public let domainname: String?
  public let network: Spec.NamespaceUse
  public let namespaces: NamespacePlan
  public var userNamespace: Spec.UserNamespace
  /// Whether its cgroup is the root of all that it sees of the hierarchy.
  public let hidesCgroups: Bool
  /// The directory that becomes `/`.
  public let root: String
  public let readOnlyRoot: Bool
  public let mounts: [MountStep]
  public let devices: [DeviceStep]
  /// `nil`: private, with all below it.
  public let rootPropagation: MountPropagation?
  /// Whether what is written goes to a layer that ends with the instance.
  public var isEphemeral = false

  /// Refuses what needs a directory of swrun's own that the instance's user namespace cannot enter.
  public func checkScratch() throws(SandboxError) {
    if userNamespace != .shared, needsScratch {
      throw SandboxError(
        "\(isEphemeral ? "--ephemeral" : "a mount with silent or iversion") does not go with a user namespace of the instance's own; leave one of them out"
      )
    }
  }

  /// Whether the child needs a tmpfs of its own to put the file system together.
  var needsScratch: Bool {
    isEphemeral
      || mounts.contains {
        if case .fileSystem(let system) = $0.source {
          !system.flags.isDisjoint(with: .onlyOfMount)
        } else {
          false
        }
      }
  }
  public let maskedPaths: [String]
  public let readOnlyPaths: [String]
  public let sysctls: [SysctlStep]
  /// `nil`: none.
  public let hooks: HookPlan?
  public let workload: Workload
  /// The compiled filter of swrun's init, which has to work under any of the workload's.
  public let initFilter: [UInt8]
  /// Whether PID 1 is swrun's init.
  public let usesInit: Bool

  /// What is executed, by `run` and by `exec` alike.
  public struct Workload: Hashable, Sendable {
    public let arguments: [String]
    /// `KEY=value`
    public let environment: [String]
    public let workingDirectory: String
    public let user: Spec.User
    public let bounding: CapabilitySet
    public let capabilities: ProcessCapabilities
    public let noNewPrivileges: Bool
    public let terminal: Bool
    /// -1000 to 1000, `/proc/PID/oom_score_adj`; `nil`: as the monitor's.
    public let memoryScore: Int32?
    /// The compiled filter, ``SeccompProfile/compile()``; empty: none.
    public let seccomp: [UInt8]
    /// ``SeccompProfile/flagBits``
    public let seccompFlags: UInt32
    /// Whether the filter has a listener, which goes to the monitor.
    public let hasListener: Bool
    public let landlock: LandlockPlan?
    public let apparmorProfile: String?
    public let selinuxLabel: String?
    /// The directories in which a command without `/` is looked for.
    public let searchPath: [String]
    public var attributes = AttributePlan()
    /// `nil`: none.
    public let sockets: PassedSockets?

    /// - Parameters:
    ///   - seccomp: `profile`, compiled; empty: none.
    ///   - profile: for its flags.
    public init(
      _ process: Spec.Process, seccomp: [UInt8], profile: SeccompProfile? = nil,
      landlock: LandlockPlan? = nil, sockets: PassedSockets? = nil
    ) throws(SandboxError) {
      for text in process.args + process.env + [process.cwd] where text.utf8.contains(0) {
        throw SandboxError("\(text.debugDescription) holds a NUL byte")
      }
      guard process.args.first?.isEmpty == false else { throw SandboxError("no command is given") }
      guard process.cwd.hasPrefix("/") else {
        throw SandboxError(
          "the working directory \(process.cwd.debugDescription) is not an absolute path")
      }
      let sets = process.capabilities
      let bounding = try Self.set(sets.bounding)
      // Most are the same.
      func set(_ names: [String]) throws(SandboxError) -> CapabilitySet {
        names == sets.bounding ? bounding : try Self.set(names)
      }
      self.bounding = bounding
      capabilities = ProcessCapabilities(
        effective: try set(sets.effective), permitted: try set(sets.permitted),
        inheritable: try set(sets.inheritable),
        // The kernel raises none that is not inheritable, and `runc spec` asks for some: as with runc
        // and crun they are left out.
        ambient: try Self.set(sets.ambient.filter(sets.inheritable.contains)))
      self.sockets = sockets
      arguments = process.args
      environment = process.env
      workingDirectory = process.cwd
      user = process.user
      noNewPrivileges = process.noNewPrivileges
      terminal = process.terminal
      memoryScore = process.oomScoreAdj
      self.seccomp = seccomp
      seccompFlags = seccomp.isEmpty ? 0 : profile?.flagBits ?? 0
      hasListener = !seccomp.isEmpty && profile?.needsListener == true
      self.landlock = landlock
      apparmorProfile = process.apparmorProfile.flatMap { $0.isEmpty ? nil : $0 }
      selinuxLabel = process.selinuxLabel.flatMap { $0.isEmpty ? nil : $0 }
      let path = process.env.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/bin:/bin"
      // As POSIX has it, an empty entry is the working directory.
      searchPath = path.split(separator: ":", omittingEmptySubsequences: false)
        .map { $0.isEmpty ? "." : String($0) }
    }

    private static func set(_ names: [String]) throws(SandboxError) -> CapabilitySet {
      if let set = CapabilitySet(names: names) { return set }
      let unknown = names.first { CapabilitySet.bit(of: $0) == nil } ?? ""
      throw SandboxError("unknown capability \(unknown.debugDescription)")
    }
  }

  /// Decides all that a spec leaves open.
  ///
  /// - Parameters:
  ///   - seccomp: the spec's filter, compiled; empty: none.
  ///   - initFilter: that of swrun's init; `nil`: the same.
  ///   - hooks: those of the spec.
  ///   - sockets: what the workload gets beside its standard streams.
  public init(
    _ spec: Spec, usesInit: Bool, seccomp: [UInt8], initFilter: [UInt8]? = nil,
    landlock: LandlockPlan? = nil, hooks: HookPlan? = nil, sockets: PassedSockets? = nil
  ) throws(SandboxError) {
    hostname = spec.hostname
    domainname = spec.domainname
    network = spec.networkNamespace
    userNamespace = spec.userNamespace
    hidesCgroups = spec[namespace: "cgroup"] == .new
    root = spec.root.path
    readOnlyRoot = spec.root.readonly
    self.usesInit = usesInit
    namespaces = try NamespacePlan(spec)
    guard usesInit || namespaces.ownsPIDs else {
      throw SandboxError(
        "--no-init needs a PID namespace of the instance's own: in another's, nobody would end what the command leaves behind"
      )
    }
    self.hooks = hooks
    sysctls = spec.linux.sysctl.sorted { $0.key < $1.key }.map { SysctlStep($0.key, $0.value) }
    var workload = try Workload(
      spec.process, seccomp: seccomp, profile: spec.linux.seccomp, landlock: landlock,
      sockets: sockets)
    self.initFilter = initFilter ?? seccomp
    workload.attributes = try AttributePlan(spec.process, spec.linux)
    // The CPUs of what is executed later, not of the workload.
    workload.attributes.initialCPUs = nil
    workload.attributes.finalCPUs = nil
    self.workload = workload
    mounts = try MountStep.steps(of: spec)
    devices = spec.linux.devices.map(DeviceStep.init)
    rootPropagation = spec.linux.rootfsPropagation.flatMap { MountPropagation($0) }
    maskedPaths = spec.linux.maskedPaths
    readOnlyPaths = spec.linux.readonlyPaths
    for path in [root] + maskedPaths + readOnlyPaths {
      guard path.hasPrefix("/"), !path.utf8.contains(0) else {
        throw SandboxError("\(path.debugDescription) is not an absolute path")
      }
    }
    // __NEW_UTS_LEN, linux/utsname.h
    for name in [hostname, domainname].compactMap(\.self) where name.utf8.count > 64 {
      throw SandboxError("\(name.debugDescription) is too long; a host has at most 64 characters")
    }
  }
}
