import CCap
import CLinux
import Glibc

/// A set of capabilities, capabilities(7), by the kernel's bit numbers.
public struct CapabilitySet: Hashable, Sendable {
  public var bits: UInt64

  public init(bits: UInt64 = 0) { self.bits = bits }

  /// From names such as `CAP_NET_RAW`, `net_raw` or `NET_RAW`; `nil` for the first that libcap does
  /// not know.
  public init?(names: some Sequence<String>) {
    self.init()
    for name in names {
      guard let bit = Self.bit(of: name) else { return nil }
      bits |= 1 << bit
    }
  }

  /// The bit of one name, in any of the spellings that ``init(names:)`` takes.
  public static func bit(of name: String) -> UInt64? {
    var full = name.lowercased()
    if !full.hasPrefix("cap_") { full = "cap_" + full }
    var value: cap_value_t = 0
    return cap_from_name(full, &value) == 0 ? UInt64(value) : nil
  }

  /// Upper-case names with `CAP_`, in the order of their numbers.
  public var names: [String] {
    (0..<64).filter { bits & (1 << UInt64($0)) != 0 }.compactMap { bit in
      guard let name = cap_to_name(cap_value_t(bit)) else { return nil }
      defer { cap_free(name) }
      return String(cString: name).uppercased()
    }
  }

  public func contains(_ name: String) -> Bool {
    Self.bit(of: name).map { bits & (1 << $0) != 0 } ?? false
  }

  /// What this process may use now, its effective set.
  public static func current() -> CapabilitySet {
    guard let state = cap_get_proc() else { return CapabilitySet() }
    defer { cap_free(UnsafeMutableRawPointer(state)) }
    var set = CapabilitySet()
    for bit in 0..<64 {
      var value = CAP_CLEAR
      if cap_get_flag(state, cap_value_t(bit), CAP_EFFECTIVE, &value) == 0, value == CAP_SET {
        set.bits |= 1 << UInt64(bit)
      }
    }
    return set
  }

  /// Takes every capability that is not in this set out of the bounding set and empties the ambient
  /// set: no later execve(2) can give them back. Needs `CAP_SETPCAP`.
  public func limitBounding() throws(SystemError) {
    try check("prctl", "PR_CAP_AMBIENT", cap_reset_ambient())
    for bit in 0..<cap_value_t(cap_max_bits()) where bits & (1 << UInt64(bit)) == 0 {
      try check("prctl", "PR_CAPBSET_DROP", cap_drop_bound(bit))
    }
  }

  /// Makes this the effective and permitted set and empties the inheritable one.
  public func apply() throws(SystemError) {
    guard let state = cap_init() else { throw SystemError("cap_init") }
    defer { cap_free(UnsafeMutableRawPointer(state)) }
    for bit in 0..<cap_value_t(cap_max_bits()) where bits & (1 << UInt64(bit)) != 0 {
      var value = bit
      cap_set_flag(state, CAP_EFFECTIVE, 1, &value, CAP_SET)
      cap_set_flag(state, CAP_PERMITTED, 1, &value, CAP_SET)
    }
    try check("capset", "", cap_set_proc(state))
  }
}
