import Glibc
import Linux
public import OCI

extension Spec {
  /// The capabilities that a workload has where nothing else is said: those that Docker gives,
  /// without `CAP_MKNOD`, `CAP_AUDIT_WRITE` and `CAP_SETFCAP`, for which a read-only file system
  /// without devices has no use, and without `CAP_NET_RAW`, with which one instance could send from
  /// the address of another.
  public static let standardCapabilities = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
  ]

  /// What of `/proc` and `/sys` tells about the host, as in Docker's default.
  static let standardMaskedPaths = [
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
    "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
    "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
  ]

  /// What of `/proc` changes the host, as in Docker's default.
  static let standardReadonlyPaths = [
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
  ]

  /// The spec of a command that sees the host's file system, read-only, or that of `--rootfs`.
  public init(hosting request: RunRequest) throws(SandboxError) {
    guard let program = request.command.first, !program.isEmpty else {
      throw SandboxError("no command is given")
    }
    let root = try request.rootfs.map { path throws(SandboxError) in
      try Self.rootDirectory(path)
    }
    if root == "/" {
      throw SandboxError(
        "--rootfs \(request.rootfs ?? ""): that is the host's own root. Leave it out to see it read-only, or write --ephemeral alone to write to a layer over it"
      )
    }
    let view = RootView(root ?? "/")
    let accounts = Accounts(root: root ?? "/")
    var user = try accounts.resolve(request.user)
    try user.ids.join(request.security.groups, of: accounts)
    let environment = try Self.environment(request, home: user.home)
    let workingDirectory = request.workingDirectory ?? "/"
    guard workingDirectory.hasPrefix("/") else {
      throw SandboxError("-w \(workingDirectory.debugDescription) is not an absolute path")
    }
    // As with Docker, another user than root has none to use, also where some were added: those are the
    // most that a program could get.
    let bounding = try Self.capabilities(request.security)
    let capabilities = user.ids.uid == 0 ? bounding : []
    let isReadOnly = !request.isEphemeral && (root == nil || request.readOnly)
    self.init(
      hostname: request.hostname ?? String(request.id.prefix(12)),
      root: Root(path: root ?? "/", readonly: isReadOnly),
      process: Process(
        terminal: request.terminal, user: user.ids, args: request.command, env: environment,
        cwd: workingDirectory,
        capabilities: Capabilities(
          bounding: bounding, effective: capabilities),
        noNewPrivileges: request.security.noNewPrivileges ?? true),
      mounts: Self.standardMounts(groups: request.userNamespace)
        + (root == nil || isReadOnly ? Self.freshMounts(in: view) : []),
      linux: LinuxPart(
        namespaces: ["mount", "pid", "ipc", "uts", "cgroup"].map { Namespace(type: $0) },
        maskedPaths: Self.standardMaskedPaths, readonlyPaths: Self.standardReadonlyPaths,
        seccomp: try Self.seccomp(request.security, capabilities: bounding)))
    try apply(request.security)
    if request.security.privileged { unlock() }
    hide(request.hiddenPaths)
    add(request)
    domainname = request.domainname
    networkNamespace = request.network
    userNamespace = request.userNamespace
    letPing()
    if case .new(let uids, let gids) = userNamespace {
      let user = process.user
      guard uids.outside(user.uid) != nil else {
        throw SandboxError("-u: uid \(user.uid) is not in the user namespace; map it with --uidmap")
      }
      for gid in [user.gid] + user.additionalGids where gids.outside(gid) == nil {
        throw SandboxError("-u: gid \(gid) is not in the user namespace; map it with --gidmap")
      }
    }
  }

  /// Lets everybody inside ping without `CAP_NET_RAW`: icmp(7), `ping_group_range`.
  private mutating func letPing() {
    guard networkNamespace == .new else { return }
    var groups = "0 2147483647"
    // Both ends have to be there in a user namespace.
    if let own = linux.gidMappings.first {
      groups = "\(own.containerID) \(own.containerID + own.size - 1)"
    }
    linux.sysctl["net.ipv4.ping_group_range"] = groups
  }

  private static func standardMounts(groups: UserNamespace) -> [Mount] {
    // That of the terminals, tty(4).
    var terminals = ["gid=5"]
    if case .new(_, let gids) = groups, gids.outside(5) == nil { terminals = [] }
    var mounts = [
      Mount(
        destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
      Mount(
        destination: "/sys", type: "sysfs", source: "sysfs",
        options: ["nosuid", "noexec", "nodev", "ro"]),
    ]
    // Version 1 has a hierarchy for each controller, of which the workload needs none.
    if CgroupLayout.isUnified {
      mounts.append(
        Mount(
          destination: "/sys/fs/cgroup", type: "cgroup2", source: "cgroup2",
          options: ["nosuid", "noexec", "nodev", "ro"]))
    }
    mounts += [
      .standardDevices,
      Mount(
        destination: "/dev/pts", type: "devpts", source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"] + terminals),
      Mount(
        destination: "/dev/shm", type: "tmpfs", source: "shm",
        options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
      Mount(
        destination: "/dev/mqueue", type: "mqueue", source: "mqueue",
        options: ["nosuid", "noexec", "nodev"]),
    ]
    return mounts
  }

  /// What may be written where the root is read-only.
  static func freshMounts(in root: borrowing RootView) -> [Mount] {
    var mounts: [Mount] = []
    for (path, mode) in [("/tmp", "1777"), ("/run", "755"), ("/var/tmp", "1777")]
    where root.hasDirectory(path) {
      mounts.append(
        Mount(
          destination: path, type: "tmpfs", source: "tmpfs",
          options: ["nosuid", "nodev", "mode=\(mode)"]))
    }
    return mounts
  }

  /// `PATH` and `HOME` as Docker sets them, `HOSTNAME`, `TERM` for a terminal; then what `-e` says.
  /// Nothing of the caller's own environment goes in unasked.
  private static func environment(
    _ request: RunRequest, home: String
  ) throws(SandboxError) -> [String] {
    var values: [(key: String, value: String)] = [
      ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
      ("HOSTNAME", request.hostname ?? String(request.id.prefix(12))), ("HOME", home),
    ]
    if request.terminal { values.append(("TERM", "xterm")) }
    return try applyEnvironment(request.environment, to: values)
  }

  /// Sets what `-e` says, in order.
  ///
  /// - Returns: `KEY=value`, each key once.
  static func applyEnvironment(
    _ changes: [String], to start: [(key: String, value: String)]
  ) throws(SandboxError) -> [String] {
    var values = start
    for change in changes {
      let pair = change.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        .map(String.init)
      guard !pair[0].isEmpty else {
        throw SandboxError(
          "-e \(change.debugDescription): write it as KEY=value, or KEY for the value here")
      }
      values.removeAll { $0.key == pair[0] }
      if pair.count == 2 {
        values.append((pair[0], pair[1]))
      } else if let value = getenv(pair[0]) {
        // As with Docker, a variable that is not set here is not set there.
        values.append((pair[0], String(cString: value)))
      }
    }
    return values.map { "\($0.key)=\($0.value)" }
  }
}
