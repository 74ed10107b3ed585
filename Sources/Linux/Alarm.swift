import CLinux
import Glibc
public import SystemPackage

/// A descriptor that becomes readable at a moment of ``Clock/boottime()``, timerfd_create(2). A
/// machine that has slept past the moment is told as it wakes.
public struct Alarm: ~Copyable {
  private let descriptor: Descriptor

  public init() throws(SystemError) {
    let flags = CInt(TFD_CLOEXEC) | CInt(TFD_NONBLOCK)
    descriptor = Descriptor(
      owning: try check("timerfd_create", "", timerfd_create(CLOCK_BOOTTIME, flags)))
  }

  public var fd: FileDescriptor { descriptor.fd }

  /// Sets the moment, in nanoseconds; one that has passed is due at once, `nil` never comes.
  public borrowing func set(_ moment: Int64?) throws(SystemError) {
    // A time of zero would switch the timer off.
    let time = moment.map { max(1, $0) } ?? 0
    var setting = itimerspec()
    setting.it_value.tv_sec = Int(time / 1_000_000_000)
    setting.it_value.tv_nsec = Int(time % 1_000_000_000)
    // TFD_TIMER_ABSTIME
    try check("timerfd_settime", "", timerfd_settime(fd.rawValue, 1, &setting, nil))
  }
}
