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
  private let parents: LinkWatch
  private let control: ControlSocket
  /// Its cgroup, whose want of memory is followed here too.
  private let cgroup: InstanceCgroup?
  /// Of an instance in the background.
  private let attachments: Attachments?

  enum Key: UInt64 { case announcements, parents, control, leases, advertisements, memory }

  /// - Parameters:
  ///   - network: the instance's interfaces, which are made.
  ///   - plans: what they were made by.
  ///   - keepers: the leases that they have.
  init(
    _ record: InstanceRecord, claims: NetworkClaims, network: consuming NetworkSetup,
    plans: [InterfacePlan], keepers: [LeaseKeeper], host: consuming NetlinkSocket,
    cgroup: InstanceCgroup?, attachments: Attachments?
  ) throws {
    self.record = record
    self.claims = claims
    self.network = network
    self.plans = plans
    self.host = host
    self.cgroup = cgroup
    self.attachments = attachments
    epoll = try Epoll()
    announcements = try Timer()
    parents = try LinkWatch()
    control = try ControlSocket(in: record.store.directory(record.state.id))
    try epoll.add(announcements.fd, key: Key.announcements.rawValue)
    try epoll.add(parents.fd, key: Key.parents.rawValue)
    try epoll.add(control.fd, key: Key.control.rawValue)
    if let memory = cgroup?.memoryEvents {
      try epoll.addChange(memory, key: Key.memory.rawValue)
    }
    for keeper in keepers { keep(keeper) }
    watchAdvertisements()
    announce()
    // What has happened before the watch began.
    lookAgain()
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
      case .parents: for event in parents.events() { follow(event) }
      case .control: control.serve(answer) { attachments?.add($0) }
      case .leases: keepLeases()
      case .advertisements: followAdvertisements()
      case .memory: cgroup?.noteMemoryKills()
      }
    }
  }

  private func answer(_ request: ControlRequest) -> ControlReply {
    do {
      switch request {
      case .connect(let network): return ControlReply(interface: try connect(network))
      case .disconnect(let network): return ControlReply(interface: try disconnect(network))
      case .pause(let paused): try ownCgroup().pause(paused)
      case .update(let resources): try ownCgroup().update(resources)
      case .attach: return ControlReply(takesInput: try takesInput())
      }
    } catch { return ControlReply(error: "\(error)") }
    return ControlReply()
  }

  private func takesInput() throws -> Bool {
    let name = record.state.name
    guard let attachments else {
      throw SupervisorError(
        "\(name) runs in the foreground: its output goes to where it was started from")
    }
    guard attachments.hasRoom else {
      throw SupervisorError(
        "\(Attachments.mostClients) are attached to \(name) already. Detach one of them, or read its output: swrun logs -f \(name)"
      )
    }
    return attachments.takesInput
  }

  private func ownCgroup() throws -> InstanceCgroup {
    guard let cgroup else { throw SupervisorError(CgroupPlacement.noCgroup(of: record.state.name)) }
    return cgroup
  }

  /// Gives the leases back and removes the interfaces.
  func end() {
    releaseLeases()
    network.remove()
  }

  /// Tells the neighbours now, and again a second later while there is something to tell.
  func announce() {
    if network.announce(&host) { try? announcements.set(first: 1_000_000_000) }
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
