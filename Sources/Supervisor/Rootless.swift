import CLinux
import Glibc
import Linux
import Network
import OCI
import Sandbox
import SystemPackage

/// swrun without root: it puts itself into a user namespace in which the caller is root, and goes on
/// there as root does. Each instance has a user namespace of its own below that one, so that its root
/// is none over its monitor.
struct Rootless {
  private let store: InstanceStore

  init(_ store: InstanceStore) { self.store = store }

  /// The ids that this process has, or will have once it has ``obtain(_:bundle:)``ed its privileges:
  /// a plan is made without.
  static func view() throws -> UserNamespaceView {
    if Privilege.missing.isEmpty { return try UserNamespaceView() }
    let (uid, gid) = (geteuid(), getegid())
    let (uids, gids) =
      try SubordinateMaps(uid: uid, gid: gid)?.maps
      ?? (
        IDMap([.init(inside: 0, outside: uid, size: 1)]),
        IDMap([.init(inside: 0, outside: gid, size: 1)])
      )
    return UserNamespaceView(uids: uids, gids: gids)
  }

  /// Sees to it that this process has the privileges to run an instance. Where it has to get them, the
  /// program begins anew, and does not return from here.
  ///
  /// - Parameter specs: the networks, of which some need privileges that nobody can get.
  func obtain(_ specs: [NetworkSpec], bundle: String?) throws {
    if Privilege.missing.isEmpty { return }
    var sharesHost = false
    for spec in specs {
      switch spec.kind {
      case .none: break
      case .host: sharesHost = true
      case .container(let text): try join(try store.resolve(text))
      default:
        throw SupervisorError(
          "--net \(spec.summary): uid \(geteuid()) lacks CAP_NET_ADMIN over the host's network. Run swrun with sudo, or use --net none or --net host"
        )
      }
    }
    if let bundle {
      switch try Spec(bundle: bundle).networkNamespace {
      case .new: break
      case .host: sharesHost = true
      case .joined(let path):
        throw SupervisorError(
          "the bundle joins the network \(path), over which uid \(geteuid()) lacks CAP_SYS_ADMIN. Run swrun with sudo, or change linux.namespaces in its config.json"
        )
      }
    }
    try store.prepare()
    try makeNamespaces(sharesHost ? [.user, .mount] : [.user, .mount, .network])
  }

  /// The same for what is done in a running instance.
  func obtain(in state: InstanceState) throws {
    if !Privilege.missing.isEmpty { try join(state) }
  }

  private func makeNamespaces(_ kinds: NamespaceKinds) throws -> Never {
    let program = try readLink("/proc/self/exe")
    let (uid, gid) = (geteuid(), getegid())
    let subordinates = try SubordinateMaps(uid: uid, gid: gid)
    // The kernel gives the maps of a process that others may not look at to root.
    swrun_prctl(4, 1, 0, 0, 0)
    do {
      let helper = try subordinates.map { maps throws in try maps.begin() }
      try check("unshare", "", unshare(CInt(truncatingIfNeeded: kinds.rawValue)))
      switch consume helper {
      case .some(let helper): try helper.finish()
      case .none:
        // Without it groups could be left that take rights away, user_namespaces(7).
        for (file, text) in [
          ("setgroups", "deny"), ("uid_map", "0 \(uid) 1\n"), ("gid_map", "0 \(gid) 1\n"),
        ] {
          let target = try Descriptor.open("/proc/self/\(file)", O_WRONLY)
          try target.fd.writeEverything(Array(text.utf8))
        }
      }
    } catch let error as SystemError {
      throw Self.explain(error)
    }
    try begin(program)
  }

  /// Goes to where the monitor of an instance is.
  private func join(_ state: InstanceState) throws -> Never {
    let program = try readLink("/proc/self/exe")
    guard store.isAlive(state.id), let own = state.monitor, let monitor = own.open() else {
      throw SupervisorError("\(state.name) is not running; swrun ps lists those that are")
    }
    var kinds: NamespaceKinds = [.user, .mount]
    if FileIdentity(path: "/proc/\(own.pid)/ns/net")
      != FileIdentity(path: "/proc/self/ns/net")
    {
      kinds.insert(.network)
    }
    do { try monitor.enterNamespaces(kinds) } catch {
      throw SupervisorError(
        "the namespaces of \(state.name)'s monitor cannot be entered: \(error.errno)")
    }
    try begin(program)
  }

  /// Begins the program anew, with the same words, as root of the user namespace, and sealed.
  private func begin(_ program: String) throws -> Never {
    setenv("SWRUN_ROOT", store.root, 1)
    setenv("SWRUN_STATE_DIR", store.stateDirectory, 1)
    do { try Executable.seal(program) } catch let error as SystemError {
      throw Self.explain(error)
    }
  }

  /// Systems forbid user namespaces in several ways.
  static func explain(_ error: SystemError, root: String = "/proc/sys") -> SupervisorError {
    let switches = [
      ("kernel/unprivileged_userns_clone", "0"), ("user/max_user_namespaces", "0"),
      ("kernel/apparmor_restrict_unprivileged_userns", "1"),
    ]
    for (path, value) in switches {
      guard let text = try? readText("\(root)/\(path)"),
        text.split(separator: "\n").first == value[...]
      else { continue }
      let name = path.split(separator: "/").joined(separator: ".")
      return SupervisorError(
        "without root swrun needs a user namespace, which this system forbids: sysctl \(name) is \(value). Have root change it, or run swrun with sudo"
      )
    }
    if error.errno.rawValue == ENOSPC {
      return SupervisorError(
        "without root swrun needs a user namespace, and there are too many: sysctl user.max_user_namespaces limits them. Have root raise it, or run swrun with sudo"
      )
    }
    return SupervisorError(
      "without root swrun needs a user namespace, which this system does not allow (\(error)). Run swrun with sudo"
    )
  }
}
