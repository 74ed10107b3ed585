import Linux
import Netlink
import Network
import SystemPackage

/// The network side of an instance's monitor: tells the neighbours of new addresses, follows what
/// happens to the parents, and connects and disconnects. It shows as one descriptor, an epoll set of
/// its own, that ``Session`` waits for beside everything else.
final class InterfaceMonitor {
  let record: InstanceRecord
  let claims: NetworkClaims
  var network: NetworkSetup
  /// What the interfaces were made by, in their order.
  var plans: [InterfacePlan]
  /// Names of interfaces that have gone with their parents.
  var lost: Set<String> = []
  var host: NetlinkSocket
  let epoll: Epoll
  /// The DHCP clients of interfaces that have one.
  var keepers: [LeaseKeeper] = []
  /// Of the instance's own namespace, where a router gives it addresses.
  var advertisements: LinkWatch?
  private let announcements: Timer
  /// From the first interface on.
  var news: ParentNews?
  /// Its cgroup, whose want of memory is followed here too.
  private let cgroup: InstanceCgroup?

  enum Key: UInt64 { case announcements, news, links, leases, advertisements, memory }

  /// - Parameters:
  ///   - network: the instance's interfaces, which are made.
  ///   - plans: what they were made by.
  ///   - keepers: the leases that they have.
  init(
    _ record: InstanceRecord, claims: NetworkClaims, network: consuming NetworkSetup,
    plans: [InterfacePlan], keepers: [LeaseKeeper], host: consuming NetlinkSocket,
    cgroup: InstanceCgroup?
  ) throws {
    self.record = record
    self.claims = claims
    self.network = network
    self.plans = plans
    self.host = host
    self.cgroup = cgroup
    epoll = try Epoll()
    announcements = try Timer()
    try epoll.add(announcements.fd, key: Key.announcements.rawValue)
    if let memory = cgroup?.memoryEvents {
      try epoll.addChange(memory, key: Key.memory.rawValue)
    }
    for keeper in keepers { keep(keeper) }
    watchAdvertisements()
    announce()
    try followParents()
  }

  /// Readable when ``wake()`` has something to do.
  var fd: FileDescriptor { epoll.fd }

  /// Does what there is to do. Nothing that goes wrong with the network ends the instance.
  func wake() {
    for key in ((try? epoll.wait(milliseconds: 0)) ?? []).compactMap(Key.init(rawValue:)) {
      switch key {
      case .announcements:
        announcements.acknowledge()
        if network.isAnnouncing {
          network.restFromAnnouncing()
          awaitNextAnnouncement()
        } else {
          announce()
        }
      case .news: hearNews()
      case .links: if news?.passOn() == true { lookAgain() }
      case .leases: keepLeases()
      case .advertisements: followAdvertisements()
      case .memory: cgroup?.noteMemoryKills()
      }
    }
  }

  /// Gives the leases back, unless they are to be had again, and ends the interfaces.
  ///
  /// - Parameter namespaceEnds: with the workload, since nobody else is in it.
  func end(keepingLeases: Bool, namespaceEnds: Bool) {
    if !keepingLeases { releaseLeases() }
    network.end(namespaceEnds: namespaceEnds)
  }

  /// Tells the neighbours now, and again a second later while there is something to tell. What is to be closed
  /// then is closed by the loop, while the workload runs: neither its start nor its end waits for that.
  func announce() {
    network.announce(&host)
    awaitNextAnnouncement()
  }

  private func awaitNextAnnouncement() {
    if network.isAnnouncing {
      try? announcements.set(first: 1)
    } else if network.hasMoreToAnnounce {
      try? announcements.set(first: 1_000_000_000)
    }
  }

  /// Changes what the state says of one interface, and what the hosts files say of its addresses. Not
  /// to be called with the networks held.
  func update(_ interface: String, _ body: (inout InstanceState.NetworkRecord) -> Void) {
    let former = record.state.networks.map(\.addresses)
    try? record.update { state in
      for index in state.networks.indices where state.networks[index].interface == interface {
        body(&state.networks[index])
      }
    }
    if record.state.networks.map(\.addresses) != former {
      try? HostsFiles(record.store).follow(record.state)
    }
  }
}
