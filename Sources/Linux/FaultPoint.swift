import Glibc

/// A place at which a test build can be made to fail, so that every step of a work can be seen to be
/// undone: `SWRUN_FAULT=N` fails at the Nth place that is passed. A release build has none.
public enum FaultPoint {
  #if DEBUG
    /// One thread passes them.
    nonisolated(unsafe) private static var passed = 0
    private static let wanted = getenv("SWRUN_FAULT").flatMap { Int(String(cString: $0)) }
  #endif

  /// - Parameter step: what has just been done, for the error.
  public static func reach(_ step: @autoclosure () -> String) throws {
    #if DEBUG
      guard let wanted else { return }
      passed += 1
      if passed == wanted { throw Injected(description: "injected fault after: \(step())") }
    #endif
  }

  #if DEBUG
    struct Injected: Error, CustomStringConvertible { let description: String }
  #endif
}
