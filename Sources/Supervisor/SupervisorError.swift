/// What the supervisor cannot do: one line that says what, why, and what to do.
public struct SupervisorError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
