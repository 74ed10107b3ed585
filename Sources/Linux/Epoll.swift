import CLinux
import Glibc
public import SystemPackage

/// A set of descriptors to wait for, epoll(7), level-triggered where nothing else is said.
public struct Epoll: ~Copyable {
  private let descriptor: Descriptor

  public init() throws(SystemError) {
    descriptor = Descriptor(
      owning: try check("epoll_create1", "", epoll_create1(CInt(EPOLL_CLOEXEC))))
  }

  /// Watches `fd` for input (or room for output) or its end; `key` is what ``wait()`` gives back for it.
  public borrowing func add(
    _ fd: FileDescriptor, key: UInt64, forOutput: Bool = false
  ) throws(SystemError) {
    try add(fd, key, forOutput ? EPOLLOUT.rawValue : EPOLLIN.rawValue)
  }

  /// Watches `fd` for what is out of the ordinary alone (`EPOLLPRI`): a change of a file of sysfs, proc
  /// or a cgroup since it was last read.
  public borrowing func addChange(_ fd: FileDescriptor, key: UInt64) throws(SystemError) {
    try add(fd, key, EPOLLPRI.rawValue)
  }

  /// Watches `fd` for input, and is told once each time that some comes, whether it is read or not, and of
  /// its end.
  public borrowing func addArrival(_ fd: FileDescriptor, key: UInt64) throws(SystemError) {
    try add(fd, key, EPOLLIN.rawValue | EPOLLET.rawValue)
  }

  private borrowing func add(
    _ fd: FileDescriptor, _ key: UInt64, _ events: UInt32
  ) throws(SystemError) {
    var event = epoll_event(events: events, data: epoll_data_t(u64: key))
    try check(
      "epoll_ctl", "add", epoll_ctl(descriptor.fd.rawValue, EPOLL_CTL_ADD, fd.rawValue, &event))
  }

  /// Watches `fd`, which is watched already, for these from now on. Its end is told of in any case.
  public borrowing func change(_ fd: FileDescriptor, key: UInt64, input: Bool, output: Bool) {
    let events = (input ? EPOLLIN.rawValue : 0) | (output ? EPOLLOUT.rawValue : 0)
    var event = epoll_event(events: events, data: epoll_data_t(u64: key))
    _ = epoll_ctl(descriptor.fd.rawValue, EPOLL_CTL_MOD, fd.rawValue, &event)
  }

  /// Stops watching `fd`; one that is not watched is fine.
  public borrowing func remove(_ fd: FileDescriptor) {
    var event = epoll_event()
    _ = epoll_ctl(descriptor.fd.rawValue, EPOLL_CTL_DEL, fd.rawValue, &event)
  }

  /// The set itself, readable while one of its descriptors is ready: sets can be nested.
  public var fd: FileDescriptor { descriptor.fd }

  /// Waits until at least one descriptor is ready, and returns the keys of those that are.
  ///
  /// - Parameter milliseconds: the longest wait; negative for ever.
  public borrowing func wait(milliseconds: CInt = -1) throws(SystemError) -> [UInt64] {
    try wait { events in
      epoll_wait(descriptor.fd.rawValue, events.baseAddress, CInt(events.count), milliseconds)
    }
  }

  /// The same for ever, by a process that has been quiet: it gives back the memory that it does not use now,
  /// and waits without its own code and data mapped. It has to see the /proc of the host.
  public borrowing func waitIdle() throws(SystemError) -> [UInt64] {
    releaseIdleMemory()
    return try wait { events in
      swrun_wait_unmapped(descriptor.fd.rawValue, events.baseAddress, CInt(events.count))
    }
  }

  private borrowing func wait(
    _ body: (UnsafeMutableBufferPointer<epoll_event>) -> CInt
  ) throws(SystemError) -> [UInt64] {
    var events = [epoll_event](repeating: epoll_event(), count: 16)
    var count: CInt
    repeat {
      count = events.withUnsafeMutableBufferPointer { body($0) }
    } while count < 0 && errno == EINTR
    try check("epoll_wait", "", count)
    return events.prefix(Int(count)).map(\.data.u64)
  }
}

/// A timer that becomes readable, timerfd_create(2), on the monotonic clock.
public struct Timer: ~Copyable {
  private let descriptor: Descriptor

  /// - Parameters:
  ///   - first: nanoseconds until it fires; 0 for never.
  ///   - interval: nanoseconds between later firings; 0 for none.
  public init(first: Int64 = 0, interval: Int64 = 0) throws(SystemError) {
    let flags = CInt(TFD_CLOEXEC) | CInt(TFD_NONBLOCK)
    let timer = Descriptor(
      owning: try check("timerfd_create", "", timerfd_create(CLOCK_MONOTONIC, flags)))
    var setting = itimerspec(it_interval: Self.time(interval), it_value: Self.time(first))
    try check("timerfd_settime", "", timerfd_settime(timer.fd.rawValue, 0, &setting, nil))
    descriptor = timer
  }

  public var fd: FileDescriptor { descriptor.fd }

  /// Sets it anew.
  public borrowing func set(first: Int64, interval: Int64 = 0) throws(SystemError) {
    var setting = itimerspec(it_interval: Self.time(interval), it_value: Self.time(first))
    try check("timerfd_settime", "", timerfd_settime(fd.rawValue, 0, &setting, nil))
  }

  /// Takes note of the firing, so that the descriptor is quiet until the next.
  public borrowing func acknowledge() {
    var count: UInt64 = 0
    _ = read(fd.rawValue, &count, 8)
  }

  private static func time(_ nanoseconds: Int64) -> timespec {
    timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
  }
}
