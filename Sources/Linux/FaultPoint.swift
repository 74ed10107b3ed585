import Glibc

/// A place at which a test build can be made to fail, so that every step of a work can be seen to be
/// undone. A release build has none. `SWRUN_FAULT` says what happens at the Nth place that is passed:
///
///     N                 the step fails
///     kill:N            this process is killed
///     kill-children:N   its children are: the instance's PID 1
///     stop:N            this process stops there, until it gets SIGCONT
public enum FaultPoint {
  /// A step that can fail has just been done.
  ///
  /// - Parameter step: what it was, for the error.
  public static func reach(_ step: @autoclosure () -> String) throws {
    #if DEBUG
      guard let wanted else { return }
      passed += 1
      guard passed == wanted.place else { return }
      if wanted.action == "" {
        throw Injected(description: "injected fault after: \(step())")
      }
      act(step())
    #endif
  }

  /// A step has just been done that cannot fail, but be the last.
  public static func mark(_ step: @autoclosure () -> String) {
    #if DEBUG
      guard let wanted, wanted.action != "" else { return }
      passed += 1
      if passed == wanted.place { act(step()) }
    #endif
  }

  #if DEBUG
    /// One thread passes them.
    nonisolated(unsafe) private static var passed = 0

    private static let wanted: (action: String, place: Int)? = {
      guard let text = getenv("SWRUN_FAULT").map({ String(cString: $0) }) else { return nil }
      let parts = text.split(separator: ":").map(String.init)
      return parts.last.flatMap { Int($0) }.map { (parts.count > 1 ? parts[0] : "", $0) }
    }()

    private static func act(_ step: String) {
      // Where the test looks for it, whatever becomes of our standard error.
      let path = getenv("SWRUN_FAULT_FILE").map { String(cString: $0) }
      if let path, let file = try? Descriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
      {
        try? file.fd.writeEverything(Array("\(step)\n".utf8))
      }
      switch wanted?.action {
      case "kill": kill(getpid(), SIGKILL)
      case "kill-children":
        let children = (try? readText("/proc/thread-self/children")) ?? ""
        for pid in children.split(separator: " ").compactMap({ pid_t($0) }) { kill(pid, SIGKILL) }
      case "stop": kill(getpid(), SIGSTOP)
      default: break
      }
    }

    struct Injected: Error, CustomStringConvertible { let description: String }
  #endif
}
