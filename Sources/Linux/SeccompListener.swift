import SystemPackage

extension SeccompProfile {
  /// Whether an agent has to be given a listener.
  public var needsListener: Bool { syscalls.contains { $0.action == .notify } }

  /// What of a profile with an agent cannot work.
  ///
  /// The filter is over the child when it hands the listener on, so that has to be allowed: without it
  /// the agent would be asked for what only it could answer. (runc refuses `write` for the same reason.)
  func checkListener() throws(SeccompError) {
    guard defaultAction != .notify else {
      throw SeccompError(
        "SCMP_ACT_NOTIFY as the default, which no agent could ever be told of", "defaultAction",
        errno: .invalidArgument)
    }
    guard needsListener else {
      if flags.contains(.waitKillable) {
        throw SeccompError(
          "without SCMP_ACT_NOTIFY there is nothing to wait for", Flag.waitKillable.rawValue,
          errno: .invalidArgument)
      }
      if listenerPath != nil {
        throw SeccompError(
          "without SCMP_ACT_NOTIFY there is nothing to listen to", "listenerPath",
          errno: .invalidArgument)
      }
      return
    }
    guard listenerPath?.hasPrefix("/") == true else {
      throw SeccompError(
        "SCMP_ACT_NOTIFY needs the absolute path of an agent's socket", "listenerPath",
        errno: .invalidArgument)
    }
    let rules = syscalls.filter { $0.names.contains(Self.handingOver) }
    let allows = { (action: Action) in action == .allow || action == .log }
    let isAllowed =
      rules.isEmpty
      ? allows(defaultAction)
      : rules.allSatisfy { allows($0.action) }
        && (allows(defaultAction) || rules.contains { ($0.args ?? []).isEmpty })
    guard isAllowed else {
      throw SeccompError(
        "the listener is handed over by a call that the profile does not allow", Self.handingOver,
        errno: .invalidArgument)
    }
  }

  private static let handingOver = "sendmsg"

  /// `SECCOMP_FILTER_FLAG_*` of linux/seccomp.h for ``installSeccomp(_:flags:)``.
  public var flagBits: UInt32 {
    var bits: UInt32 = 0
    for flag in flags {
      switch flag {
      case .tsync: bits |= 1 << 0
      case .log: bits |= 1 << 1
      case .speculationAllowed: bits |= 1 << 2
      case .waitKillable: bits |= 1 << 5
      }
    }
    // NEW_LISTENER, and TSYNC_ESRCH: both tsync and a listener would want the call's result.
    if needsListener {
      bits |= 1 << 3
      if flags.contains(.tsync) { bits |= 1 << 4 }
    }
    return bits
  }
}
