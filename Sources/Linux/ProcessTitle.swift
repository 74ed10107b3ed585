import CLinux
import Glibc

/// What ps(1) shows of this process.
public enum ProcessTitle {
  /// The arguments of execve(2) and the environment, which follow each other, once the variables have been
  /// moved out of the way. One thread uses it.
  nonisolated(unsafe) private static let room: UnsafeMutableRawBufferPointer = {
    let arguments = CommandLine.unsafeArgv
    guard let start = arguments[0] else { return .init(start: nil, count: 0) }
    var end = start
    for index in 0..<Int(CommandLine.argc) {
      guard let text = arguments[index], text == end else { break }
      end += strlen(text) + 1
    }
    let variables = end
    var count = 0
    while let variable = environ[count], variable == end {
      end += strlen(variable) + 1
      count += 1
    }
    // In one piece: they are there for good, and many small ones keep many pages of the heap.
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: end - variables)
    copy.initialize(from: variables, count: end - variables)
    for index in 0..<count { environ[index]? += copy - variables }
    return .init(start: start, count: end - start)
  }()

  /// Puts `title` in the place of the command line, as far as there is room, and its first 15 bytes in the
  /// place of the name: `/proc/PID/cmdline` and `/proc/PID/comm`, proc(5). What the arguments were cannot
  /// be seen any more, nor read from `CommandLine` by this process.
  ///
  /// Where the arguments are too short, the kernel reads on in the environment (`get_mm_cmdline`,
  /// fs/proc/base.c).
  public static func set(_ title: String) {
    let bytes = Array(title.utf8.prefix(max(0, room.count - 1)))
    room.initializeMemory(as: UInt8.self, repeating: 0)
    room.copyBytes(from: bytes)
    title.withCString { _ = swrun_prctl(15, UInt(bitPattern: $0), 0, 0, 0) }  // PR_SET_NAME
  }
}
