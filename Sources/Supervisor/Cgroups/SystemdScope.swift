import Glibc
import Linux
import SystemPackage

/// A transient scope of systemd's with the hierarchy below it delegated to us: where systemd runs it
/// alone makes cgroups at the top (systemd.io, CGROUP_DELEGATION). It goes with its last process.
///
/// The scope is made around this process, the monitor, since a scope needs a process to begin with.
/// The monitor then steps aside into a child of its own, so that the scope's cgroup holds no process
/// itself and its other children can have limits.
struct SystemdScope {
  let name: String
  let slice: String?
  let description: String

  /// The child of the scope that the monitor is in, and that of the instance.
  static let monitorChild = "monitor"
  static let instanceChild = "instance"

  /// busctl(1): StartTransientUnit of org.freedesktop.systemd1(5), `ssa(sv)a(sa(sv))`.
  func command(pid: pid_t) -> [String] {
    var properties = [
      ["Description", "s", description], ["Delegate", "b", "true"],
      ["CollectMode", "s", "inactive-or-failed"], ["PIDs", "au", "1", "\(pid)"],
    ]
    if let slice { properties.append(["Slice", "s", slice]) }
    return [
      "busctl", "--quiet", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
      "org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail",
      "\(properties.count)",
    ] + properties.flatMap(\.self) + ["0"]
  }

  /// Moves this process into the scope.
  ///
  /// - Returns: the path of the instance's cgroup, which is yet to be made.
  func enter(_ hierarchy: CgroupHierarchy) throws -> String {
    try run(command(pid: getpid()))
    // The job is queued when the call returns.
    let deadline = Clock.monotonic() + 10_000_000_000
    while CgroupHierarchy.path()?.hasSuffix("/\(name)") != true {
      guard Clock.monotonic() < deadline else {
        throw SupervisorError(
          "systemd has not made the scope \(name) within 10 s: systemctl status \(name)")
      }
      usleep(5_000)
    }
    guard let path = CgroupHierarchy.path() else {
      throw SupervisorError("/proc is not mounted; swrun needs it")
    }
    let own = try Cgroup(making: "\(path)/\(Self.monitorChild)", in: hierarchy)
    try own.write("\(getpid())", to: "cgroup.procs")
    return "\(path)/\(Self.instanceChild)"
  }

  private func run(_ words: [String]) throws {
    let errors = try DescriptorPair.pipe()
    let null = try Descriptor.null()
    let pid: pid_t
    do {
      pid = try spawn(words[0], words, input: null.fd, output: null.fd, errors: errors.second.fd)
    } catch {
      throw SupervisorError(
        "systemd runs here and hands out the cgroups, and busctl, by which it is asked, cannot be started: \(error.errno). Install it, or choose a place with --cgroup-parent /NAME"
      )
    }
    let reader = errors.first
    _ = consume errors.second
    let said = String(
      decoding: (try? readFile(reader.fd, named: words[0], limit: 1 << 16)) ?? [], as: UTF8.self)
    var status: CInt = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    guard status == 0 else {
      let line = said.split(separator: "\n").first.map(String.init) ?? "it has ended without a word"
      throw SupervisorError("systemd does not make the scope \(name): \(line)")
    }
  }
}
