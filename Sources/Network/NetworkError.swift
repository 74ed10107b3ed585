/// A network that cannot be had: one line that says what, why, and what to do.
public struct NetworkError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
