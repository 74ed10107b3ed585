import Glibc
import Linux

/// Waits until something about the instances of a store changes, without looking again and again.
public final class InstanceWatch {
  public enum Event {
    case change
    /// Nothing has changed for as long as was asked for.
    case none
    /// The terminal has another size.
    case resize
    /// A signal asks to end.
    case end
  }

  private let store: InstanceStore
  private let changes: Inotify
  private let signals: Descriptor
  /// Of instances that live: one that is killed writes nothing.
  private var monitors: [ProcessIdentity: Monitor] = [:]

  private final class Monitor {
    let pidfd: Pidfd
    init(_ pidfd: consuming Pidfd) { self.pidfd = pidfd }
  }

  /// Takes the signals that ask to end from now on.
  public init(_ store: InstanceStore) throws {
    self.store = store
    let taken = [SIGINT, SIGTERM, SIGHUP, SIGWINCH]
    var set = sigset_t()
    sigemptyset(&set)
    for signal in taken { sigaddset(&set, signal) }
    sigprocmask(SIG_BLOCK, &set, nil)
    signals = try Signal.descriptor(of: taken)
    changes = try Inotify()
    // Before the first instance.
    try makeDirectories(store.instancesDirectory)
    try changes.add(store.instancesDirectory)
  }

  /// The instances as they are now, oldest first; what changes from now on ends ``wait(milliseconds:)``.
  public func states() throws -> [InstanceState] {
    changes.acknowledge()
    for id in store.ids() { try changes.add(store.directory(id)) }
    try Sweeper(store).sweep()
    let states = store.states()
    var living: [ProcessIdentity: Monitor] = [:]
    for state in states where state.isActive {
      guard let monitor = state.monitor else { continue }
      if let known = monitors[monitor] {
        living[monitor] = known
      } else if let pidfd = monitor.open() {
        living[monitor] = Monitor(pidfd)
      }
    }
    monitors = living
    return states
  }

  /// - Parameter milliseconds: the longest wait; negative for ever.
  public func wait(milliseconds: Int) throws -> Event {
    let fds = [signals.fd, changes.fd] + monitors.values.map { $0.pidfd.fd }
    let ready = try waitForAny(fds, milliseconds: milliseconds)
    var event: Event = ready ? .change : .none
    while let signal = Signal.next(from: signals.fd) {
      if signal != SIGWINCH { return .end }
      event = .resize
    }
    return event
  }
}
