import CLinux
import CSeccomp
import FoundationEssentials
import Glibc
import JSON
import Linux
import Sandbox
import Testing

@Suite("The default filter")
struct DefaultSeccompTests {
  typealias Program = SeccompProgram

  static let both = [Program.native, Program.compatible]

  private func filter(_ capabilities: Set<String> = []) throws -> Program {
    try Program(.standard(capabilities: capabilities))
  }

  @Test("mount is refused without CAP_SYS_ADMIN and allowed with it", arguments: both)
  func mount(architecture: UInt32) throws {
    #expect(try filter().answer("mount", architecture: architecture) == .errno(EPERM))
    #expect(
      try filter(["CAP_SYS_ADMIN"]).answer("mount", architecture: architecture) == .allow)
  }

  @Test("no call that Docker's default profile refuses is allowed", arguments: both)
  func subset(architecture: UInt32) throws {
    let filter = try filter()
    let allowed = Set(
      Program.calls(of: architecture).filter {
        filter.answer($0.number, architecture: architecture) == .allow
      }.map(\.name))
    #expect(allowed.count > 250)
    #expect(allowed.subtracting(DockerProfile.allowed).sorted() == [])
  }

  @Test("every call that Docker's default profile allows is allowed", arguments: both)
  func superset(architecture: UInt32) throws {
    let filter = try filter()
    let refused = Program.calls(of: architecture).filter {
      DockerProfile.allowed.contains($0.name)
        && filter.answer($0.number, architecture: architecture) != .allow
    }
    #expect(refused.map(\.name) == [])
  }

  @Test(
    "a capability brings the calls that it brings in Docker, and no other",
    arguments: DockerProfile.privileged.keys.sorted())
  func capability(_ capability: String) throws {
    let without = try filter()
    let with = try filter([capability])
    let brought = Program.calls(of: Program.native).filter {
      // Of CLONE_NEWUSER, which is what CAP_SYS_ADMIN brings to clone.
      let arguments: [UInt64] = $0.name == "clone" ? [0x1000_0000] : []
      return with.answer($0.number, arguments) == .allow
        && without.answer($0.number, arguments) != .allow
    }
    let expected = try #require(DockerProfile.privileged[capability]).filter {
      seccomp_syscall_resolve_name_arch(Program.native, $0) >= 0
    }
    #expect(Set(brought.map(\.name)) == expected)
    #expect(!expected.isEmpty)
  }

  @Test("all capabilities together make a filter too")
  func allCapabilities() throws {
    let all = try filter(Set(DockerProfile.privileged.keys))
    for name in DockerProfile.privileged.values.joined()
    where seccomp_syscall_resolve_name_arch(Program.native, name) >= 0 {
      #expect(all.answer(name, [0x1000_0000]) == .allow, "\(name)")
    }
  }

  @Test(
    "known dangers are refused with EPERM",
    arguments: [
      "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key", "request_key",
      "userfaultfd", "kexec_load", "swapon", "init_module", "bpf", "perf_event_open", "unshare",
      "setns", "pivot_root", "chroot", "open_by_handle_at", "move_pages", "acct", "reboot",
    ])
  func dangers(name: String) throws {
    #expect(try filter().answer(name) == .errno(EPERM))
  }

  @Test("ioctl TIOCSTI and TIOCLINUX are refused, whatever the high bits", arguments: both)
  func terminalInput(architecture: UInt32) throws {
    for capabilities: Set<String> in [[], ["CAP_SYS_ADMIN"]] {
      let filter = try filter(capabilities)
      for request: UInt64 in [0x5412, 0x541c] {
        for high: UInt64 in [0, 1, 0x8000_0000, 0xffff_ffff] {
          let arguments = [0, high << 32 | request]
          #expect(
            filter.answer("ioctl", arguments, architecture: architecture) == .errno(EPERM),
            "\(high) \(request)")
        }
      }
    }
  }

  @Test("every other ioctl is allowed, whatever the high bits", arguments: both)
  func otherRequests(architecture: UInt32) throws {
    let filter = try filter()
    // TCGETS, TIOCGPTPEER, TIOCGWINSZ, FIONREAD, SIOCGIFCONF, FICLONE, DRM's, and the ends.
    var requests: Set<UInt32> = [
      0x5401, 0x5441, 0x5413, 0x541b, 0x8912, 0x4004_9409, 0xc010_64b4, 0, .max,
    ]
    // The neighbours of what is refused, by one bit and by one.
    for refused: UInt32 in [0x5412, 0x541c] {
      requests.formUnion((0..<32).map { refused ^ 1 << $0 })
      requests.formUnion([refused - 1, refused + 1])
    }
    // And a walk through all of them.
    requests.formUnion((0..<4096).map { UInt32($0) &* 0x9e37_79b9 })
    requests.subtract([0x5412, 0x541c])
    for request in requests {
      for high: UInt64 in [0, 0xffff_ffff] {
        let arguments = [0, high << 32 | UInt64(request)]
        #expect(
          filter.answer("ioctl", arguments, architecture: architecture) == .allow, "\(request)")
      }
    }
  }

  @Test("clone makes threads and processes, but no namespace", arguments: both)
  func clone(architecture: UInt32) throws {
    let filter = try filter()
    // What pthread_create and fork pass.
    for flags: UInt64 in [0x3d_0f00, 0x0120_0011, 0x11] {
      #expect(filter.answer("clone", [flags], architecture: architecture) == .allow)
    }
    let namespaces: [UInt64] = [
      0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
    ]
    for flag in namespaces {
      for flags in [flag, flag | 0x11, flag | 1 << 32] {
        #expect(
          filter.answer("clone", [flags], architecture: architecture) == .errno(EPERM), "\(flags)")
      }
    }
  }

  @Test("clone3 answers ENOSYS without CAP_SYS_ADMIN, so that libc calls clone", arguments: both)
  func clone3(architecture: UInt32) throws {
    #expect(try filter().answer("clone3", architecture: architecture) == .errno(ENOSYS))
    #expect(
      try filter(["CAP_SYS_ADMIN"]).answer("clone3", architecture: architecture) == .allow)
  }

  @Test("sockets are of any family but AF_ALG and AF_VSOCK")
  func families() throws {
    let filter = try filter()
    for family: UInt64 in 0..<46 where family != 38 && family != 40 {
      #expect(filter.answer("socket", [family]) == .allow, "\(family)")
    }
    for family: UInt64 in [38, 40] {
      for high: UInt64 in [0, 1, 0xffff_ffff] {
        #expect(filter.answer("socket", [high << 32 | family]) == .errno(EPERM), "\(family)")
      }
    }
  }

  @Test("personality takes the domains that weaken nothing", arguments: both)
  func personality(architecture: UInt32) throws {
    let filter = try filter()
    for domain: UInt64 in [0x0, 0x8, 0x20000, 0x20008, 0xffff_ffff] {
      #expect(filter.answer("personality", [domain], architecture: architecture) == .allow)
    }
    // ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, PER_SVR4, and Linux 32 bit without randomisation.
    for domain: UInt64 in [0x4_0000, 0x40_0000, 0x1, 0x4_0008] {
      #expect(filter.answer("personality", [domain], architecture: architecture) == .errno(EPERM))
    }
  }

  @Test("calls younger than the profile answer ENOSYS, known ones that are refused EPERM")
  func younger() throws {
    let filter = try filter()
    for architecture in Self.both {
      #expect(filter.answer("keyctl", architecture: architecture) == .errno(EPERM))
      for number: Int32 in [600, 0xe_ffff, .max, -1] where number < 0xf0000 || Self.isX86 {
        #expect(filter.answer(number, architecture: architecture) == .errno(ENOSYS), "\(number)")
      }
    }
  }

  @Test("x32 calls are refused", .enabled(if: isX86, "only amd64 has x32"))
  func x32() throws {
    let filter = try filter()
    for number: Int32 in [0, 39, 59, 512, 537, 547] {
      #expect(filter.answer(0x4000_0000 | number) == .errno(ENOSYS))
    }
  }

  @Test("a call of a foreign architecture kills the process")
  func foreign() throws {
    // AUDIT_ARCH_S390X, AUDIT_ARCH_RISCV64, none.
    for architecture: UInt32 in [0x8000_0016, 0xc000_00f3, 0] {
      #expect(try filter().answer(0, architecture: architecture) == .killProcess)
    }
  }

  @Test("the kernel takes the filter and obeys it")
  func kernel() throws {
    let program = try SeccompProfile.standard(capabilities: []).compile()
    // Between fork and exit only system calls: the other threads' locks may be held.
    let child = program.withUnsafeBytes { bytes in
      let pid = swrun_fork()
      if pid != 0 { return pid }
      let noNewPrivileges: CInt = 38
      var step: CInt = 1
      func require(_ result: Int, _ reason: CInt) {
        if result != -1 || errno != reason { _exit(step) }
        step += 1
      }
      if swrun_prctl(noNewPrivileges, 1, 0, 0, 0) != 0 { _exit(100) }
      let reason = installSeccomp(bytes)
      if reason != 0 { _exit(101) }
      require(Int(Glibc.umount("/nowhere")), EPERM)
      require(Int(swrun_ioctl_ptr(-1, 0x5401, nil)), EBADF)
      require(Int(swrun_ioctl_ptr(-1, 0x5412, nil)), EPERM)
      require(Int(swrun_ioctl_ptr(-1, 1 << 32 | 0x541c, nil)), EPERM)
      require(Int(Glibc.socket(40, 1, 0)), EPERM)
      var pidfd: CInt = -1
      require(Int(swrun_clone3(0, &pidfd, -1)), ENOSYS)
      require(Int(swrun_pidfd_open(-1)), EINVAL)
      _exit(0)
    }
    try #require(child > 0)
    var status: CInt = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    // The number of the step that went wrong, 100: prctl, 101: seccomp.
    #expect(swrun_wait_exited(status) != 0)
    #expect(swrun_wait_exit_status(status) == 0)
  }

  static let isX86: Bool = {
    #if arch(x86_64)
      true
    #else
      false
    #endif
  }()
}

