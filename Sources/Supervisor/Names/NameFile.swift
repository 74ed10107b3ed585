import Linux
import OCI
import Sandbox
import SystemPackage

/// A file that tells an instance of names; swrun makes it in the instance's directory and mounts it.
///
/// It is read-only inside, unlike Docker's: swrun writes it anew as instances come and go, a file that
/// could be written would be memory of the host's without a limit, and one instance's words must not
/// become another's (`--net container:NAME` shares the files).
enum NameFile: String, CaseIterable {
  case resolver = "resolv.conf"
  case hosts, hostname

  var destination: String { "/etc/\(rawValue)" }

  func mount(from directory: String) -> Spec.Mount {
    Spec.Mount(
      destination: destination, type: "bind", source: "\(directory)/\(rawValue)",
      options: ["ro", "nosuid", "nodev", "noexec"])
  }

  /// Whether a mount of the spec's own has the place, or all of `/etc`.
  func isCovered(in spec: Spec) -> Bool {
    spec.mounts.contains { mount in
      let place = FilePath(mount.destination).lexicallyNormalized().string
      return place == destination || place == "/etc"
    }
  }

  /// Whether it can be mounted without anything being made in a read-only root: it is there, or it is
  /// a link into a fresh directory.
  func hasPlace(in spec: Spec) -> Bool {
    // The place is made.
    if !spec.root.readonly { return true }
    if RootView(spec.root.path).has(destination) { return true }
    let path = "\(spec.root.path == "/" ? "" : spec.root.path)\(destination)"
    guard let target = try? readLink(path) else { return false }
    let place = FilePath("/etc").pushing(FilePath(target)).lexicallyNormalized().string
    return spec.mounts.contains { $0.type == "tmpfs" && place.hasPrefix("\($0.destination)/") }
  }
}
