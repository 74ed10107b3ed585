import CLinux
import CSeccomp
import Glibc
import SystemPackage

extension SeccompProfile {
  /// The profile as a program for the kernel: `struct sock_filter` after `struct sock_filter` of 8
  /// bytes, in the machine's byte order.
  ///
  /// libseccomp makes the rules' part, for each architecture apart. Together they would be one tree
  /// of calls, for which libseccomp 2.5 takes twice as long.
  ///
  /// - A name that the installed libseccomp does not know on any architecture is left out, as runc
  ///   does, where the default action is at least as strict as the rule's: in an allow-list it is
  ///   refused then. Where the default is less strict, what the rule refuses would be let through,
  ///   and the profile is refused.
  /// - Where the default action is an errno, a call with a number above all that the profile names
  ///   gets `ENOSYS`, as runc does: such a call is younger than the profile, and libc goes another
  ///   way where the kernel has no such call, but gives up where it is refused. On amd64 this is
  ///   the answer to x32 too, which has the numbers from 2^30, unless the profile names it.
  /// - A call of an architecture that is neither the machine's nor named kills the process.
  ///
  /// - Throws: `SeccompError` with the function of libseccomp, and the system call where it is
  ///   about one: for an errno above 4094 or beside an action that has none, for two conditions on
  ///   one argument, for an argument above 5 (`EINVAL`), for a profile that makes more than the
  ///   4096 instructions that the kernel takes (`E2BIG`).
  public func compile() throws(SeccompError) -> [UInt8] {
    try checkListener()
    let fallback = try defaultAction.number(errno: defaultErrnoRet)
    let calls = try conditions(unless: fallback)
    var program: [UInt8] = []
    for machine in try machines() {
      let part =
        youngerCalls(than: machine)
        + (try Self.compile(calls, default: fallback, for: machine))
      program += instruction(BPF_LD | BPF_W | BPF_ABS, 4)  // seccomp_data.arch
      program += instruction(BPF_JMP | BPF_JEQ | BPF_K, machine.token, ifTrue: 1)
      program += instruction(BPF_JMP | BPF_JA, UInt32(part.count / 8))
      program += part
    }
    program += instruction(BPF_RET | BPF_K, SCMP_ACT_KILL_PROCESS)
    guard program.count / 8 <= Int(BPF_MAXINSNS) else {
      throw SeccompError("seccomp", "\(program.count / 8) instructions", errno: .argListTooLong)
    }
    return program
  }

  /// That of the installed libseccomp, as in `2.5.4`.
  public static var libraryVersion: String {
    guard let version = seccomp_version()?.pointee else { return "" }
    return "\(version.major).\(version.minor).\(version.micro)"
  }

  /// What is to be compiled for one value of `seccomp_data.arch`.
  private struct Machine {
    /// `AUDIT_ARCH_*` of linux/audit.h.
    var token: UInt32
    /// x32 has amd64's value and is known by its call numbers.
    var x32: UInt32?
  }

  /// The machine's own architecture first: most calls are of it.
  private func machines() throws(SeccompError) -> [Machine] {
    var machines = [Machine(token: seccomp_arch_native())]
    for architecture in architectures where architecture != .x32 {
      let token = try architecture.token()
      if !machines.contains(where: { $0.token == token }) { machines.append(Machine(token: token)) }
    }
    if architectures.contains(.x32) {
      let host = try Architecture.amd64.token()
      for index in machines.indices where machines[index].token == host {
        machines[index].x32 = try Architecture.x32.token()
      }
    }
    return machines
  }

  /// A rule for one call, as libseccomp takes it.
  private struct Condition {
    var name: String
    /// On the machine's own architecture, or libseccomp's pseudo number where it has no such call.
    var number: CInt
    var action: UInt32
    var arguments: [scmp_arg_cmp]
  }

