import Glibc
public import Linux

extension SeccompProfile {
  /// The filter that a workload has where nothing else is said: an allow-list that refuses whatever
  /// Docker's default profile refuses, and io_uring, `memfd_secret`, x32 and the socket families for
  /// virtual machines and kernel cryptography besides.
  ///
  /// Facts from: moby, profiles/seccomp/default_linux.go.
  ///
  /// - Parameter capabilities: names such as `CAP_SYS_ADMIN`; some calls come with one.
  public static func standard(capabilities: Set<String>) -> SeccompProfile {
    var rules = [Rule(SystemCalls.files + SystemCalls.processes + SystemCalls.rest)]
    // The execution domains that change nothing of the security: Linux, Linux 32 bit, with a uname
    // of 2.6, and "which is it?".
    for domain: UInt64 in [0x0, 0x8, 0x20000, 0x20008, 0xffff_ffff] {
      rules.append(Rule(["personality"], args: [Argument(index: 0, .equal, domain)]))
    }
    // All families but AF_ALG (38) and AF_VSOCK (40). The kernel reads 32 of the 64 bits, so what is
    // allowed is named: "not 40" would let pass a 40 with a high bit.
    rules.append(Rule(["socket"], args: [Argument(index: 0, .less, 38)]))
    for family: UInt64 in [39, 41, 42, 43, 44, 45] {
      rules.append(Rule(["socket"], args: [Argument(index: 0, .equal, family)]))
    }
    for (capability, names) in SystemCalls.privileged where capabilities.contains(capability) {
      rules.append(Rule(names))
    }
    if !capabilities.contains("CAP_SYS_ADMIN") {
      // CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: none may be set.
      let namespaces: UInt64 = 0x7e02_0000
      rules.append(Rule(["clone"], args: [Argument(index: 0, .maskedEqual, namespaces, 0)]))
      // Its flags lie in memory, where no filter sees them. ENOSYS makes libc use clone.
      rules.append(Rule(["clone3"], action: .errno, errnoRet: UInt32(ENOSYS)))
    }
    #if arch(x86_64)
      rules.append(Rule(["arch_prctl", "modify_ldt"]))
      let architectures: [Architecture] = [.x86_64, .x86]
    #else
      rules.append(
        Rule([
          "arm_fadvise64_64", "arm_sync_file_range", "breakpoint", "cacheflush", "set_tls",
          "sync_file_range2",
        ]))
      let architectures: [Architecture] = [.arm64, .arm]
    #endif
    return SeccompProfile(
      defaultAction: .errno, defaultErrnoRet: UInt32(EPERM), architectures: architectures,
      syscalls: rules)
  }
}

/// Calls by what they work on. Calls of other architectures have names here too: a filter without
/// them would leave their programs without, say, `stat64`.
enum SystemCalls {
  static let files = words(
    """
    _llseek _newselect access chdir chmod chown chown32 close close_range copy_file_range creat dup
    dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
    epoll_wait_old eventfd eventfd2 faccessat faccessat2 fadvise64 fadvise64_64 fallocate
    fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync
    fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync
    ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr inotify_add_watch
    inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents
    io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set lchown lchown32 lgetxattr
    link linkat listxattr llistxattr lremovexattr lseek lsetxattr lstat lstat64 memfd_create mkdir
    mkdirat mknod mknodat newfstatat open openat openat2 pipe pipe2 poll ppoll ppoll_time64 pread64
    preadv preadv2 pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink
    readlinkat readv removexattr rename renameat renameat2 rmdir select sendfile sendfile64 setxattr
    splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs tee
    truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write
    writev
    """)

  static let processes = words(
    """
    capget capset execve execveat exit exit_group fork get_robust_list get_thread_area getcpu getegid
    getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid
    getpriority getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid gettid getuid
    getuid32 kill landlock_add_rule landlock_create_ruleset landlock_restrict_self pause pidfd_open
    pidfd_send_signal prctl prlimit64 process_mrelease process_vm_readv process_vm_writev ptrace
    restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
    rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max
    sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
    sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler sched_yield seccomp set_robust_list set_thread_area set_tid_address setfsgid
    setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setpgid setpriority setregid
    setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setuid
    setuid32 sigaltstack signalfd signalfd4 sigprocmask sigreturn tgkill tkill ugetrlimit vfork wait4
    waitid waitpid
    """)

  /// Memory, time, sockets, System V and POSIX communication.
  static let rest = words(
    """
    accept accept4 adjtimex alarm bind brk clock_adjtime clock_adjtime64 clock_getres
    clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 connect
    futex futex_time64 futex_waitv getitimer getpeername getrandom getsockname getsockopt
    gettimeofday ipc listen madvise membarrier mincore mlock mlock2 mlockall mmap mmap2 mprotect
    mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
    mq_timedsend_time64 mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
    nanosleep recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages semctl semget semop
    semtimedop semtimedop_time64 send sendmmsg sendmsg sendto setitimer setsockopt shmat shmctl shmdt
    shmget shutdown socketpair sysinfo time timer_create timer_delete timer_getoverrun timer_gettime
    timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
    timerfd_settime timerfd_settime64 times uname
    """)

  /// What comes with a capability: without it the kernel would refuse most uses anyway, and a call
  /// that cannot be made has no bugs to be found.
  static let privileged: [(String, [String])] = [
    ("CAP_DAC_READ_SEARCH", ["open_by_handle_at"]),
    (
      "CAP_SYS_ADMIN",
      words(
        """
        bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount
        mount_setattr move_mount name_to_handle_at open_tree perf_event_open quotactl quotactl_fd
        setdomainname sethostname setns syslog umount umount2 unshare
        """)
    ),
    ("CAP_SYS_BOOT", ["reboot"]),
    ("CAP_SYS_CHROOT", ["chroot"]),
    ("CAP_SYS_MODULE", ["delete_module", "init_module", "finit_module"]),
    ("CAP_SYS_PACCT", ["acct"]),
    ("CAP_SYS_PTRACE", ["kcmp", "pidfd_getfd", "process_madvise"]),
    ("CAP_SYS_RAWIO", ["iopl", "ioperm"]),
    ("CAP_SYS_TIME", ["settimeofday", "stime", "clock_settime", "clock_settime64"]),
    ("CAP_SYS_TTY_CONFIG", ["vhangup"]),
    ("CAP_SYS_NICE", ["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
    ("CAP_SYSLOG", ["syslog"]),
  ]

  private static func words(_ text: String) -> [String] {
    text.split(whereSeparator: \.isWhitespace).map(String.init)
  }
}
