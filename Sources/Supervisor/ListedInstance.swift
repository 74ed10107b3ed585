import Linux
public import Network

/// What is told of an instance by whatever knows its status and its interfaces.
public protocol InstanceSummary {
  var id: String { get }
  var status: InstanceState.Status { get }
  var networks: [InstanceState.NetworkRecord] { get }
  /// `host`, `container:NAME` or `ns:PATH`, where its network namespace is not its own.
  var shared: String? { get }
}

extension InstanceSummary {
  /// Whether its workload is there, paused or not.
  public var isRunning: Bool { status == .running || status == .paused }

  /// Whether it has something of the host: all but those at rest.
  public var isActive: Bool { !status.isAtRest }

  /// The interfaces' networks, by name where they have one.
  public var networkNames: [String] {
    if let shared { return [shared] }
    return networks.map { record in
      let name = record.name ?? record.network
      if let lost = record.lostParent { return "\(name) (parent \(lost.rawValue))" }
      return record.waiting == nil ? name : "\(name) (no lease)"
    }
  }

  /// The host's ports that lead to the instance now.
  public var publishedPorts: [PortBinding] {
    isActive ? networks.flatMap { $0.ports ?? [] } : []
  }

  /// The first 12 digits, as listings show them.
  public var shortID: String { String(id.prefix(12)) }
}

/// What can be read where a state is recorded.
protocol RecordedState: Decodable {
  var id: String { get }
  var version: Int? { get }
  /// What is read of a state's members; `nil`: all.
  static var members: [String]? { get }
}

extension InstanceState: InstanceSummary, RecordedState {
  static var members: [String]? { nil }
}

/// The members of a state that a list shows, which takes half the time to read. They mean the same as
/// those of ``InstanceState``.
public struct ListedInstance: InstanceSummary, RecordedState, Sendable {
  public let id: String
  public let name: String
  public let command: [String]
  public let status: InstanceState.Status
  public let created: Timestamp
  public let started: Timestamp?
  public let finished: Timestamp?
  public let exitCode: Int32?
  public let process: ProcessIdentity?
  public let networks: [InstanceState.NetworkRecord]
  public let shared: String?
  public let oomKilled: Bool?
  public let labels: [String: String]?
  public let restartCount: Int?
  public let health: HealthRecord?
  let monitor: ProcessIdentity?
  let version: Int?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case id, name, command, status, created, started, finished, exitCode, process, networks, shared
    case oomKilled, labels, restartCount, health, monitor, version
  }

  static let members: [String]? = CodingKeys.allCases.map(\.rawValue)

  init(_ state: InstanceState) {
    id = state.id
    name = state.name
    command = state.command
    status = state.status
    created = state.created
    started = state.started
    finished = state.finished
    exitCode = state.exitCode
    process = state.process
    networks = state.networks
    shared = state.shared
    oomKilled = state.oomKilled
    labels = state.labels
    restartCount = state.restartCount
    health = state.health
    monitor = state.monitor
    version = state.version
  }
}
