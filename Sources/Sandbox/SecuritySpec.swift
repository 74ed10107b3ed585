import Linux
public import OCI

extension Spec {
  /// The seccomp profile that a request asks for; `nil` is the default one.
  static func seccomp(
    _ request: SecurityRequest, capabilities: [String]
  ) throws(SandboxError) -> SeccompProfile? {
    switch request.seccomp ?? (request.privileged ? .unconfined : .standard) {
    case .standard: return nil
    case .unconfined: return .unconfined
    case .file(let path):
      do {
        return try SeccompFile(path: path).profile(.init(capabilities: Set(capabilities)))
      } catch { throw SandboxError("--seccomp: \(error)") }
    }
  }

  /// Capabilities as changed by a request.
  static func capabilities(
    _ request: SecurityRequest, from former: [String] = standardCapabilities
  ) throws(SandboxError) -> [String] {
    try request.capabilities.names(
      from: former, privileged: request.privileged, kernel: .ofKernel(),
      own: CapabilitySet.current().intersection(.bounding()))
  }

  /// Decides about masks, profiles and labels of security modules.
  mutating func apply(_ request: SecurityRequest) throws(SandboxError) {
    var used: Set<String> = []
    linux.maskedPaths = request.remaining(linux.maskedPaths, &used) + request.masked
    linux.readonlyPaths = request.remaining(linux.readonlyPaths, &used)
    if let unused = request.unmasked.first(where: { !used.contains($0) }),
      !request.unconfinedPaths, !request.privileged
    {
      throw SandboxError(
        "--security-opt unmask=\(unused): nothing of that name is masked or read-only; swrun(1), CAPABILITIES, lists what is"
      )
    }
    if let profile = request.appArmor {
      // Where there is no AppArmor everything is unconfined.
      if profile != "unconfined" || SecurityModule.appArmor.isEnabled {
        process.apparmorProfile = profile
      }
    }
    if let label = request.label, !label.isDisabled {
      try Self.check(.selinux, "--security-opt label")
      process.selinuxLabel = try label.context(changing: LabelRequest.standard())
    }
  }

  /// Refuses a profile or label of a security module that this kernel does not have.
  public func checkSecurityModules() throws(SandboxError) {
    if process.apparmorProfile?.isEmpty == false {
      try Self.check(.appArmor, "the AppArmor profile \(process.apparmorProfile ?? "")")
    }
    if process.selinuxLabel?.isEmpty == false {
      try Self.check(.selinux, "the SELinux label \(process.selinuxLabel ?? "")")
    }
    if linux.mountLabel?.isEmpty == false {
      try Self.check(.selinux, "the SELinux label of mounts \(linux.mountLabel ?? "")")
    }
  }

  private static func check(_ module: SecurityModule, _ what: String) throws(SandboxError) {
    guard !module.isEnabled else { return }
    let (name, word) = module == .appArmor ? ("AppArmor", "apparmor") : ("SELinux", "selinux")
    throw SandboxError(
      "\(what): this kernel has no \(name), or it is switched off; boot it with lsm=…,\(word), or leave it out"
    )
  }

  /// The host's devices in place of few: `--privileged`.
  static var hostDevices: Mount {
    Mount(destination: "/dev", type: "bind", source: "/dev", options: ["rbind", "nosuid", "rw"])
  }
}
