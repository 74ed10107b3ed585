import OCI
import Sandbox
import SystemPackage

/// The host's hooks at the steps of an instance's life, runtime-spec runtime.md, Lifecycle. Those of
/// `createContainer` and `startContainer` run inside and are the child side's.
struct InstanceHooks {
  let plan: HookPlan
  let record: InstanceRecord

  /// Once the namespaces and interfaces are there. The first that fails stops the launch.
  func create(pid: Int32, interruption: FileDescriptor) throws {
    let hooks = plan.hooks
    for (name, list) in [("prestart", hooks.prestart), ("createRuntime", hooks.createRuntime)] {
      try runHooks(
        list, named: name, of: plan, status: "creating", pid: pid, interruption: interruption)
    }
  }

  /// Once the workload runs.
  func started(pid: Int32) {
    runEach(plan.hooks.poststart, "poststart", "running", pid)
  }

  /// Once nothing of the instance is left but its record.
  func stopped() {
    runEach(plan.hooks.poststop, "poststop", "stopped", nil)
  }

  /// One that fails is a warning, and the next is run.
  private func runEach(_ list: [Spec.Hook], _ name: String, _ status: String, _ pid: Int32?) {
    for index in list.indices {
      do {
        try runHooks(
          list, named: name, of: plan, status: status, pid: pid, only: index)
      } catch {
        record.store.report("\(error)")
        record.warn("\(error)")
      }
    }
  }
}