  private func conditions(unless fallback: UInt32) throws(SeccompError) -> [Condition] {
    var conditions: [Condition] = []
    for rule in syscalls {
      let action = try rule.action.number(errno: rule.errnoRet)
      // What holds anyway: libseccomp refuses to be told.
      if action == fallback { continue }
      let arguments = (rule.args ?? []).map(\.comparison)
      for name in rule.names {
        let number = seccomp_syscall_resolve_name(name)
        if number == unknownCall {
          guard rule.action.strictness <= defaultAction.strictness else {
            throw SeccompError(
              "\(rule.action.rawValue) of a call that libseccomp does not know", name,
              errno: .invalidArgument)
          }
          continue
        }
        conditions.append(
          Condition(name: name, number: number, action: action, arguments: arguments))
      }
    }
    return conditions
  }

  private static func compile(
    _ conditions: [Condition], default fallback: UInt32, for machine: Machine
  ) throws(SeccompError) -> [UInt8] {
    let context = try FilterContext(default: fallback)
    try context.killForeign()
    try context.only(machine.token)
    if let x32 = machine.x32 { try context.add(x32) }
    // libseccomp 2.5.4 makes a program of no use from a tree of nothing.
    if !conditions.isEmpty { context.searchTree() }
    // It keeps calls in a list by their numbers and looks from the head where a new one belongs:
    // the highest first saves that. Rules of one call keep their order.
    let order = conditions.indices.map { index in
      (seccomp_syscall_resolve_name_arch(machine.token, conditions[index].name), index)
    }
    for (_, index) in order.sorted(by: { ($1.0, $0.1) < ($0.0, $1.1) }) {
      let condition = conditions[index]
      try context.add(
        condition.name, condition.number, condition.action, condition.arguments)
    }
    return try context.program()
  }

  /// Instructions that answer `ENOSYS` to calls above the highest that the profile names, and go on
  /// behind their end for all others; none where there is nothing to be compared with.
  private func youngerCalls(than machine: Machine) -> [UInt8] {
    guard defaultAction == .errno else { return [] }
    let numbers = syscalls.flatMap(\.names).map {
      seccomp_syscall_resolve_name_arch(machine.token, $0)
    }
    // From here on are ARM's private calls (asm/unistd.h, __ARM_NR_BASE) and x32's.
    let base: UInt32 = 0xf0000
    guard let last = numbers.filter({ $0 >= 0 && $0 < base }).max() else { return [] }
    let hasPrivate = machine.x32 != nil || numbers.contains { $0 >= base }
    let refusal = instruction(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | UInt32(ENOSYS))
    let exception =
      hasPrivate ? instruction(BPF_JMP | BPF_JGE | BPF_K, base, ifTrue: 1) : []
    return instruction(BPF_LD | BPF_W | BPF_ABS, 0)  // seccomp_data.nr
      + instruction(
        BPF_JMP | BPF_JGT | BPF_K, UInt32(last), ifFalse: UInt8(exception.count / 8 + 1))
      + exception + refusal
  }
}

/// `__NR_SCMP_ERROR`: libseccomp knows no such call on any architecture.
private let unknownCall: CInt = -1

/// `BPF_STMT` and `BPF_JUMP` of linux/filter.h; jumps count instructions from the next one.
private func instruction(
  _ code: CInt, _ k: UInt32, ifTrue: UInt8 = 0, ifFalse: UInt8 = 0
) -> [UInt8] {
  withUnsafeBytes(of: sock_filter(code: UInt16(code), jt: ifTrue, jf: ifFalse, k: k)) { Array($0) }
}

/// libseccomp's filter in the making.
private struct FilterContext: ~Copyable {
  private let raw: scmp_filter_ctx

  init(default action: UInt32) throws(SeccompError) {
    guard let raw = seccomp_init(action) else {
      throw SeccompError("seccomp_init", errno: .invalidArgument)
    }
    self.raw = raw
  }

  deinit { seccomp_release(raw) }

