public import JSON
import Linux
import OCI
import Sandbox

/// Everything that keeps a bundle from being run, found without running it.
public enum BundleCheck {
  /// - Parameter directory: the bundle's.
  public static func faults(of directory: String) -> [Fault] {
    let spec: Spec
    do { spec = try Spec(bundle: directory) } catch { return error.faults }
    var found: [Fault] = []
    if FileIdentity(path: "\(spec.root.path)/.") == nil {
      found.append(Fault("root.path", "\(spec.root.path.debugDescription) is not a directory"))
    }
    // What is decided later than in the spec's own check.
    do { _ = try LaunchPlan(spec, usesInit: true, seccomp: []) } catch {
      found.append(Fault("", error.description))
    }
    if let seccomp = spec.linux.seccomp {
      do { _ = try seccomp.compile() } catch { found.append(Fault("linux.seccomp", "\(error)")) }
    }
    return found
  }
}
