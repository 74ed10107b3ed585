import Glibc
import Linux
import Netlink
import SystemPackage

/// Tells the monitors that have parents in one network namespace when something has become of a parent. Of
/// each message that the kernel sends of any interface it asks all that listen anywhere on the machine
/// (`netlink_broadcast_filtered`, net/netlink/af_netlink.c), so that each listener is felt by every start.
/// Therefore one of the monitors listens, and the others wait for its word, on a FIFO:
///
///     ROOT/links/DEVICE-INODE
///
/// Who listens holds the lock of its writing end. However that monitor ends, the kernel closes it, which the
/// others see, and one of them takes its place.
final class ParentNews {
  private let store: InstanceStore
  private let host: FileIdentity
  /// The reading end. What is written is never read by those that wait: each is told when more comes.
  private let fifo: Descriptor
  /// Where this monitor is the one that listens.
  private var writingEnd: FileLock?
  private var watch: LinkWatch?
  /// The interfaces that were told of, as they are.
  private var known: [Int32: Link] = [:]

  /// Listens where nobody does, and else waits for word.
  ///
  /// - Parameters:
  ///   - host: the network namespace of the parents, which this process is in.
  ///   - epoll: gets what it waits for.
  ///   - word: the key for ``takePlace(in:key:)`` to be called.
  ///   - links: that for ``passOn()``.
  init(
    _ store: InstanceStore, on host: FileIdentity, in epoll: borrowing Epoll, word: UInt64,
    links: UInt64
  ) throws {
    self.store = store
    self.host = host
    fifo = try Self.open("\(store.root)/links", "\(host.device)-\(host.inode)")
    try takePlace(in: epoll, key: links)
    if !listens { try epoll.addArrival(fd, key: word) }
  }

  private var fd: FileDescriptor { fifo.fd }

  /// Whether this monitor is the one that listens.
  var listens: Bool { writingEnd != nil }

  private static func open(_ directory: String, _ name: String) throws(SystemError) -> Descriptor {
    let path = "\(directory)/\(name)"
    let flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW
    do { return try Descriptor.open(path, flags) } catch {
      guard error.errno == .noSuchFileOrDirectory else { throw error }
    }
    try makeDirectories(directory)
    if mkfifo(path, 0o600) != 0, errno != EEXIST { throw SystemError("mkfifo", path) }
    return try Descriptor.open(path, flags)
  }

  /// Listens from now on, where nobody does.
  ///
  /// - Parameter key: see `links` of ``init(_:on:in:word:links:)``.
  func takePlace(in epoll: borrowing Epoll, key: UInt64) throws(SystemError) {
    if writingEnd == nil {
      guard
        let free = try FileLock.take("/proc/self/fd/\(fd.rawValue)", O_WRONLY | O_NONBLOCK)
      else { return }
      // Kept even where the rest fails: if it were closed, the others would hear, and fail alike.
      writingEnd = consume free
    }
    guard watch == nil else { return }
    let watch = try LinkWatch()
    try epoll.add(watch.fd, key: key)
    self.watch = consume watch
    epoll.remove(fd)
    // What has happened since the one before has ended, nobody knows.
    tell()
  }

  /// Reads what the kernel tells, and gives the others word where it may matter to an instance.
  ///
  /// - Returns: whether it may.
  func passOn() -> Bool {
    var changed: Set<Int32> = []
    var isKnown = true
    for event in watch?.events() ?? [] {
      switch event {
      case .missed:
        known = [:]
        isKnown = false
      case .removed(let link):
        known[link.index] = nil
        changed.insert(link.index)
      case .changed(let link):
        // The kernel tells of a parent, too, whenever a slave of it comes or goes.
        if known.updateValue(link, forKey: link.index)?.isAlike(link) != true {
          changed.insert(link.index)
        }
      }
    }
    if isKnown {
      if changed.isEmpty { return false }
      if let parents = store.recordedSlaves(on: host)?.parents, !parents.contains(0),
        parents.isDisjoint(with: changed)
      {
        return false
      }
    }
    tell()
    return true
  }

  private func tell() {
    // So that there is always room, and always something.
    _ = try? fd.readSome(1 << 12)
    try? writingEnd?.fd.writeEverything([0])
  }
}
