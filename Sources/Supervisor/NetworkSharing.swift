import Glibc
import Linux
import Network
import OCI

/// The network namespace of others that an instance runs in: `--net host`, `container:NAME`,
/// `ns:PATH`, or what a bundle says of it.
struct NetworkSharing {
  /// As `swrun ps` shows it.
  let summary: String
  let network: Spec.NamespaceUse
  /// The instance whose namespace it is.
  let owner: InstanceState?
  private let store: InstanceStore

  /// What is asked for; `nil` for a namespace of its own.
  ///
  /// - Parameter bundle: what the bundle says, where there is one.
  init?(
    _ networks: [NetworkSpec], bundle: Spec.NamespaceUse?, in store: InstanceStore
  ) throws {
    self.store = store
    if let bundle, bundle != .new, let first = networks.first {
      throw SupervisorError(
        "--net \(first.summary): the bundle says itself that it \(bundle == .host ? "shares the host's network" : "joins a network namespace"). Change linux.namespaces in its config.json, or leave --net out"
      )
    }
    // That one of these stands alone is for the planner to say.
    switch networks.first?.kind {
    case .host:
      (summary, network, owner) = ("host", .host, nil)
    case .namespace(let path):
      (summary, network, owner) = ("ns:\(path)", .joined(path: path), nil)
    case .container(let text):
      let instance = try store.resolve(text)
      guard instance.isRunning, store.isAlive(instance.id),
        let process = instance.process
      else {
        throw SupervisorError(
          "--net container:\(text): \(instance.name) is not running; swrun ps lists those that are")
      }
      owner = instance
      summary = "container:\(instance.name)"
      network = .joined(path: "/proc/\(process.pid)/ns/net")
    case nil:
      owner = nil
      switch bundle {
      case .host: (summary, network) = ("host", .host)
      case .joined(let path): (summary, network) = ("ns:\(path)", .joined(path: path))
      case .new, nil: return nil
      }
    default: return nil
    }
  }

  /// Opens the namespace that is joined; `nil` for the host's.
  func open() throws -> Namespace? {
    guard case .joined(let path) = network else { return nil }
    guard let owner else {
      do {
        if let namespace = try Namespace.network(at: path) { return .some(namespace) }
      } catch {
        throw SupervisorError("--net \(summary): \(path) cannot be opened: \(error.errno)")
      }
      throw SupervisorError(
        "--net \(summary): \(path) is not a network namespace; ip netns lists those in /run/netns")
    }
    try store.noteVisitor(of: owner.id)
    guard let process = owner.process?.open(), let namespace = try? Namespace(path: path),
      // The process still is the one that was meant, so the path led to its namespace.
      !process.waitForEnd(milliseconds: 0)
    else { throw SupervisorError("--net \(summary): \(owner.name) has ended meanwhile") }
    return .some(namespace)
  }

  /// Whether the files of names are another's, or made once from the host's.
  var followsOther: Bool { owner != nil || network == .host }

  func ownerHas(_ file: NameFile) -> Bool {
    guard let owner else { return false }
    return FileIdentity(path: "\(store.directory(owner.id))/\(file.rawValue)") != nil
  }

  /// What ip-netns(8) gives who enters the namespace in place of the host's resolv.conf.
  var resolverFiles: [String]? {
    guard case .joined(let path) = network, owner == nil else { return nil }
    for directory in ["/run/netns/", "/var/run/netns/"] where path.hasPrefix(directory) {
      let file = "/etc/netns/\(path.dropFirst(directory.count))/resolv.conf"
      if FileIdentity(path: file) != nil { return [file] }
    }
    return nil
  }
}

extension InstanceStore {
  /// Is there from the first time on that somebody else comes into the network namespace of an instance, who
  /// may stay in it when the instance ends.
  private func visitorMark(_ id: String) -> String { "\(directory(id))/visited" }

  /// To be called before the namespace is opened, while the instance lives.
  func noteVisitor(of id: String) throws(SystemError) {
    _ = try Descriptor.open(visitorMark(id), O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
  }

  /// - Returns: whether there was one. To be called when the instance has ended: then no other comes.
  func forgetVisitors(of id: String) -> Bool { unlink(visitorMark(id)) == 0 }
}
