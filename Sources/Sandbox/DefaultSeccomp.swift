import Glibc
public import Linux

extension SeccompProfile {
  /// The filter that a workload has where nothing else is said: an allow-list that lets through no
  /// call that Docker's default profile refuses, and refuses three things besides: typing into a
  /// terminal (`TIOCSTI`, `TIOCLINUX`), socket families hidden in the high bits of the argument,
  /// and x32.
  ///
  /// What is not here is refused with `EPERM`, and what is younger than this list with `ENOSYS`
  /// (``compile()``). Absent on purpose are the keyrings (`keyctl`), which no namespace divides;
  /// `io_uring`, whose operations no filter sees; `userfaultfd`, which makes kernel races easy to
  /// win; and what is the host administrator's alone, as `kexec_load`, `swapon` and `nfsservctl`.
  ///
  /// One gap is Docker's too: a 32-bit program may reach `AF_VSOCK` and `AF_ALG` by `socketcall`,
  /// whose arguments lie in memory, where no filter sees them, and so may a 64-bit program that
  /// calls as one (`int 0x80`). To refuse it would end networking for most i386 programs, as Docker
  /// 29.4.2 found (moby/moby issue 52506).
  ///
  /// Facts from: moby/profiles, seccomp/default_linux.go, June 2026.
  ///
  /// - Parameter capabilities: of the bounding set, as `CAP_SYS_ADMIN`; some calls come with one.
  public static func standard(capabilities: Set<String>) -> SeccompProfile {
    var rules = [
      Rule(
        SystemCalls.files + SystemCalls.fileAttributes + SystemCalls.events + SystemCalls.memory
          + SystemCalls.processes + SystemCalls.signals + SystemCalls.scheduling
          + SystemCalls.identity + SystemCalls.sockets + SystemCalls.messages + SystemCalls.time
          + SystemCalls.confinement + SystemCalls.debugging + SystemCalls.machine)
    ]
    rules += socketRules + personalityRules + ioctlRules
    rules += SystemCalls.privileged.compactMap { capability, names in
      capabilities.contains(capability) ? Rule(names) : nil
    }
    if !capabilities.contains("CAP_SYS_ADMIN") { rules += cloneRules }
    return SeccompProfile(
      defaultAction: .errno, defaultErrnoRet: UInt32(EPERM), architectures: architectures,
      syscalls: rules)
  }

  /// What an instance's own PID 1 needs once the workload runs: to wait, to hand signals on and to
  /// end what is left, with what the allocator asks for. It is short because the kernel runs a filter
  /// once for each call number when it is loaded (`seccomp_cache_prepare`, kernel/seccomp.c), which
  /// for that of a workload takes a third of a millisecond.
  public static var ofInit: SeccompProfile {
    SeccompProfile(
      defaultAction: .errno, defaultErrnoRet: UInt32(EPERM), architectures: [.native],
      syscalls: [
        Rule([
          "rt_sigtimedwait", "wait4", "kill", "exit_group", "close_range", "dup2", "dup3",
          "pread64", "brk", "mmap", "munmap", "mremap", "madvise", "futex", "restart_syscall",
        ])
      ])
  }

  /// The machine's own and the 32-bit one that its kernel also runs. Not x32: almost nothing is
  /// built for it, and it has had holes of its own (CVE-2014-0038).
  private static var architectures: [Architecture] {
    #if arch(x86_64)
      [.amd64, .x86]
    #elseif arch(arm64)
      [.aarch64, .arm]
    #else
      []
    #endif
  }

  /// All families but `AF_ALG` (38), the kernel's cryptography, full of holes (CVE-2026-31431), and
  /// `AF_VSOCK` (40), which talks past the network namespace to the hypervisor. The kernel reads 32
  /// of the 64 bits, so what is allowed is named: "above 40" would let pass a 40 with a high bit.
  private static var socketRules: [Rule] {
    let families: [UInt64] = [39, 41, 42, 43, 44, 45]  // NFC, KCM, QIPCRTR, SMC, XDP, MCTP
    return [Rule(["socket"], args: [Argument(index: 0, .less, 38)])]
      + families.map { Rule(["socket"], args: [Argument(index: 0, .equal, $0)]) }
  }

  /// The execution domains that weaken nothing: Linux, Linux 32 bit, each with a uname of 2.6 and
  /// without; and "which is it?". Others turn address randomisation off or make all memory
  /// executable, personality(2).
  private static var personalityRules: [Rule] {
    let domains: [UInt64] = [0x0, 0x8, 0x20000, 0x20008, 0xffff_ffff]
    return domains.map { Rule(["personality"], args: [Argument(index: 0, .equal, $0)]) }
  }

  /// All requests but `TIOCSTI` and `TIOCLINUX`, which type into the terminal as if its user did.
  /// It may be that of the shell that started swrun (CVE-2017-5226, CVE-2023-28100).
  private static var ioctlRules: [Rule] {
    Argument.low32Bits(of: 1, differFrom: [0x5412, 0x541c]).map { Rule(["ioctl"], args: [$0]) }
  }

  /// New processes and threads, but no new namespaces: in one of its own user the workload would
  /// have all capabilities, and with them much more of the kernel to attack.
  private static var cloneRules: [Rule] {
    // CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
    let namespaces: UInt64 = 0x7e02_0000
    return [
      Rule(["clone"], args: [Argument(index: 0, .maskedEqual, namespaces, 0)]),
      // Its flags lie in memory, where no filter sees them. After ENOSYS libc calls clone.
      Rule(["clone3"], action: .errno, errnoRet: UInt32(ENOSYS)),
    ]
  }
}

extension SeccompProfile.Argument {
  /// Conditions of which one holds exactly where the low 32 bits of an argument are none of
  /// `values`. For parameters that are an `int` to the kernel, of which it drops the high bits: a
  /// comparison of all 64 could be passed by setting one of them (CVE-2019-10063).
  ///
  /// libseccomp has no masked "not equal". So the numbers are halved by their highest bit, the
  /// halves by the next, and so on; what has none of `values` in it is allowed as a whole. As with
  /// network prefixes, this takes 32 conditions for one value and a few more for each further.
  static func low32Bits(of index: UInt32, differFrom values: [UInt32]) -> [Self] {
    func cover(_ prefix: UInt32, length: UInt32) -> [Self] {
      let mask = length == 0 ? 0 : UInt32.max << (32 - length)
      if !values.contains(where: { $0 & mask == prefix }) {
        return [Self(index: index, .maskedEqual, UInt64(mask), UInt64(prefix))]
      }
      if length == 32 { return [] }
      return cover(prefix, length: length + 1)
        + cover(prefix | 1 << (31 - length), length: length + 1)
    }
    return cover(0, length: 0)
  }
}
