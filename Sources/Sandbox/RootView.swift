import Glibc
import Linux

/// A look into a root file system from outside, as if it were `/`: no symbolic link in it, which may be
/// hostile, leads to the host's files.
public struct RootView: ~Copyable {
  private let root: Descriptor?

  /// - Parameter path: a directory; one that is not there has nothing in it.
  public init(_ path: String) {
    root = try? Descriptor.open(path, pathOnly | O_DIRECTORY)
  }

  public borrowing func has(_ path: String) -> Bool { open(path, pathOnly) != nil }

  public borrowing func hasDirectory(_ path: String) -> Bool {
    open(path, pathOnly | O_DIRECTORY) != nil
  }

  /// A text file's contents; `nil` where there is no such file.
  ///
  /// - Parameter limit: bytes; there is nothing of a longer file.
  public borrowing func text(_ path: String, limit: Int = 4 << 20) -> String? {
    // Nobody waits for the writer of a FIFO that lies where a file should.
    guard let file = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK) else { return nil }
    var status = stat()
    guard fstat(file.fd.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      let bytes = try? readFile(
        file.fd, named: path, limit: limit, size: Int(status.st_size))
    else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  private borrowing func open(_ path: String, _ flags: CInt) -> Descriptor? {
    guard let fd = view(root) else { return nil }
    do { return try Descriptor.open(path, flags, inRoot: fd) } catch { return nil }
  }
}