@Suite("Compiling a seccomp profile")
struct SeccompCompileTests {
  typealias Program = SeccompProgram
  typealias Rule = SeccompProfile.Rule
  typealias Argument = SeccompProfile.Argument

  private func allow(_ rules: Rule...) -> SeccompProfile { allow(rules) }

  private func allow(_ rules: [Rule]) -> SeccompProfile {
    SeccompProfile(defaultAction: .errno, syscalls: rules)
  }

  @Test("an unknown system call's name is skipped")
  func unknownName() throws {
    let with = try allow(Rule(["no_such_call", "read"]), Rule(["nor_this"])).compile()
    #expect(with == (try allow(Rule(["read"])).compile()))
    #expect(Program(with).answer("read") == .allow)
  }

  @Test("an unknown call's name is refused where the default is less strict than its rule")
  func unknownRefusal() throws {
    for (fallback, action): (SeccompProfile.Action, SeccompProfile.Action) in [
      (.allow, .errno), (.log, .killProcess), (.allow, .log), (.errno, .trap),
    ] {
      let profile = SeccompProfile(
        defaultAction: fallback, syscalls: [Rule(["no_such_call"], action: action)])
      let error = #expect(throws: SeccompError.self) { _ = try profile.compile() }
      #expect(error?.description.contains("no_such_call") == true)
    }
    // As strict or stricter: nothing is let through that the profile refuses.
    for (fallback, action): (SeccompProfile.Action, SeccompProfile.Action) in [
      (.errno, .allow), (.killProcess, .errno), (.errno, .errno),
    ] {
      _ = try SeccompProfile(
        defaultAction: fallback, syscalls: [Rule(["no_such_call"], action: action)]
      ).compile()
    }
  }

