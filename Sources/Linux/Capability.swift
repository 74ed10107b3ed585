import CCap
import CLinux
import Glibc

/// A set of capabilities, capabilities(7), by the kernel's bit numbers.
public struct CapabilitySet: Hashable, Sendable {
  public var bits: UInt64

  public init(bits: UInt64 = 0) { self.bits = bits }

  /// From names such as `CAP_NET_RAW`, `net_raw` or `NET_RAW`; `nil` for the first that libcap does
  /// not know.
  public init?(names: [String]) {
    self.init()
    for name in names {
      guard let bit = Self.bit(of: name) else { return nil }
      bits |= 1 << bit
    }
  }

  /// The bit of one name, in any of the spellings that ``init(names:)`` takes.
  public static func bit(of name: String) -> UInt64? {
    // libcap would stop at it, and take what stands before it.
    guard !name.utf8.contains(0) else { return nil }
    let isFull = name.prefix(4).lowercased() == "cap_"
    var value: cap_value_t = 0
    // It takes them in any case.
    return cap_from_name(isFull ? name : "cap_" + name, &value) == 0 ? UInt64(value) : nil
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

  /// All that this kernel knows.
  public static func ofKernel() -> CapabilitySet {
    CapabilitySet(bits: (1 << UInt64(cap_max_bits())) - 1)
  }

  /// The bounding set of this process.
  public static func bounding() -> CapabilitySet {
    var set = CapabilitySet()
    for bit in 0..<cap_value_t(cap_max_bits()) where cap_get_bound(bit) > 0 {
      set.bits |= 1 << UInt64(bit)
    }
    return set
  }

  public func isSubset(of other: CapabilitySet) -> Bool { bits & ~other.bits == 0 }

  public func union(_ other: CapabilitySet) -> CapabilitySet {
    CapabilitySet(bits: bits | other.bits)
  }

  public func intersection(_ other: CapabilitySet) -> CapabilitySet {
    CapabilitySet(bits: bits & other.bits)
  }

  public func subtracting(_ other: CapabilitySet) -> CapabilitySet {
    CapabilitySet(bits: bits & ~other.bits)
  }

  /// Takes every capability that is not in this set out of the bounding set and empties the ambient
  /// set: no later execve(2) can give them back. Needs `CAP_SETPCAP`.
  public func limitBounding() throws(SystemError) {
    // libcap's cap_reset_ambient(3) asks for each one first.
    let (ambient, clearAll) = (CInt(47), UInt(4))  // PR_CAP_AMBIENT, linux/prctl.h
    try check("prctl", "PR_CAP_AMBIENT", swrun_prctl(ambient, clearAll, 0, 0, 0))
    for bit in 0..<cap_value_t(cap_max_bits()) where bits & (1 << UInt64(bit)) == 0 {
      try check("prctl", "PR_CAPBSET_DROP", cap_drop_bound(bit))
    }
  }

  /// Makes this the effective and permitted set and empties the inheritable one.
  public func apply() throws(SystemError) {
    try ProcessCapabilities(effective: self, permitted: self).apply()
  }
}

/// The four sets of a thread that can be set besides the bounding set, capabilities(7).
public struct ProcessCapabilities: Hashable, Sendable {
  public var effective: CapabilitySet
  public var permitted: CapabilitySet
  public var inheritable: CapabilitySet
  public var ambient: CapabilitySet

  public init(
    effective: CapabilitySet = CapabilitySet(), permitted: CapabilitySet = CapabilitySet(),
    inheritable: CapabilitySet = CapabilitySet(), ambient: CapabilitySet = CapabilitySet()
  ) {
    self.effective = effective
    self.permitted = permitted
    self.inheritable = inheritable
    self.ambient = ambient
  }

  /// Sets the first three in one call, and then raises the ambient ones, which have to be permitted and
  /// inheritable by then.
  public func apply() throws(SystemError) {
    guard let state = cap_init() else { throw SystemError("cap_init") }
    defer { cap_free(UnsafeMutableRawPointer(state)) }
    let parts = [
      (CAP_EFFECTIVE, effective), (CAP_PERMITTED, permitted), (CAP_INHERITABLE, inheritable),
    ]
    for bit in 0..<cap_value_t(cap_max_bits()) {
      var value = bit
      for (flag, set) in parts where set.bits & (1 << UInt64(bit)) != 0 {
        cap_set_flag(state, flag, 1, &value, CAP_SET)
      }
    }
    try check("capset", "", cap_set_proc(state))
    for bit in 0..<cap_value_t(cap_max_bits()) where ambient.bits & (1 << UInt64(bit)) != 0 {
      try check("prctl", "PR_CAP_AMBIENT_RAISE", cap_set_ambient(bit, CAP_SET))
    }
  }
}