  /// Takes the machine's own architecture, with which a context begins, out for another.
  func only(_ token: UInt32) throws(SeccompError) {
    let native = seccomp_arch_native()
    if token == native { return }
    try add(token)
    try check("seccomp_arch_remove", "", seccomp_arch_remove(raw, native))
  }

  func add(_ token: UInt32) throws(SeccompError) {
    try check("seccomp_arch_add", "0x" + String(token, radix: 16), seccomp_arch_add(raw, token))
  }

  /// libseccomp would kill the thread alone, without which its process might hang.
  func killForeign() throws(SeccompError) {
    try check(
      "seccomp_attr_set", "SCMP_FLTATR_ACT_BADARCH",
      seccomp_attr_set(raw, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS))
  }

  /// A tree over the call's number in place of a list; libseccomp before 2.5 knows only the list,
  /// which says the same.
  func searchTree() { _ = seccomp_attr_set(raw, SCMP_FLTATR_CTL_OPTIMIZE, 2) }

  func add(
    _ name: String, _ number: CInt, _ action: UInt32, _ arguments: [scmp_arg_cmp]
  ) throws(SeccompError) {
    try check(
      "seccomp_rule_add_array", name,
      seccomp_rule_add_array(raw, action, number, UInt32(arguments.count), arguments))
  }

  /// libseccomp 2.5 writes to a file only.
  func program() throws(SeccompError) -> [UInt8] {
    let closeOnExec: UInt32 = 1
    do throws(SystemError) {
      let file = Descriptor(
        owning: try Linux.check("memfd_create", "seccomp", memfd_create("seccomp", closeOnExec)))
      let result = seccomp_export_bpf(raw, file.fd.rawValue)
      if result < 0 { throw SystemError("seccomp_export_bpf", errno: Errno(rawValue: -result)) }
      try Linux.check("lseek", "seccomp", lseek(file.fd.rawValue, 0, SEEK_SET))
      return try readFile(file.fd, named: "seccomp")
    } catch {
      throw SeccompError(error.call, error.object, errno: error.errno)
    }
  }

  /// libseccomp returns the negative errno.
  private func check(_ call: String, _ object: String, _ result: CInt) throws(SeccompError) {
    if result < 0 { throw SeccompError(call, object, errno: Errno(rawValue: -result)) }
  }
}

extension SeccompProfile.Action {
  /// `SCMP_ACT_*` of seccomp.h with the errno in it.
  ///
  /// The specification wants an errno beside an action without one refused. libseccomp takes none
  /// from 4095 on, but looks at the low 16 bits alone: 65536 would be a success.
  fileprivate func number(errno: UInt32?) throws(SeccompError) -> UInt32 {
    let data = errno ?? UInt32(EPERM)
    let takesErrno = self == .errno || self == .trace
    guard takesErrno ? data < 4095 : errno == nil else {
      throw SeccompError("errnoRet \(data)", rawValue, errno: .invalidArgument)
    }
    return switch self {
    case .allow: SCMP_ACT_ALLOW
    case .log: SCMP_ACT_LOG
    case .notify: SCMP_ACT_NOTIFY
    case .trace: SECCOMP_RET_TRACE | data
    case .errno: SECCOMP_RET_ERRNO | data
    case .trap: SCMP_ACT_TRAP
    case .kill, .killThread: SCMP_ACT_KILL_THREAD
    case .killProcess: SCMP_ACT_KILL_PROCESS
    }
  }
}

extension SeccompProfile.Architecture {
  /// libseccomp's number: that of linux/audit.h, but for x32.
  fileprivate func token() throws(SeccompError) -> UInt32 {
    let name = rawValue.dropFirst("SCMP_ARCH_".count).lowercased()
    let token = seccomp_arch_resolve_name(name)
    if token == 0 {
      throw SeccompError("seccomp_arch_resolve_name", rawValue, errno: .invalidArgument)
    }
    return token
  }
}

extension SeccompProfile.Argument {
  fileprivate var comparison: scmp_arg_cmp {
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
