public import OCI
public import SystemPackage

/// Hooks of a bundle, and what they are told. Source: runtime-spec config.md, POSIX-platform Hooks,
/// and runtime.md, State.
public struct HookPlan: Hashable, Sendable {
  public let hooks: Spec.Hooks
  public let state: HookState

  /// `nil` for a spec without any.
  ///
  /// - Parameter bundle: the absolute path of its directory.
  public init?(_ spec: Spec, id: String, bundle: String) {
    guard let hooks = spec.hooks, hooks.all.contains(where: { !$0.list.isEmpty }) else {
      return nil
    }
    self.hooks = hooks
    state = HookState(
      ociVersion: spec.ociVersion, id: id, bundle: bundle, annotations: spec.annotations ?? [:])
  }
}

/// Runs a list of the host's hooks, one after the other.
///
/// - Parameters:
///   - name: of the list, such as `createRuntime`.
///   - only: the index of the one to be run; `nil`: all.
///   - interruption: a signalfd(2): the hook is killed when a signal comes.
/// - Throws: `SandboxError` with the first that fails.
public func runHooks(
  _ list: [Spec.Hook], named name: String, of plan: HookPlan, status: String, pid: Int32?,
  only: Int? = nil, interruption: FileDescriptor? = nil
) throws(SandboxError) {
  let state = plan.state.json(status: status, pid: pid)
  for (index, hook) in list.enumerated() where only == nil || only == index {
    do {
      try HookProcess(hook, place: "hooks.\(name)[\(index)]", directory: plan.state.bundle)
        .run(state: state, interruption: interruption)
    } catch { throw SandboxError(error.message) }
  }
}
