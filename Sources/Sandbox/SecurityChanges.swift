import Linux
import OCI

extension Spec {
  /// Lets the options about privileges change what a bundle says of them.
  mutating func adapt(to request: SecurityRequest) throws(SandboxError) {
    let changes = request.capabilities
    if request.privileged || !changes.added.isEmpty || !changes.dropped.isEmpty {
      try changeCapabilities(request)
    }
    if let said = request.noNewPrivileges { process.noNewPrivileges = said }
    if request.seccomp != nil || request.privileged {
      linux.seccomp = try Self.seccomp(request, capabilities: process.capabilities.bounding)
    }
    try process.user.join(request.groups, of: Accounts(root: root.path))
    try apply(request)
    if request.privileged { unlock() }
  }

  /// What is added root has at once; another user can at most get it, as without a bundle.
  private mutating func changeCapabilities(_ request: SecurityRequest) throws(SandboxError) {
    let former = process.capabilities
    let bounding = try Self.capabilities(request, from: former.bounding)
    let added = process.user.uid == 0 ? bounding.filter { !former.bounding.contains($0) } : []
    process.capabilities.bounding = bounding
    process.capabilities.effective = former.effective.filter(bounding.contains) + added
    process.capabilities.permitted = former.permitted.filter(bounding.contains) + added
    process.capabilities.inheritable.removeAll { !bounding.contains($0) }
    process.capabilities.ambient.removeAll { !bounding.contains($0) }
  }

  /// `--privileged`, but for capabilities and masks: `/sys` can be written, `/dev` is the host's but
  /// for its terminals, shared memory and message queues, and all devices can be used. Nothing is made
  /// in the host's `/dev` for what it does not have.
  mutating func unlock() {
    mounts = mounts.compactMap { mount in
      var mount = mount
      if mount.destination == "/dev" { return Self.hostDevices }
      if mount.destination.hasPrefix("/dev/"), FileIdentity(path: mount.destination) == nil {
        return nil
      }
      if mount.destination.hasPrefix("/sys") { mount.options.removeAll { $0 == "ro" } }
      return mount
    }
    var resources = linux.resources ?? Resources()
    resources.devices = [DeviceRule(allow: true)]
    linux.resources = resources
  }
}

extension Spec.User {
  /// `--group-add`
  mutating func join(_ groups: [String], of accounts: Accounts) throws(SandboxError) {
    for name in groups {
      let group = try accounts.group(name)
      if !additionalGids.contains(group) { additionalGids.append(group) }
    }
  }
}
