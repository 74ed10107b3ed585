import Glibc
import Linux

/// Waits until something about the instances of a store changes, without looking again and again.
public final class InstanceWatch {
  public typealias Event = EndSignals.Event

  private var store: InstanceStore
  private let changes: Inotify
  private let signals: EndSignals
  /// Of instances that live: one that is killed writes nothing.
  private var monitors: [ProcessIdentity: Monitor] = [:]

  private final class Monitor {
    let pidfd: Pidfd
    init(_ pidfd: consuming Pidfd) { self.pidfd = pidfd }
  }

  /// Takes the signals that ask to end from now on.
  public init(_ store: InstanceStore) throws {
    self.store = store
    signals = try EndSignals()
    changes = try Inotify()
    // Before the first instance.
    try makeDirectories(store.instancesDirectory)
    try changes.add(store.instancesDirectory)
  }

  /// The instances as they are now, oldest first; what changes from now on ends ``wait(milliseconds:)``.
  public func listed() throws -> [ListedInstance] {
    changes.acknowledge()
    for id in store.ids() { try changes.add(store.directory(id)) }
    try store.sweep()
    let listed = store.listed()
    var living: [ProcessIdentity: Monitor] = [:]
    for instance in listed where instance.isActive {
      guard let monitor = instance.monitor else { continue }
      if let known = monitors[monitor] {
        living[monitor] = known
      } else if let pidfd = monitor.open() {
        living[monitor] = Monitor(pidfd)
      }
    }
    monitors = living
    return listed
  }

  /// - Parameter milliseconds: the longest wait; negative for ever.
  public func wait(milliseconds: Int) throws -> Event {
    try signals.wait(
      for: [changes.fd] + monitors.values.map { $0.pidfd.fd }, milliseconds: milliseconds)
  }
}
