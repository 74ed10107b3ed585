import Linux
public import OCI

extension Spec.Mount {
  /// The tmpfs that swrun puts devices on.
  static let standardDevices = Spec.Mount(
    destination: "/dev", type: "tmpfs", source: "tmpfs",
    options: ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"])
}

extension Spec {
  /// The absolute path of a root file system, without a symbolic link in it: what is a link now is
  /// followed, what becomes one later is not.
  static func rootDirectory(_ path: String) throws(SandboxError) -> String {
    do { return try resolvedDirectory(path) } catch {
      let reason =
        switch error.errno {
        case .noSuchFileOrDirectory: "does not exist"
        case .notDirectory: "is not a directory"
        case .tooManySymbolicLinkLevels: "is a cycle of symbolic links"
        default: "cannot be opened: \(error.errno)"
        }
      throw SandboxError("the root file system \(path) \(reason)")
    }
  }

  /// Lets the options given beside `--bundle` change what the bundle says.
  public mutating func adapt(to request: RunRequest) throws(SandboxError) {
    root.path = try Self.rootDirectory(root.path)
    let former = process.capabilities
    let size = process.consoleSize
    process = try process.adapted(
      command: request.command.isEmpty ? process.args : request.command,
      environment: request.environment, workingDirectory: request.workingDirectory,
      user: request.user, terminal: request.terminal || process.terminal, root: root.path)
    process.consoleSize = size
    // The permitted set goes with the effective one.
    if process.capabilities != former {
      process.capabilities.permitted = process.capabilities.effective
    }
    if let name = request.hostname { hostname = name }
    if let domain = request.domainname { domainname = domain }
    if request.isEphemeral { root.readonly = false }
    if request.readOnly {
      root.readonly = true
      let view = RootView(root.path)
      for mount in Self.freshMounts(in: view) where !hasMount(at: mount.destination) {
        mounts.append(mount)
      }
    }
    try adapt(to: request.security)
    hide(request.hiddenPaths)
    add(request)
    networkNamespace = request.network
    userNamespace = request.userNamespace
  }

  /// Adds the mounts of options; one takes the place of one that is there.
  mutating func add(_ request: RunRequest) {
    for mount in request.mounts {
      mounts.removeAll { Self.plainPath($0.destination) == Self.plainPath(mount.destination) }
    }
    mounts += request.mounts
  }

  private func hasMount(at path: String) -> Bool {
    mounts.contains { Self.plainPath($0.destination) == path }
  }

  /// Masks directories of the host where they can be seen inside.
  mutating func hide(_ paths: [String]) {
    linux.maskedPaths += paths.filter { !linux.maskedPaths.contains($0) }
    guard root.path != "/" else { return }
    // The root file system may contain them.
    linux.maskedPaths += paths.filter { $0.hasPrefix(root.path + "/") }
      .map { String($0.dropFirst(root.path.utf8.count)) }
  }
}
