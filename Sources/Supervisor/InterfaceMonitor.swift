import Linux
import Netlink
import Network
import SystemPackage

/// The network side of an instance's monitor: tells the neighbours of new addresses, and follows what
/// happens to the parents. It shows as one descriptor, an epoll set of its own, that ``Session`` waits
/// for beside everything else.
final class InterfaceMonitor {
  let record: InstanceRecord
  let claims: NetworkClaims
  var network: NetworkSetup
  var plans: [InterfacePlan]
  var host: NetlinkSocket
  private let epoll: Epoll
  private let announcements: Timer
  private var parents: LinkWatch?

  private enum Key: UInt64 { case announcements, parents }

  /// - Parameters:
  ///   - network: the instance's interfaces, which are made.
  ///   - plans: what they were made by.
  init(
    _ record: InstanceRecord, claims: NetworkClaims, network: consuming NetworkSetup,
    plans: [InterfacePlan], host: consuming NetlinkSocket
  ) throws {
    self.record = record
    self.claims = claims
    self.network = network
    self.plans = plans
    self.host = host
    epoll = try Epoll()
    announcements = try Timer()
    try epoll.add(announcements.fd, key: Key.announcements.rawValue)
    announce()
  }

  /// Readable when ``wake()`` has something to do.
  var fd: FileDescriptor { epoll.fd }

  /// Does what there is to do. Nothing that goes wrong with the network ends the instance.
  func wake() {
    for key in ((try? epoll.wait(milliseconds: 0)) ?? []).compactMap(Key.init(rawValue:)) {
      switch key {
      case .announcements:
        announcements.acknowledge()
        announce()
      case .parents: break
      }
    }
  }

  /// Removes the interfaces.
  func end() { network.remove() }

  /// Tells the neighbours now, and again a second later while there is something to tell.
  func announce() {
    if network.announce() { try? announcements.set(first: 1_000_000_000) }
  }
}
