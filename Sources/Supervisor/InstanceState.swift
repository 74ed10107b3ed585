public import Linux
public import Netlink
public import Network
import OCI
public import Sandbox

/// What is known of an instance: written by its monitor, read by every other command.
public struct InstanceState: Sendable, Decodable {
  public enum Status: String, CaseIterable, Sendable, Decodable {
    /// Recorded, and not started yet.
    case created
    /// Claimed by a monitor; the workload is not there yet.
    case creating
    case running
    /// It runs no further until `swrun unpause`.
    case paused
    /// Its workload has ended, and its monitor launches it again in a moment.
    case restarting
    case exited
    /// It has ended, and something of it could not be removed.
    case dead

    /// Whether nobody watches it.
    var isAtRest: Bool { self == .created || self == .exited || self == .dead }
  }

  /// 64 hex digits.
  public let id: String
  public var name: String
  public let command: [String]
  public var status: Status
  /// What it was before it was started again, until that is done; `nil`: it is new, or runs.
  public var former: Status?
  public var created: Timestamp
  public var started: Timestamp?
  public var finished: Timestamp?
  /// 0 to 255 once it has ended.
  public var exitCode: Int32?
  /// The name of the signal that has ended it, as the exit code tells it.
  public var signal: String?
  /// Why it ended, where that was not the workload's doing.
  public var error: String?
  /// What has gone wrong without ending it: hooks of `poststart` and `poststop` that have failed.
  public var warnings: [String]?
  /// PID 1 of the instance, as the host numbers it.
  public var process: ProcessIdentity?
  /// Who watches it, or did.
  public var monitor: ProcessIdentity?
  public let bootId: String
  public let detached: Bool
  public let terminal: Bool
  /// `--rm`
  public let removed: Bool
  public var networks: [NetworkRecord]
  /// The network namespace that has the parents.
  public let hostNamespace: NamespaceRecord
  /// The instance's own network namespace.
  public var namespace: NamespaceRecord?
  /// `host`, `container:NAME` or `ns:PATH`, where that namespace is not its own.
  public var shared: String?
  public var names: NameRecord?
  /// Of an instance in the background, whose output is logged.
  public var log: LogOptions?
  /// Whether Landlock is in force, and if not, why.
  public var landlock: LandlockRecord?
  /// `nil` where it has none of its own: this machine has no cgroup v2 that swrun can write.
  public var cgroup: CgroupRecord?
  /// Whether the kernel has killed a process of it for want of memory; `nil`: no.
  public var oomKilled: Bool?

  /// `--label`; `nil`: none.
  public var labels: [String: String]?
  /// `--restart`; `nil` in states of before: `no`.
  public var restart: String?
  /// How many times its monitor has launched it again; `nil`: never.
  public var restartCount: Int?
  /// `--stop-signal`
  public var stopSignal: Int32?
  /// `--stop-timeout`, in seconds.
  public var stopTimeout: Int?
  /// With `--health-cmd`.
  public var health: HealthRecord?
  /// Whether it has the PID namespace of others, so that nobody but swrun's init ends what the workload
  /// leaves behind; `nil`: no.
  public var sharesProcesses: Bool?

  /// Whether its last run is over.
  var hasEnded: Bool { status == .exited || status == .restarting || status == .dead }

  /// Why nothing can be done with its workload now.
  func notRunning() -> SupervisorError {
    switch status {
    case .restarting:
      SupervisorError(
        "\(name) is about to be launched again; wait until it runs, or stop it: swrun stop \(name)")
    case .creating: SupervisorError("\(name) is being started; try again in a moment")
    case .created:
      SupervisorError("\(name) has not been started yet: swrun start \(name)")
    default: SupervisorError("\(name) is not running; swrun ps lists those that are")
    }
  }

  /// Of this very record; `nil`, from before there were any: 1.
  public private(set) var version: Int? = Self.currentVersion
  /// What is recorded with another meaning, or needed by who reads it, makes it one more.
  static let currentVersion = 1

  /// The ids of its user namespace, where `--userns auto` may give those outside to nobody else.
  public var userMaps: UserMaps?

  public struct UserMaps: Hashable, Sendable, Decodable {
    public let uids: IDMap
    public let gids: IDMap

    init?(_ namespace: Spec.UserNamespace) {
      guard case .new(let uids, let gids) = namespace else { return nil }
      self.uids = uids
      self.gids = gids
    }
  }

  public struct NamespaceRecord: Hashable, Sendable, Decodable {
    public let device: UInt64
    public let inode: UInt64

    public init(_ identity: FileIdentity) {
      device = identity.device
      inode = identity.inode
    }

    public var identity: FileIdentity { FileIdentity(device: device, inode: inode) }
  }

  /// A lease of DHCP.
  public struct LeaseRecord: Hashable, Sendable, Decodable {
    public let address: InterfaceAddress
    public let server: IPAddress
    /// Who the instance is to the server, option 61 without its type.
    public let clientId: String
    /// When it ends, if it is not prolonged before; `nil`: never.
    public let expires: Timestamp?
    /// What the lease says of the resolver.
    public let nameServers: [IPAddress]
    public let searchDomains: [String]
    /// Bytes.
    public let mtu: UInt32?

    init(_ lease: DhcpLease, clientIdentifier: String, expires: Timestamp?) {
      address = lease.address
      server = lease.server
      clientId = clientIdentifier
      self.expires = expires
      nameServers = lease.nameServers
      searchDomains = lease.searchDomains
      mtu = lease.mtu
    }
  }

  /// What has become of a parent.
  public enum LostParent: String, Hashable, Sendable, Decodable {
    case down, gone
  }

  /// One interface of an instance.
  public struct NetworkRecord: Hashable, Sendable, Decodable {
    /// The defined network that it is on, where it is on one.
    public let name: String?
    /// `ipvlan:eth0:l2`
    public var network: String
    /// The name inside.
    public let interface: String
    public var parent: String
    public var parentIndex: Int32
    /// `10.20.20.2/24`
    public var addresses: [String]
    /// The default routes' gateways; `link` for one that is on-link.
    public var gateways: [String]
    /// Why it is of no use at the moment: its parent is down or has gone.
    public private(set) var fault: String?
    /// Which of the two, while it is of no use.
    public private(set) var lostParent: LostParent?
    /// `alias=`: what it is called there besides.
    public var aliases: [String]?
    /// The host's ports that lead to it; none: `nil`.
    public var ports: [PortBinding]?
    /// What a DHCP server has given it.
    public var lease: LeaseRecord?
    /// Why it has no lease at the moment, where it is to have one; a server is looked for.
    public var waiting: String?

    public init(_ plan: InterfacePlan) {
      name = plan.spec.network
      network = plan.spec.summary
      interface = plan.name
      parent = plan.parent.name
      parentIndex = plan.parent.index
      addresses = plan.addresses.map { "\($0)" }
      ports = plan.published.isEmpty ? nil : plan.published
      gateways = plan.routes.filter(\.isDefault).map { $0.gateway.map { "\($0)" } ?? "link" }
      aliases = plan.spec.aliases.isEmpty ? nil : plan.spec.aliases
    }

    /// - Parameter reason: why it cannot be made again, where that was tried.
    mutating func lose(_ lost: LostParent, _ reason: String? = nil) {
      lostParent = lost
      fault = "\(parent) \(lost == .down ? "is down" : "has gone")\(reason.map { ": \($0)" } ?? "")"
    }

    mutating func recover() {
      lostParent = nil
      fault = nil
    }
  }
}
