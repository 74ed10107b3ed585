import CLinux
import Glibc

/// Which devices the processes of a cgroup may open and make: rules that are gone through in order,
/// where for each kind of access the last that fits decides; what none fits is denied.
public struct DeviceFilter: Hashable, Sendable {
  public struct Access: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// `BPF_DEVCG_ACC_MKNOD`, `BPF_DEVCG_ACC_READ`, `BPF_DEVCG_ACC_WRITE` of linux/bpf.h.
    public static let make = Access(rawValue: 1)
    public static let read = Access(rawValue: 2)
    public static let write = Access(rawValue: 4)
    public static let all: Access = [.make, .read, .write]

    /// `rwm` and parts of it; `nil` for another letter, or for none.
    public init?(_ text: String) {
      var access = Access()
      for letter in text {
        switch letter {
        case "r": access.insert(.read)
        case "w": access.insert(.write)
        case "m": access.insert(.make)
        default: return nil
        }
      }
      guard !access.isEmpty else { return nil }
      self = access
    }
  }

  /// `BPF_DEVCG_DEV_BLOCK`, `BPF_DEVCG_DEV_CHAR`.
  public enum Kind: UInt8, Hashable, Sendable {
    case block = 1
    case character = 2
  }

  public struct Rule: Hashable, Sendable {
    public var allows: Bool
    /// `nil`: block and character devices.
    public var kind: Kind?
    /// `nil`: any.
    public var major: UInt32?
    public var minor: UInt32?
    public var access: Access

    public init(allows: Bool, kind: Kind?, major: UInt32?, minor: UInt32?, access: Access) {
      self.allows = allows
      self.kind = kind
      self.major = major
      self.minor = minor
      self.access = access
    }
  }

  public var rules: [Rule]

  public init(_ rules: [Rule]) { self.rules = rules }

  /// Whether it lets through everything, so that there is nothing to be filtered.
  public var allowsAll: Bool {
    guard let last = rules.lastIndex(where: { !$0.allows }) else {
      return rules.contains(Self.everything)
    }
    return rules[(last + 1)...].contains(Self.everything)
  }

  private static let everything = Rule(
    allows: true, kind: nil, major: nil, minor: nil, access: .all)

  /// The program, a `struct bpf_insn` an element, for `BPF_PROG_TYPE_CGROUP_DEVICE`.
  ///
  /// Its context is `struct bpf_cgroup_dev_ctx`: the kind of device in the low half of the first word
  /// and the access in its high half, then major and minor. r6 collects the kinds of access that the
  /// rules let through; the answer is whether all that is asked for are among them.
  public var program: [UInt64] {
    var code = [
      // r2 = kind, r3 = access, r4 = major, r5 = minor; r6 = 0
      Self.load(2, 0), Self.move(3, from: 2), Self.immediate(0x54, 2, 0xffff),
      Self.immediate(0x74, 3, 16), Self.load(4, 4), Self.load(5, 8), Self.immediate(0xb4, 6, 0),
    ]
    for rule in rules {
      var tests: [(register: UInt8, value: UInt32)] = []
      if let kind = rule.kind { tests.append((2, UInt32(kind.rawValue))) }
      if let major = rule.major { tests.append((4, major)) }
      if let minor = rule.minor { tests.append((5, minor)) }
      for (index, test) in tests.enumerated() {
        // jne32 register, value: over the tests that follow, and the rule's effect
        code.append(Self.jump(0x56, test.register, test.value, over: tests.count - index))
      }
      // or32 or and32 r6
      code.append(
        rule.allows
          ? Self.immediate(0x44, 6, UInt32(rule.access.rawValue))
          : Self.immediate(0x54, 6, ~UInt32(rule.access.rawValue)))
    }
    code += [
      // r3 &= ~r6; r0 = r3 == 0
      Self.immediate(0xa4, 6, .max), Self.register(0x5c, 3, 6), Self.immediate(0xb4, 0, 1),
      Self.jump(0x16, 3, 0, over: 1), Self.immediate(0xb4, 0, 0), 0x95,
    ]
    return code
  }

  // struct bpf_insn: code, registers (destination low, source high), offset, immediate. The codes are
  // those of Documentation/bpf/standardization/instruction-set.rst.

  /// `r = *(u32 *)(r1 + offset)`
  private static func load(_ register: UInt8, _ offset: UInt16) -> UInt64 {
    0x61 | UInt64(register) << 8 | 1 << 12 | UInt64(offset) << 16
  }

  private static func move(_ to: UInt8, from: UInt8) -> UInt64 { register(0xbc, to, from) }

  private static func register(_ code: UInt8, _ to: UInt8, _ from: UInt8) -> UInt64 {
    UInt64(code) | UInt64(to) << 8 | UInt64(from) << 12
  }

  private static func immediate(_ code: UInt8, _ register: UInt8, _ value: UInt32) -> UInt64 {
    UInt64(code) | UInt64(register) << 8 | UInt64(value) << 32
  }

  private static func jump(
    _ code: UInt8, _ register: UInt8, _ value: UInt32, over count: Int
  ) -> UInt64 {
    immediate(code, register, value) | UInt64(UInt16(count)) << 16
  }
}

extension Cgroup {
  /// Puts a filter over it, for as long as it is there.
  public borrowing func attach(_ filter: DeviceFilter) throws(SystemError) {
    let program = filter.program
    let loaded = Descriptor(
      owning: try check(
        "bpf", "BPF_PROG_LOAD",
        program.withUnsafeBufferPointer {
          swrun_bpf_load_device_filter($0.baseAddress, UInt32($0.count))
        }))
    try check(
      "bpf", "BPF_PROG_ATTACH",
      swrun_bpf_attach_device_filter(fd.rawValue, loaded.fd.rawValue))
  }
}
