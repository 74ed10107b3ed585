/// One thing that `swrun doctor` has looked at.
public struct Finding: Hashable, Sendable, Encodable {
  public enum Grade: String, Hashable, Sendable, Encodable {
    case ok
    /// Worth knowing; nothing has to be done.
    case note
    /// Something will not work.
    case problem
  }

  public let grade: Grade
  /// What it is about: `kernel`, an interface, a network.
  public let subject: String
  public let text: String
  /// The command that puts it right.
  public let fix: String?

  init(_ grade: Grade, _ subject: String, _ text: String, fix: String? = nil) {
    self.grade = grade
    self.subject = subject
    self.text = text
    self.fix = fix
  }
}