  @Test("an agent is asked by SCMP_ACT_NOTIFY")
  func notify() throws {
    let filter = try Program(
      SeccompProfile(
        defaultAction: .allow, listenerPath: "/run/agent",
        syscalls: [Rule(["mkdir"], action: .notify)]))
    #expect(filter.answer("mkdir") == .notify)
    #expect(filter.answer("sendmsg") == .allow)
  }

  @Test("flags are the kernel's bits; a listener brings its own")
  func flags() {
    var profile = SeccompProfile(
      defaultAction: .allow, flags: [.tsync, .log, .speculationAllowed])
    #expect(profile.flagBits == 0b00_0111)
    profile.syscalls = [Rule(["mkdir"], action: .notify)]
    profile.flags.append(.waitKillable)
    #expect(profile.flagBits == 0b11_1111)
    profile.flags = []
    #expect(profile.flagBits == 0b00_1000)
  }

  @Test("a profile with an agent that could never be reached is refused")
  func listener() {
    let ask = Rule(["mkdir"], action: .notify)
    for profile in [
      SeccompProfile(defaultAction: .notify, listenerPath: "/run/agent"),
      SeccompProfile(defaultAction: .allow, syscalls: [ask]),
      SeccompProfile(defaultAction: .allow, listenerPath: "agent", syscalls: [ask]),
      SeccompProfile(defaultAction: .allow, listenerPath: "/run/agent"),
      SeccompProfile(defaultAction: .allow, flags: [.waitKillable]),
      SeccompProfile(defaultAction: .errno, listenerPath: "/run/agent", syscalls: [ask]),
      SeccompProfile(
        defaultAction: .allow, listenerPath: "/run/agent",
        syscalls: [Rule(["mkdir", "sendmsg"], action: .notify)]),
      SeccompProfile(
        defaultAction: .errno, listenerPath: "/run/agent",
        syscalls: [ask, Rule(["sendmsg"], args: [Argument(index: 0, .equal, 1)])]),
    ] {
      #expect(throws: SeccompError.self, "\(profile)") { _ = try profile.compile() }
    }
  }

