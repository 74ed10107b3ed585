import Linux
import OCI
import Sandbox

/// The namespaces of others, but for that of the network, that an instance is to run in.
struct NamespaceSharing {
  /// The instances whose namespaces these are, by the type.
  private var owners: [String: InstanceState] = [:]
  private var uses: [String: Spec.NamespaceUse] = [:]
  /// What the instance is called where it has the names of others.
  private(set) var hostname: String?

  var hasOwners: Bool { !owners.isEmpty }

  init(_ options: RunOptions, in store: InstanceStore) throws {
    for (type, request) in options.request.attributes.namespaces.sorted(by: { $0.key < $1.key }) {
      switch request {
      case .private: uses[type] = .new
      case .host: uses[type] = .host
      case .path(let path): uses[type] = .joined(path: path)
      case .container(let text):
        let owner = try store.resolve(text)
        guard store.isAlive(owner.id), let process = owner.process, owner.isRunning else {
          throw SupervisorError(
            "--\(type) container:\(text): \(owner.name) is not running; swrun ps lists those that are"
          )
        }
        owners[type] = owner
        uses[type] = .joined(path: "/proc/\(process.pid)/ns/\(type)")
      }
    }
    try takeNames(options)
  }

  private mutating func takeNames(_ options: RunOptions) throws {
    guard let use = uses["uts"], use != .new else { return }
    if options.request.hostname != nil || options.request.domainname != nil {
      throw SupervisorError(
        "--hostname and --domainname would rename \(use == .host ? "the host" : "another") with that --uts; leave one out"
      )
    }
    guard case .joined(let path) = use else {
      hostname = try Linux.hostName()
      return
    }
    guard let namespace = try? Namespace.open(at: path, .uts) else {
      throw SupervisorError("--uts: \(path) is not a UTS namespace that can be opened")
    }
    hostname = try namespace.visit(.uts, "uts") { try Linux.hostName() }
  }

  /// Writes into a spec what is decided.
  func apply(to spec: inout Spec) {
    for (type, use) in uses { spec[namespace: type] = use }
    if let use = uses["uts"], use != .new {
      spec.hostname = nil
      spec.domainname = nil
    }
    // POSIX shared memory is files; those of the host belong to its IPC.
    if uses["ipc"] == .host {
      spec.mounts = spec.mounts.map { mount in
        guard mount.destination == "/dev/shm", mount.type == "tmpfs" else { return mount }
        return Spec.Mount(
          destination: "/dev/shm", type: "bind", source: "/dev/shm",
          options: ["rbind", "nosuid", "nodev", "noexec", "rw"])
      }
    }
  }

  /// Opens all that are joined.
  func open(_ plan: LaunchPlan) throws -> JoinedNamespaces {
    let joined = try JoinedNamespaces(plan.namespaces)
    for (type, owner) in owners {
      // It still is the one that was meant, so the path led to its namespace.
      guard let process = owner.process?.open(), !process.waitForEnd(milliseconds: 0) else {
        throw SupervisorError("--\(type) container:\(owner.name): it has ended meanwhile")
      }
    }
    return joined
  }
}
