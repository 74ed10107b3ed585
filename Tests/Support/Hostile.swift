import Glibc

/// `Tests/Hostile/hostile.c`, which tries one way out after the other.
public enum Hostile {
  /// As the Makefile builds it, static.
  public static let program = ".build/hostile"
  /// Where ``volume`` has it in an instance.
  public static let inside = "/tmp/hostile"

  /// The option that lets an instance see the program.
  public static var volume: [String] {
    get throws { ["-v", "\(try path()):\(inside):ro"] }
  }

  /// Its absolute path.
  public static func path() throws -> String {
    guard let path = realpath(program, nil) else { throw TestFailure("make \(program) first") }
    defer { free(path) }
    return String(cString: path)
  }

  /// What ``summary(_:)`` gives where nothing was possible.
  public static let refused = "tried 30, possible 0"

  /// The last line of what it printed, without the carriage return of a terminal.
  public static func summary(_ result: CommandResult) -> String? {
    String(decoding: result.output.utf8.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
      .split(separator: "\n").last.map(String.init)
  }
}
