import CSeccomp
import Glibc
import Linux

/// A compiled filter, run as the kernel would run it: the part of classic BPF that seccomp takes.
///
/// Source: kernel/seccomp.c, `seccomp_check_filter`, and net/core/filter.c.
struct SeccompProgram {
  struct Instruction {
    var code: UInt16
    var ifTrue: UInt8
    var ifFalse: UInt8
    var k: UInt32
  }

  /// What the kernel does with a call.
  enum Answer: Hashable {
    case allow
    case errno(Int32)
    case killProcess
    case killThread
    case trap
    case trace(UInt32)
    case log
    case notify
    /// The filter itself is wrong, and would be refused by the kernel.
    case invalid(String)
  }

  let instructions: [Instruction]

  init(_ bytes: [UInt8]) {
    precondition(bytes.count % 8 == 0)
    instructions = bytes.withUnsafeBytes { raw in
      stride(from: 0, to: raw.count, by: 8).map {
        Instruction(
          code: raw.loadUnaligned(fromByteOffset: $0, as: UInt16.self), ifTrue: raw[$0 + 2],
          ifFalse: raw[$0 + 3], k: raw.loadUnaligned(fromByteOffset: $0 + 4, as: UInt32.self))
      }
    }
  }

  init(_ profile: SeccompProfile) throws { self.init(try profile.compile()) }

  /// - Parameter architecture: `AUDIT_ARCH_*`
  func answer(
    _ number: Int32, _ arguments: [UInt64] = [], architecture: UInt32 = Self.native
  ) -> Answer {
    let data = words(number, architecture, arguments)
    var accumulator: UInt32 = 0
    var index = 0
    while index < instructions.count {
      let instruction = instructions[index]
      index += 1
      switch instruction.code {
      case 0x20:  // BPF_LD | BPF_W | BPF_ABS
        guard instruction.k % 4 == 0, instruction.k < 64 else { return .invalid("load") }
        accumulator = data[Int(instruction.k / 4)]
      case 0x54: accumulator &= instruction.k  // BPF_ALU | BPF_AND | BPF_K
      case 0x05: index += Int(instruction.k)  // BPF_JMP | BPF_JA
      case 0x15: index += instruction.jump(accumulator == instruction.k)  // BPF_JEQ
      case 0x25: index += instruction.jump(accumulator > instruction.k)  // BPF_JGT
      case 0x35: index += instruction.jump(accumulator >= instruction.k)  // BPF_JGE
      case 0x45: index += instruction.jump(accumulator & instruction.k != 0)  // BPF_JSET
      case 0x06: return Answer(instruction.k)  // BPF_RET | BPF_K
      default: return .invalid("code \(instruction.code)")
      }
    }
    return .invalid("no return")
  }

  /// By name; a call that the architecture does not have is a mistake of the test's.
  func answer(
    _ name: String, _ arguments: [UInt64] = [], architecture: UInt32 = Self.native
  ) -> Answer {
    let number = seccomp_syscall_resolve_name_arch(architecture, name)
    return number < 0
      ? .invalid("no \(name)") : answer(number, arguments, architecture: architecture)
  }

  /// `struct seccomp_data` in words of 32 bits, in the machine's byte order (all are
  /// little-endian).
  private func words(_ number: Int32, _ architecture: UInt32, _ arguments: [UInt64]) -> [UInt32] {
    var words = [UInt32(bitPattern: number), architecture, 0, 0]
    for index in 0..<6 {
      let argument = index < arguments.count ? arguments[index] : 0
      words += [UInt32(truncatingIfNeeded: argument), UInt32(argument >> 32)]
    }
    return words
  }

  static let native = seccomp_arch_native()

  /// The 32-bit architecture of the same machine.
  static let compatible: UInt32 = {
    #if arch(x86_64)
      0x4000_0003  // AUDIT_ARCH_I386
    #else
      0x4000_0028  // AUDIT_ARCH_ARM
    #endif
  }()

  /// The calls of an architecture with numbers to 470, by their names.
  static func calls(of architecture: UInt32) -> [(number: Int32, name: String)] {
    (Int32(0)...470).compactMap { number in
      guard let name = seccomp_syscall_resolve_num_arch(architecture, number) else { return nil }
      defer { free(name) }
      return (number, String(cString: name))
    }
  }
}

extension SeccompProgram.Instruction {
  fileprivate func jump(_ condition: Bool) -> Int { Int(condition ? ifTrue : ifFalse) }
}

extension SeccompProgram.Answer {
  /// `SECCOMP_RET_*`.
  fileprivate init(_ value: UInt32) {
    let data = value & 0xffff
    self =
      switch value & 0xffff_0000 {
      case 0x7fff_0000: .allow
      case 0x7ffc_0000: .log
      case 0x7fc0_0000: .notify
      case 0x7ff0_0000: .trace(data)
      case 0x0005_0000: .errno(Int32(data))
      case 0x0003_0000: .trap
      case 0x8000_0000: .killProcess
      case 0: .killThread
      default: .invalid("answer \(value)")
      }
  }
}