  @Test("a rule's errno is EPERM where none is said, whatever the default's")
  func errnos() throws {
    let filter = try Program(
      SeccompProfile(
        defaultAction: .errno, defaultErrnoRet: UInt32(EACCES),
        syscalls: [
          Rule(["mount"], action: .errno), Rule(["ioctl"], action: .errno, errnoRet: 4094),
          Rule(["write"], action: .errno, errnoRet: 0), Rule(["setns"]),
        ]))
    #expect(filter.answer("read") == .errno(EACCES))
    #expect(filter.answer("mount") == .errno(EPERM))
    #expect(filter.answer("ioctl") == .errno(4094))
    #expect(filter.answer("write") == .errno(0))
  }

  @Test(
    "every action is the kernel's of that name",
    arguments: [
      (SeccompProfile.Action.allow, SeccompProgram.Answer.allow), (.errno, .errno(EPERM)),
      (.kill, .killThread), (.killThread, .killThread), (.killProcess, .killProcess),
      (.trap, .trap), (.trace, .trace(1)), (.log, .log),
    ])
  func actions(action: SeccompProfile.Action, answer: Program.Answer) throws {
    let other: SeccompProfile.Action = action == .allow ? .kill : .allow
    let rule = try Program(
      SeccompProfile(defaultAction: other, syscalls: [Rule(["read"], action: action)]))
    #expect(rule.answer("read") == answer)
    #expect(rule.answer("write") != answer)
    let fallback = try Program(
      SeccompProfile(defaultAction: action, syscalls: [Rule(["write"], action: other)]))
    #expect(fallback.answer("read") == answer)
    #expect(fallback.answer("write") != answer)
  }

  @Test("a profile without rules answers its default to all", arguments: [true, false])
  func empty(allows: Bool) throws {
    let filter = try Program(SeccompProfile(defaultAction: allows ? .allow : .errno))
    for number: Int32 in [0, 1, 59, 231, 449, 600] {
      #expect(filter.answer(number) == (allows ? .allow : .errno(EPERM)))
    }
  }

  @Test(
    "operators compare all 64 bits",
    arguments: [
      (SeccompProfile.Operator.notEqual, [true, true, false, true, true, true]),
      (.less, [true, true, false, false, false, false]),
      (.lessOrEqual, [true, true, true, false, false, false]),
      (.equal, [false, false, true, false, false, false]),
      (.greaterOrEqual, [false, false, true, true, true, true]),
      (.greater, [false, false, false, true, true, true]),
    ])
  func operators(operator comparison: SeccompProfile.Operator, holds: [Bool]) throws {
    let value: UInt64 = 0x2_0000_0005
    let filter = try Program(
      allow(Rule(["lseek"], args: [Argument(index: 1, comparison, value)])))
    let arguments: [UInt64] = [5, value - 1, value, value + 1, 0x3_0000_0000, .max]
    let answers = arguments.map { filter.answer("lseek", [0, $0]) == .allow }
    #expect(answers == holds)
  }

  @Test("a masked comparison takes the mask first and then the value")
  func masked() throws {
    let filter = try Program(
      allow(Rule(["lseek"], args: [Argument(index: 2, .maskedEqual, 0xff_0000_00f0, 0x10)])))
    #expect(filter.answer("lseek", [0, 0, 0x1f]) == .allow)
    #expect(filter.answer("lseek", [0, 0, 0xffff_ff00_ffff_ff1f]) == .allow)
    #expect(filter.answer("lseek", [0, 0, 0x2f]) == .errno(EPERM))
    #expect(filter.answer("lseek", [0, 0, 0x01_0000_0010]) == .errno(EPERM))
  }

