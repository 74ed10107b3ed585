import CLinux
import CSeccomp
import Glibc
import SystemPackage

extension SeccompProfile {
  /// The profile as a program for the kernel, `struct sock_filter` after `struct sock_filter` of 8
  /// bytes, made by libseccomp.
  ///
  /// A call that this libseccomp does not know by name is left out, as in other runtimes: then the
  /// default action holds for it, which in an allow-list refuses it.
  ///
  /// - Throws: `SystemError` with the libseccomp function, and the call where it is about one.
  public func compile() throws(SystemError) -> [UInt8] {
    let fallback = defaultErrnoRet ?? UInt32(EPERM)
    guard let context = seccomp_init(defaultAction.number(errno: fallback)) else {
      throw SystemError("seccomp_init", defaultAction.rawValue, errno: .invalidArgument)
    }
    defer { seccomp_release(context) }
    // The filter is loaded under no_new_privs, by us and not by libseccomp. 2: a binary tree over the
    // call's number in place of a list; libseccomp before 2.5 knows only the list.
    _ = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
    for architecture in architectures {
      let result = seccomp_arch_add(context, architecture.number)
      if result != -EEXIST { try Self.check("seccomp_arch_add", architecture.rawValue, result) }
    }
    for rule in syscalls {
      let action = rule.action.number(errno: rule.errnoRet ?? fallback)
      // libseccomp refuses a rule that says what holds anyway.
      if action == defaultAction.number(errno: fallback) { continue }
      var arguments: [scmp_arg_cmp] = []
      for argument in rule.args ?? [] {
        guard argument.index < 6 else {
          throw SystemError("seccomp", "argument \(argument.index)", errno: .invalidArgument)
        }
        arguments.append(argument.comparison)
      }
      for name in rule.names {
        let number = seccomp_syscall_resolve_name(name)
        // __NR_SCMP_ERROR
        if number == -1 { continue }
        try Self.check(
          "seccomp_rule_add", name,
          seccomp_rule_add_array(
            context, action, number, UInt32(arguments.count), arguments))
      }
    }
    return try Self.export(context)
  }

  private static func export(_ context: scmp_filter_ctx) throws(SystemError) -> [UInt8] {
    let file = Descriptor(
      owning: try Linux.check("memfd_create", "seccomp", memfd_create("seccomp", 1)))
    try check("seccomp_export_bpf", "", seccomp_export_bpf(context, file.fd.rawValue))
    try Linux.check("lseek", "seccomp", lseek(file.fd.rawValue, 0, SEEK_SET))
    return try readFile(file.fd, named: "seccomp")
  }

  /// libseccomp returns the negative errno.
  private static func check(
    _ call: String, _ object: String, _ result: CInt
  ) throws(SystemError) {
    if result < 0 { throw SystemError(call, object, errno: Errno(rawValue: -result)) }
  }
}

extension SeccompProfile.Action {
  /// `SCMP_ACT_*` of seccomp.h.
  func number(errno: UInt32) -> UInt32 {
    switch self {
    case .allow: 0x7fff_0000
    case .log: 0x7ffc_0000
    case .errno: 0x0005_0000 | (errno & 0xffff)
    case .trap: 0x0003_0000
    case .kill: 0
    case .killProcess: 0x8000_0000
    }
  }
}

extension SeccompProfile.Architecture {
  /// `AUDIT_ARCH_*` of linux/audit.h, which libseccomp uses.
  var number: UInt32 {
    switch self {
    case .x86_64: 0xc000_003e
    case .x86: 0x4000_0003
    case .arm64: 0xc000_00b7
    case .arm: 0x4000_0028
    }
  }
}

extension SeccompProfile.Argument {
  var comparison: scmp_arg_cmp {
    let compare: scmp_compare =
      switch op {
      case .notEqual: SCMP_CMP_NE
      case .less: SCMP_CMP_LT
      case .lessOrEqual: SCMP_CMP_LE
      case .equal: SCMP_CMP_EQ
      case .greaterOrEqual: SCMP_CMP_GE
      case .greater: SCMP_CMP_GT
      case .maskedEqual: SCMP_CMP_MASKED_EQ
      }
    return scmp_arg_cmp(arg: index, op: compare, datum_a: value, datum_b: valueTwo ?? 0)
  }
}

/// Puts a compiled filter over this process, for good, seccomp(2). Needs `no_new_privs`.
///
/// It allocates nothing and takes no lock: the child side uses it right before execve(2).
///
/// - Returns: 0, or the errno.
public func installSeccomp(_ program: UnsafeRawBufferPointer) -> CInt {
  // BPF_MAXINSNS
  guard program.count > 0, program.count % 8 == 0, program.count / 8 <= 4096,
    let start = program.baseAddress
  else { return EINVAL }
  let setModeFilter: UInt32 = 1
  var filter = sock_fprog(
    len: UInt16(program.count / 8),
    filter: UnsafeMutablePointer(mutating: start.assumingMemoryBound(to: sock_filter.self)))
  return swrun_seccomp(setModeFilter, 0, &filter) == 0 ? 0 : errno
}
