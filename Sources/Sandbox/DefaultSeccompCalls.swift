/// The calls of the default filter, ``SeccompProfile/standard(capabilities:)``, by what they work
/// on.
///
/// Calls of 32-bit architectures have names here too: without them their programs would have no
/// `stat64`. A name that the installed libseccomp is too old for is left out of the filter; the
/// kernel's and libseccomp's versions stand in moby/profiles, seccomp/default_linux.go.
enum SystemCalls {
  /// What permissions, mounts and the cgroup's limits govern. The old asynchronous input and output
  /// (`io_submit`) is here, `io_uring` is not.
  static let files = words(
    """
    _llseek access chdir close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fcntl fcntl64 fdatasync flock fsync ftruncate
    ftruncate64 getcwd getdents getdents64 io_cancel io_destroy io_getevents io_pgetevents
    io_pgetevents_time64 io_setup io_submit link linkat lseek memfd_create mkdir mkdirat mknod
    mknodat name_to_handle_at open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev
    pwritev2 read readahead readlink readlinkat readv rename renameat renameat2 rmdir sendfile
    sendfile64 splice symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 umask
    unlink unlinkat vmsplice write writev
    """)

  /// Owners, modes, times, extended attributes, and what statfs(2) tells.
  static let fileAttributes = words(
    """
    chmod chown chown32 fchmod fchmodat fchmodat2 fchown fchown32 fchownat fgetxattr flistxattr
    fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 futimesat getxattr getxattrat
    lchown lchown32 lgetxattr listmount listxattr listxattrat llistxattr lremovexattr lsetxattr
    lstat lstat64 newfstatat removexattr removexattrat setxattr setxattrat stat stat64 statfs
    statfs64 statmount statx utime utimensat utimensat_time64 utimes
    """)

  /// Waiting for descriptors. `fanotify_mark` can do nothing without `fanotify_init`.
  static let events = words(
    """
    _newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2
    epoll_wait epoll_wait_old eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init
    inotify_init1 inotify_rm_watch poll ppoll ppoll_time64 pselect6 pselect6_time64 select signalfd
    signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
    """)

  /// Not the placement on NUMA nodes, which other workloads would feel (`CAP_SYS_NICE` below).
  static let memory = words(
    """
    brk cachestat madvise map_shadow_stack membarrier memfd_secret mincore mlock mlock2 mlockall
    mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free
    pkey_mprotect remap_file_pages
    """)

  /// To begin and end; `clone` has conditions of its own.
  static let processes = words(
    """
    execve execveat exit exit_group fork futex futex_requeue futex_time64 futex_wait futex_waitv
    futex_wake get_robust_list get_thread_area getpgid getpgrp getpid getppid getrlimit getrusage
    getsid gettid pidfd_open prlimit64 process_mrelease restart_syscall rseq set_robust_list
    set_thread_area set_tid_address setpgid setrlimit setsid ugetrlimit vfork wait4 waitid waitpid
    """)

  /// The PID namespace bounds whom they reach.
  static let signals = words(
    """
    kill pause pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
    rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack
    sigprocmask sigreturn tgkill tkill
    """)

  /// More than one's share needs `CAP_SYS_NICE`, which the kernel asks for.
  static let scheduling = words(
    """
    getcpu getpriority ioprio_get ioprio_set sched_get_priority_max sched_get_priority_min
    sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
    sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler
    sched_yield setpriority
    """)

  /// Users and groups; another needs `CAP_SETUID` or `CAP_SETGID`.
  static let identity = words(
    """
    getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
    getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
    setgroups setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid
    setreuid32 setuid setuid32
    """)

  /// `socket` has conditions of its own, and `socketcall` is it and all others for 32-bit programs.
  static let sockets = words(
    """
    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg
    recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair
    """)

  /// System V and POSIX communication, in the IPC namespace.
  static let messages = words(
    """
    ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
    mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop
    semtimedop_time64 shmat shmctl shmdt shmget
    """)

  /// `adjtimex` and `clock_adjtime` also read; to set, the kernel asks for `CAP_SYS_TIME`.
  static let time = words(
    """
    adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime
    clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep
    setitimer time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64
    timer_settime timer_settime64 times
    """)

  /// By which a program confines itself further, and learns how it is confined and where it runs.
  static let confinement = words(
    """
    capget capset getrandom landlock_add_rule landlock_create_ruleset landlock_restrict_self prctl
    seccomp sysinfo uname
    """)

  /// On processes of the same user. Before Linux 4.8 a tracer could change a call behind the
  /// filter's back; swrun needs a newer one anyway. `uretprobe` is what the kernel itself puts in.
  static let debugging = words("process_vm_readv process_vm_writev ptrace uretprobe")

  /// What only this kind of processor has: segment registers and caches that libc sets up.
  static let machine: [String] = {
    #if arch(x86_64)
      words("arch_prctl modify_ldt")
    #elseif arch(arm64)
      words("arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2")
    #else
      []
    #endif
  }()

  /// What comes with a capability: without it the kernel would refuse most uses anyway, and a call
  /// that cannot be made has no bugs to be found.
  static let privileged: [(capability: String, names: [String])] = [
    ("CAP_BPF", ["bpf"]),
    // Opens files that no mount in here shows ("shocker", 2014).
    ("CAP_DAC_READ_SEARCH", ["open_by_handle_at"]),
    ("CAP_PERFMON", ["perf_event_open"]),
    // Mounts, namespaces, and whatever else found no capability of its own.
    (
      "CAP_SYS_ADMIN",
      words(
        """
        bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie
        lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount
        open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount
        umount2 unshare
        """)
    ),
    ("CAP_SYS_BOOT", ["reboot"]),
    ("CAP_SYS_CHROOT", ["chroot"]),
    ("CAP_SYS_MODULE", ["delete_module", "finit_module", "init_module"]),
    ("CAP_SYS_NICE", ["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
    ("CAP_SYS_PACCT", ["acct"]),
    ("CAP_SYS_PTRACE", ["kcmp", "pidfd_getfd", "process_madvise"]),
    ("CAP_SYS_RAWIO", ["ioperm", "iopl"]),
    ("CAP_SYS_TIME", ["clock_settime", "clock_settime64", "settimeofday", "stime"]),
    ("CAP_SYS_TTY_CONFIG", ["vhangup"]),
    ("CAP_SYSLOG", ["syslog"]),
  ]

  private static func words(_ text: String) -> [String] {
    text.split(whereSeparator: \.isWhitespace).map(String.init)
  }
}