  @Test("a rule's conditions have to hold together, one of two rules is enough")
  func together() throws {
    let both = try Program(
      allow(Rule(["lseek"], args: [Argument(index: 0, .equal, 1), Argument(index: 1, .equal, 2)])))
    #expect(both.answer("lseek", [1, 2]) == .allow)
    #expect(both.answer("lseek", [1, 0]) == .errno(EPERM))
    #expect(both.answer("lseek", [0, 2]) == .errno(EPERM))
    let either = try Program(
      allow(
        Rule(["lseek"], args: [Argument(index: 0, .equal, 1)]),
        Rule(["lseek"], args: [Argument(index: 0, .equal, 2)])))
    #expect([1, 2, 3].map { either.answer("lseek", [$0]) == .allow } == [true, true, false])
  }

  @Test("an architecture that is not named is killed, the machine's own never")
  func architectures() throws {
    let filter = try Program(allow(Rule(["read"])))
    #expect(filter.answer("read") == .allow)
    #expect(filter.answer("read", architecture: Program.compatible) == .killProcess)
  }

  @Test(
    "x32 has its own calls where it is named",
    .enabled(if: DefaultSeccompTests.isX86, "only amd64"))
  func x32() throws {
    let profile = SeccompProfile(
      defaultAction: .errno, architectures: [.amd64, .x86, .x32],
      syscalls: [Rule(["read", "execve"])])
    let filter = try Program(profile)
    #expect(filter.answer(0x4000_0000) == .allow)
    #expect(filter.answer(0x4000_0000 | 520) == .allow)
    #expect(filter.answer(0x4000_0000 | 59) == .errno(EPERM))
    #expect(filter.answer(600) == .errno(ENOSYS))
    #expect(filter.answer("read", architecture: Program.compatible) == .allow)
  }

  @Test(
    "x32 kills the process where it is not named and the default allows",
    .enabled(if: DefaultSeccompTests.isX86, "only amd64 has x32"))
  func x32NotNamed() throws {
    let filter = try Program(
      SeccompProfile(defaultAction: .allow, syscalls: [Rule(["read"], action: .errno)]))
    #expect(filter.answer(0) == .errno(EPERM))
    #expect(filter.answer(0x4000_0000) == .killProcess)
    #expect(filter.answer(0x4000_0001) == .killProcess)
  }

  @Test("ENOSYS for younger calls is only beside a default errno")
  func youngerOnlyForErrno() throws {
    for (action, answer): (SeccompProfile.Action, Program.Answer) in [
      (.killProcess, .killProcess), (.trap, .trap), (.allow, .allow),
    ] {
      let profile = SeccompProfile(
        defaultAction: action, syscalls: [Rule(["read"], action: .log)])
      #expect(try Program(profile).answer(600) == answer)
    }
    #expect(try Program(allow(Rule(["read"]))).answer(600) == .errno(ENOSYS))
  }

  @Test("a younger call that the profile allows is allowed, and one between refused with EPERM")
  func edges() throws {
    let name = "futex_waitv"
    let number = seccomp_syscall_resolve_name_arch(Program.native, name)
    let filter = try Program(allow(Rule([name])))
    #expect(filter.answer(number) == .allow)
    #expect(filter.answer(number - 1) == .errno(EPERM))
    #expect(filter.answer(number + 1) == .errno(ENOSYS))
  }

