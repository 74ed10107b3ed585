import Glibc
import Linux
import Netlink
import Network
import OCI

/// What an instance has that nobody else can have, from its claim until its monitor ends: the id and
/// name, the lock that says that it lives, addresses and ports.
struct Claim: ~Copyable {
  /// Decided once more, with what the others have.
  var userNamespace: Spec.UserNamespace
  var host: NetlinkSocket
  var plans: [InterfacePlan]
  var record: InstanceRecord
  var lock: FileLock
  var ports: PortReservation

  /// Decides what is shared with other instances while nobody else can.
  ///
  /// - Parameter former: the state of an instance that is recorded and does not live, to be started
  ///   again; `nil` for a new one.
  static func take(_ preparation: Preparation, again former: InstanceState?) throws -> Claim {
    let store = preparation.store
    let shared = try store.hold()
    let sweeper = Sweeper(store)
    // Ports lead to an instance that was killed until it is put right.
    if preparation.options.ports.isEmpty {
      let isSwept = try sweeper.sweepSome(shared)
      do { return try take(preparation, again: former, isQuick: true) } catch {
        guard error is NetworkError || error is SupervisorError else { throw error }
        // Who is in the way may have been killed.
        if !isSwept { try sweeper.sweepHolding(shared) }
      }
    } else {
      try sweeper.sweepHolding(shared)
    }
    return try take(preparation, again: former, isQuick: false)
  }

  /// - Parameter isQuick: see ``NetworkClaims/plan(_:beside:publishing:isQuick:)``.
  private static func take(
    _ preparation: Preparation, again former: InstanceState?, isQuick: Bool
  ) throws -> Claim {
    let (store, options, draft) = (preparation.store, preparation.options, preparation.draft)
    let id = options.request.id
    let claims = NetworkClaims(store: store, id: id)
    var spec = draft.spec
    if draft.users.isShared { spec.userNamespace = try draft.users.namespace() }
    let needsNetworks = options.networks.contains { $0.kind.makesInterface }
    let networks = needsNetworks ? try claims.hold(options.networks) : nil
    if needsNetworks { try store.hostResources().check() }
    var plans = try claims.plan(
      options.networks, publishing: options.ports, isQuick: isQuick)
    let ports = PortReservation()
    let name = try former.map { try store.reclaim($0) } ?? store.claim(id, name: options.name)
    do {
      var host = try NetlinkSocket()
      let lock = try FileLock.hold(store.lockPath(id))
      // The exit code of the last time.
      if former != nil { try check("ftruncate", "lock", ftruncate(lock.fd.rawValue, 0)) }
      plans = try claims.takeResources(plans, &host, ports: ports)
      let gateway =
        draft.names.asksForHost
        ? try HostGateway.addresses(
          plans, sharesHost: draft.sharing?.network == .host, &host) : []
      var state = try InstanceState(options, spec, name: name, status: .creating)
      if let former {
        state.created = former.created
        state.former = former.status
      }
      state.monitor = ProcessIdentity(pid: getpid())
      state.networks = plans.map(InstanceState.NetworkRecord.init)
      state.shared = draft.sharing?.summary
      state.landlock = draft.landlock
      if draft.users.claimsIDs {
        state.userMaps = InstanceState.UserMaps(spec.userNamespace)
      }
      state.names = draft.names.record(hostGateway: gateway)
      // Before it is made, so that who comes after a crash knows where to look.
      if case .directory(let path) = preparation.placement?.place {
        state.cgroup = CgroupRecord(path: path)
      }
      try draft.names.make(state, in: store)
      try store.write(spec, of: id)
      // Who waits for a foreground instance's end asks for no unit of it.
      if former == nil, options.detached || !options.removed {
        try store.write(RunRecord(options, state))
      }
      if options.life.restart.outlivesReboot { try store.keepForReboot(id) }
      let record = InstanceRecord(store, state, again: former)
      try record.write()
      // Who is on no defined network has its names already, and others need not hear of it.
      if plans.contains(where: { $0.spec.network != nil }) { try claims.takeLeases(plans) }
      _ = consume networks
      return Claim(
        userNamespace: spec.userNamespace, host: host, plans: plans, record: record, lock: lock,
        ports: ports)
    } catch {
      if networks != nil, var host = try? NetlinkSocket() {
        claims.giveBack(plans.map(InstanceState.NetworkRecord.init), user: id, &host)
      }
      if let former { try? store.write(former) } else { try? store.remove(id, name: name) }
      throw error
    }
  }

  /// Records an instance that is not started yet: its id and name are taken, and nothing else.
  ///
  /// - Parameter time: when that was done first.
  static func record(_ preparation: Preparation, created time: Timestamp) throws {
    let (store, options) = (preparation.store, preparation.options)
    let id = options.request.id
    // What could not be started is not recorded.
    let plans = try NetworkClaims(store: store, id: id)
      .plan(options.networks, publishing: options.ports)
    let shared = try store.hold()
    try Sweeper(store).sweepHolding(shared)
    let name = try store.claim(id, name: options.name)
    do {
      var state = try InstanceState(options, preparation.spec, name: name, status: .created)
      state.created = time
      state.shared = preparation.draft.sharing?.summary
      // Addresses that nobody chose are taken by the start.
      state.networks = plans.map {
        var record = InstanceState.NetworkRecord($0)
        if $0.spec.addresses.isEmpty { record.addresses = [] }
        return record
      }
      try store.write(preparation.spec, of: id)
      try store.write(RunRecord(options, state))
      try store.write(state)
      store.tell(Event.changes(from: nil, to: state, at: .now))
    } catch {
      try? store.unclaim(id, name: name)
      throw error
    }
  }
}

extension InstanceState {
  /// A new one, with what is known of it before anything is made.
  init(_ options: RunOptions, _ spec: Spec, name: String, status: Status) throws {
    guard let host = FileIdentity(path: "/proc/self/ns/net") else {
      throw SupervisorError("/proc is not mounted; swrun needs it")
    }
    self.init(
      id: options.request.id, name: name, command: spec.process.args, status: status, created: .now,
      bootId: try bootIdentity(), detached: options.detached, terminal: spec.process.terminal,
      removed: options.removed, networks: [], hostNamespace: .init(host))
    if options.detached { log = options.log }
    labels = options.labels.isEmpty ? nil : options.labels
    restart = options.life.restart.text
    stopSignal = options.life.stopSignal
    stopTimeout = options.life.stopTimeout
    sharesProcesses = spec[namespace: "pid"] == .new ? nil : true
  }
}
