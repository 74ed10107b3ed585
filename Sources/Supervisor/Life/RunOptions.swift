public import Network
public import OCI
public import Sandbox

/// What `swrun run` is asked for.
public struct RunOptions: Sendable {
  public var request: RunRequest
  public var networks: [NetworkSpec] = []
  /// `-p`
  public var ports: [PublishedPort] = []
  public var name: String?
  /// `-d`
  public var detached = false
  /// `--detach-keys`: this command is attached to an instance in the background.
  public var detachKeys: DetachKeys?
  /// `--rm`
  public var removed = false
  /// `-i`
  public var interactive = false
  /// `--label`
  public var labels: [String: String] = [:]
  /// Not `--no-init`
  public var usesInit = true

  /// `--bundle`: the directory of an OCI bundle, which then says what is run and how.
  public var bundle: String?
  public var names = NameOptions()
  /// Of what is detached.
  public var log = LogOptions()
  public var userNamespace: UserNamespaceRequest?
  public var life = LifeOptions()
  /// The words that asked for all this, which `swrun start` reads again.
  public var words: [String] = []
  /// What the service manager has opened for it.
  public var sockets: PassedSockets?
  /// What `swrun update` has made of the limits; `nil`: nothing.
  public var resources: Spec.Resources?

  public init(request: RunRequest) { self.request = request }
}

/// What `swrun run` is told of an instance's end and of what follows it.
public struct LifeOptions: Hashable, Sendable {
  /// `--restart`
  public var restart = RestartPolicy.no
  /// `--stop-signal`: what `stop` sends.
  public var stopSignal: Int32 = 15
  /// `--stop-timeout`: seconds that `stop` waits before SIGKILL; negative for ever.
  public var stopTimeout = 10
  /// `--timeout`: seconds after which a run is killed.
  public var timeout: Int?
  /// `--cidfile`: gets the id.
  public var idFile: String?
  /// `--pid-file`: has the number of the instance's PID 1 while it runs.
  public var pidFile: String?
  public var health: HealthPlan?
  /// `--sdnotify`
  public var notify = NotifyMode.container

  public init() {}
}