  @Test("a profile that cannot be kept is refused in one line that names the call")
  func refused() throws {
    let cases: [(SeccompProfile, String)] = [
      (
        allow(Rule(["ioctl"], args: [Argument(index: 6, .equal, 1)])),
        "seccomp_rule_add_array (ioctl): Invalid argument"
      ),
      (
        allow(
          Rule(["ioctl"], args: [Argument(index: 1, .greater, 1), Argument(index: 1, .less, 9)])),
        "seccomp_rule_add_array (ioctl): Invalid argument"
      ),
      (
        allow(Rule(["read"], action: .errno, errnoRet: 65536)),
        "errnoRet 65536 (SCMP_ACT_ERRNO): Invalid argument"
      ),
      (
        allow(Rule(["read"], action: .errno, errnoRet: 4095)),
        "errnoRet 4095 (SCMP_ACT_ERRNO): Invalid argument"
      ),
      (
        allow(Rule(["read"], action: .allow, errnoRet: 1)),
        "errnoRet 1 (SCMP_ACT_ALLOW): Invalid argument"
      ),
      (
        SeccompProfile(defaultAction: .kill, defaultErrnoRet: 1),
        "errnoRet 1 (SCMP_ACT_KILL): Invalid argument"
      ),
      // Of the other byte order.
      (
        SeccompProfile(
          defaultAction: .errno, architectures: [.s390x], syscalls: [Rule(["read"])]),
        "seccomp_arch_add (0x80000016): Numerical argument out of domain"
      ),
    ]
    for (profile, reason) in cases {
      let error = #expect(throws: SeccompError.self) { _ = try profile.compile() }
      #expect(error?.description == "cannot compile the seccomp profile: " + reason)
    }
  }

  @Test("a profile of more instructions than the kernel takes is refused")
  func tooLong() throws {
    let rules = (UInt64(1)...700).map {
      let value = $0 << 32 | $0
      return Rule(["mmap"], args: [Argument(index: 0, .maskedEqual, value, value)])
    }
    let profile = allow(rules)
    let error = #expect(throws: SeccompError.self) { _ = try profile.compile() }
    #expect(error?.errno == .argListTooLong)
  }

  @Test(
    "a program of a wrong length is not installed",
    arguments: [0, 4, 12, 4097 * 8, 65537 * 8])
  func wrongLength(count: Int) {
    // All of it RET ALLOW: the kernel would take what begins it.
    let program = (0..<count).map { [0x06, 0, 0, 0, 0, 0, 0xff, 0x7f][$0 % 8] as UInt8 }
    #expect(program.withUnsafeBytes { installSeccomp($0) } == -EINVAL)
  }
}

@Suite("A seccomp profile in JSON")
struct SeccompCodableTests {
  private func decode(_ json: String) throws -> SeccompProfile {
    try JSONDecoder().decode(SeccompProfile.self, from: Data(json.utf8))
  }

  @Test("it is the runtime specification's")
  func specification() throws {
    let profile = try decode(
      """
      {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 13,
       "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"],
       "flags": ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                 "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
       "listenerPath": "/run/agent.sock", "listenerMetadata": "for it",
       "syscalls": [
         {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
         {"names": ["clone"], "action": "SCMP_ACT_TRACE", "errnoRet": 5, "args": [
           {"index": 0, "value": 18446744073709551615, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"},
           {"index": 5, "value": 1, "op": "SCMP_CMP_NE"}]}]}
      """)
    let expected = SeccompProfile(
      defaultAction: .errno, defaultErrnoRet: 13, architectures: [.amd64, .x32],
      flags: [.tsync, .log, .speculationAllowed, .waitKillable], listenerPath: "/run/agent.sock",
      listenerMetadata: "for it",
      syscalls: [
        .init(["read", "write"]),
        .init(
          ["clone"], action: .trace, errnoRet: 5,
          args: [
            .init(index: 0, .maskedEqual, .max, 3), .init(index: 5, .notEqual, 1),
          ]),
      ])
    #expect(profile == expected)
  }

  @Test("the lists may be absent")
  func absent() throws {
    let profile = try decode(#"{"defaultAction": "SCMP_ACT_ALLOW"}"#)
    #expect(profile == SeccompProfile(defaultAction: .allow))
  }

  @Test("what is written is read as the same")
  func roundTrip() throws {
    let profile = SeccompProfile.standard(capabilities: ["CAP_SYS_ADMIN"])
    let text = JSON.text(profile)
    #expect(try JSONDecoder().decode(SeccompProfile.self, from: Data(text)) == profile)
  }

  @Test(
    "a word that is not known is refused",
    arguments: [
      #"{"defaultAction": "allow"}"#, "{}",
      #"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_VAX"]}"#,
      #"{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_NEW_LISTENER"]}"#,
      #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"]}]}"#,
      """
      {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"],
       "action": "SCMP_ACT_KILL", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_IN"}]}]}
      """,
    ])
  func unknownWord(json: String) {
    #expect(throws: DecodingError.self) { try decode(json) }
  }
}
