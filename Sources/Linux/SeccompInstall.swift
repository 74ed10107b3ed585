import CLinux
import Glibc

/// Puts a compiled filter over this thread and all that it will start, for good, seccomp(2). Needs
/// `no_new_privs` or `CAP_SYS_ADMIN`.
///
/// It allocates nothing and takes no lock: the child side calls it right before execve(2).
///
/// swrun's own filter sets no flag: `SECCOMP_FILTER_FLAG_SPEC_ALLOW` would leave the process open to
/// speculative store bypass where the kernel still closes it for filtered processes (before Linux
/// 5.16), and `SECCOMP_FILTER_FLAG_LOG` would let a workload fill the host's audit log.
///
/// - Parameters:
///   - program: what ``SeccompProfile/compile()`` gives: 1 to 4096 `struct sock_filter` of 8 bytes.
///   - flags: ``SeccompProfile/flagBits``.
/// - Returns: 0, or the listener's descriptor, close-on-exec, where the flags ask for one; else the
///   negative errno, `EINVAL` also for a program of another length.
public func installSeccomp(_ program: UnsafeRawBufferPointer, flags: UInt32 = 0) -> CInt {
  guard let start = program.baseAddress, program.count % MemoryLayout<sock_filter>.stride == 0
  else { return -EINVAL }
  let length = program.count / MemoryLayout<sock_filter>.stride
  guard (1...Int(BPF_MAXINSNS)).contains(length) else { return -EINVAL }
  let setModeFilter: UInt32 = 1
  var filter = sock_fprog(
    len: UInt16(length),
    filter: UnsafeMutablePointer(mutating: start.assumingMemoryBound(to: sock_filter.self)))
  let result = swrun_seccomp(setModeFilter, flags, &filter)
  return result < 0 ? -errno : CInt(result)
}
