import CLinux
import Glibc
import Linux
import SystemPackage

/// A check of the workload's health that runs: a process that does what `swrun exec` does, whose end and
/// output the monitor waits for beside everything else.
final class HealthCheck {
  let started = Timestamp.now
  /// Our child.
  let pid: pid_t
  private let process: Pidfd
  private let pipe: Descriptor
  private var output: [UInt8] = []

  /// Forks it.
  init(_ command: [String], in state: InstanceState, _ store: InstanceStore) throws {
    let ends = try DescriptorPair.pipe()
    try ends.first.setNonblocking()
    let monitor = getpid()
    pid = try check("fork", "", swrun_fork())
    if pid == 0 { Self.run(command, state, store, ends.second.fd, monitor) }
    process = try Pidfd(pid: pid)
    pipe = ends.first
  }

  /// The process, which does not return: it holds what the monitor holds, its lock too, and so must not
  /// outlive it.
  private static func run(
    _ command: [String], _ state: InstanceState, _ store: InstanceStore, _ output: FileDescriptor,
    _ monitor: pid_t
  ) {
    swrun_prctl(1, UInt(SIGKILL), 0, 0, 0)  // PR_SET_PDEATHSIG
    if getppid() != monitor { _exit(125) }
    for standard in CInt(1)...2 { dup2(output.rawValue, standard) }
    var executor = Executor(store)
    executor.command = command
    do { _exit(try executor.run(in: state)) } catch {
      try? FileDescriptor.standardError.writeEverything(Array("\(error)\n".utf8))
      _exit(125)
    }
  }

  /// Readable when it has ended.
  var endFD: FileDescriptor { process.fd }
  /// Readable when it has printed something.
  var outputFD: FileDescriptor { pipe.fd }

  /// Takes what it has printed, and keeps the beginning.
  ///
  /// - Returns: false where no more comes.
  func read() -> Bool {
    let bytes: [UInt8]
    do { bytes = try pipe.fd.readSome(1 << 12) } catch { return error.errno == .wouldBlock }
    output += bytes.prefix(HealthRecord.longestOutput - output.count)
    return !bytes.isEmpty
  }

  /// Ends it where it has not ended, and with it what it has executed, and collects it.
  ///
  /// - Parameter reason: what is noted in place of an exit code; `nil`: it has ended by itself.
  func end(_ reason: String?) -> HealthRecord.Check {
    if reason != nil { _ = try? process.send(SIGKILL) }
    let status = try? process.wait()
    // What is there now: who holds the pipe still may print for ever.
    while poll(pipe.fd, for: Int16(POLLIN), milliseconds: 0),
      output.count < HealthRecord.longestOutput,
      read()
    {}
    return HealthRecord.Check(
      started: started, ended: .now, exitCode: reason == nil ? status?.code : nil,
      output: reason ?? String(decoding: output, as: UTF8.self))
  }
}
