import Glibc
import Linux

/// The file of `--pid-file`, for those who watch a process by its number.
enum PidFile {
  static func write(_ path: String, _ pid: Int32) throws(SupervisorError) {
    do { try writeAtomically(Array("\(pid)\n".utf8), to: path, mode: 0o644) } catch {
      throw SupervisorError("--pid-file \(path): it cannot be written: \(error.errno)")
    }
  }

  /// Removes it, unless another has written it since.
  static func remove(_ path: String, of pid: Int32?) {
    guard let pid, (try? readText(path)) == "\(pid)\n" else { return }
    unlink(path)
  }
}
