import CLinux
import Glibc
import Linux
import SystemPackage

/// A monitor that goes on after the command that started it has ended.
enum Background {
  /// Forks a process into a session of its own, which does `work`. This process waits until that
  /// calls what it is given, or ends without.
  ///
  /// - Returns: what `whenReady` returns, or the exit code with which the background process failed; its
  ///   error has been written by itself.
  static func start(
    _ work: (_ ready: () throws -> Void) throws -> Int32, whenReady: () throws -> Int32
  ) throws -> Int32 {
    let pipe = try DescriptorPair.pipe()
    let pid = try check("fork", "", swrun_fork())
    if pid == 0 {
      setsid()
      // Nothing of the caller's is kept busy: neither its directory nor, once all is well, its
      // terminal.
      _ = try work {
        try check("chdir", "/", chdir("/"))
        let null = try Descriptor.null()
        for standard in CInt(0)...2 { try check("dup2", "", dup2(null.fd.rawValue, standard)) }
        try pipe.second.fd.writeEverything([1])
      }
      _exit(0)
    }
    let child = try Pidfd(pid: pid)
    close(pipe.second.release().rawValue)
    if try pipe.first.fd.readSome(1).isEmpty { return try child.wait().code }
    return try whenReady()
  }
}
