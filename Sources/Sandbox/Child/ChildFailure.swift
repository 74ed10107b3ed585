import Linux

/// A step of the child side that did not work. It goes to the monitor over the channel, as the exit
/// code in one byte and the user's line after it.
struct ChildFailure: Error {
  let exitCode: UInt8
  let message: String

  init(_ message: String, exitCode: UInt8 = 125) {
    self.exitCode = exitCode
    self.message = message
  }

  /// The byte on the channel that says that all has been done but for execve(2) itself.
  static let noneYet: UInt8 = 0

  /// The bytes on the channel.
  var report: [UInt8] { [exitCode] + Array(message.utf8.prefix(2000)) }

  /// What the monitor has received.
  init?(report: [UInt8]) {
    guard let code = report.first, report.count > 1 else { return nil }
    self.init(String(decoding: report.dropFirst(), as: UTF8.self), exitCode: code)
  }
}

/// Names the step in which a system call failed.
@discardableResult
func step<Result: ~Copyable>(
  _ stage: @autoclosure () -> String, _ body: () throws(SystemError) -> Result
) throws(ChildFailure) -> Result {
  do { return try body() } catch { throw ChildFailure("\(stage()): \(error)") }
}
