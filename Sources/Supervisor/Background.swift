import CLinux
import Glibc
import Linux
import Sandbox
import SystemPackage

/// A monitor that goes on after the command that started it has ended.
enum Background {
  /// Has a process do `work` that is nobody's child, daemon(7): in a session of its own which it does not
  /// lead, so that no terminal can become its own. This process waits until that calls what it is given,
  /// or ends without.
  ///
  /// - Parameter report: gets the error with which the background process fails.
  /// - Returns: what `whenReady` returns, or the exit code with which the background process failed.
  static func start(
    reporting report: (String) -> Void, _ work: (_ ready: () throws -> Void) throws -> Int32,
    whenReady: () throws -> Int32
  ) throws -> Int32 {
    let pipe = try DescriptorPair.pipe()
    let pid = try fork()
    if pid == 0 {
      setsid()
      do {
        if try fork() > 0 { return end(0) }
      } catch { return fail(error, pipe.second.fd, report) }
      // PR_SET_CHILD_SUBREAPER: what an instance leaves behind is ours to collect, also where nobody else
      // would.
      swrun_prctl(36, 1, 0, 0, 0)
      return become(pipe.second.fd, report, work)
    }
    let between = try Pidfd(pid: pid)
    _ = try between.wait()
    close(pipe.second.release().rawValue)
    guard let word = try pipe.first.fd.readSome(1).first else {
      throw SupervisorError("the instance's monitor was killed before the workload ran")
    }
    if word == readyWord { return try whenReady() }
    // It has something to say, and closes its end when that is said.
    _ = try pipe.first.fd.readSome(1)
    return Int32(word)
  }

  private static func fork() throws -> pid_t {
    do throws(SystemError) { return try check("fork", "", swrun_fork()) } catch {
      throw CgroupShortage.explainingFork(error)
    }
  }

  private static func fail(
    _ error: any Error, _ starter: FileDescriptor?, _ report: (String) -> Void
  ) -> Int32 {
    let code = (error as? SandboxError)?.exitCode ?? 125
    try? starter?.writeEverything([UInt8(clamping: code)])
    report("\(error)")
    return end(code)
  }

  private static func end(_ code: Int32) -> Int32 { _exit(code) }

  /// An exit code is never 0 here.
  private static let readyWord: UInt8 = 0

  /// Never returns to what the caller would do next: that is for the process which it has started.
  private static func become(
    _ starter: FileDescriptor, _ report: (String) -> Void,
    _ work: (_ ready: () throws -> Void) throws -> Int32
  ) -> Int32 {
    var isReady = false
    do {
      _ = try work {
        // Nothing of the caller's is kept busy: neither its directory nor, once all is well, its
        // terminal.
        try check("chdir", "/", chdir("/"))
        let null = try Descriptor.null()
        for standard in CInt(0)...2 { try check("dup2", "", dup2(null.fd.rawValue, standard)) }
        try starter.writeEverything([readyWord])
        close(starter.rawValue)
        isReady = true
      }
    } catch {
      return fail(error, isReady ? nil : starter, report)
    }
    return end(0)
  }
}
