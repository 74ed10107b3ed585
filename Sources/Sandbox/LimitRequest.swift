public import OCI

/// What the options of `run` say of the instance's cgroup, its devices and its place in the kernel's
/// choice when memory runs out.
public struct LimitRequest: Hashable, Sendable {
  public var resources = ResourceRequest()
  /// `--cgroup-parent`: a path from the root of the hierarchy, or a slice of systemd's.
  public var cgroupParent: String?
  /// `--cgroupns host`
  public var sharesCgroupNamespace = false
  public var devices: [DeviceRequest] = []
  public var deviceRules: [Spec.DeviceRule] = []
  /// -1000 to 1000.
  public var memoryScore: Int32?

  public init() {}
}

extension Spec {
  /// Adds what options say to what the spec has.
  ///
  /// - Parameter id: the instance's.
  public mutating func apply(_ limits: LimitRequest, id: String) throws(SandboxError) {
    linux.resources = try limits.resources.resources(changing: linux.resources)
    if let parent = limits.cgroupParent {
      if parent.hasSuffix(".slice"), !parent.contains("/") {
        linux.cgroupsPath = "\(parent):swrun:\(id)"
      } else {
        linux.cgroupsPath = "/\(parent)/\(id)"
      }
    }
    if let score = limits.memoryScore {
      guard (-1000...1000).contains(score) else {
        throw SandboxError("--oom-score-adj \(score): it is -1000 to 1000")
      }
      process.oomScoreAdj = score
    }
    for device in limits.devices {
      let (node, rule) = try device.resolved()
      linux.devices.append(node)
      allow(rule)
    }
    for rule in limits.deviceRules { allow(rule) }
    if limits.sharesCgroupNamespace { shareCgroupNamespace() }
  }

  private mutating func allow(_ rule: DeviceRule) {
    var resources = linux.resources ?? Resources()
    resources.devices.append(rule)
    linux.resources = resources
  }

  /// The host's own mount is shown then. A mount of its own would change the options of the host's
  /// (`apply_cgroup_root_flags`, kernel/cgroup/cgroup.c).
  private mutating func shareCgroupNamespace() {
    linux.namespaces.removeAll { $0.type == "cgroup" }
    for index in mounts.indices where mounts[index].type == "cgroup2" {
      mounts[index].type = "bind"
      mounts[index].source = "/sys/fs/cgroup"
      mounts[index].options.append("rbind")
    }
  }
}
