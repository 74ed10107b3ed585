/// A workload that cannot be run: one line for the user, and the exit code that says where it failed.
public struct SandboxError: Error, Hashable, CustomStringConvertible {
  /// 125: swrun; 126: the command cannot be executed; 127: it was not found. As docker-run(1).
  public let exitCode: Int32
  public let description: String

  public init(_ description: String, exitCode: Int32 = 125) {
    self.description = description
    self.exitCode = exitCode
  }

  /// Its process has gone without a word.
  static let killedBeforeCommand = SandboxError(
    "the process that was to run the command was killed before it did")
}
