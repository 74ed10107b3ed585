import Glibc

/// clock_gettime(2), in nanoseconds.
public enum Clock {
  /// Since an unspecified start; never set back.
  public static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }
  /// Since boot, with the time that the machine has slept; never set back.
  public static func boottime() -> Int64 { read(CLOCK_BOOTTIME) }
  /// Since 1970-01-01 UTC.
  public static func realtime() -> Int64 { read(CLOCK_REALTIME) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

/// The kernel's identity of this boot, random(4); state with another one is a past boot's.
public func bootIdentity() throws(SystemError) -> String {
  let text = try readText("/proc/sys/kernel/random/boot_id")
  return String(text.prefix { !$0.isWhitespace })
}
