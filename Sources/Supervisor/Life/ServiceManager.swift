import Glibc
import Linux
import OCI
import SystemPackage

/// Who tells the service manager that the instance is ready: `--sdnotify`, with Podman's words.
public enum NotifyMode: String, CaseIterable, Sendable {
  /// The workload, by a socket of its own.
  case container
  /// The monitor, once the workload has been started.
  case conmon
  /// The monitor, once the workload is healthy.
  case healthy
  /// Nobody.
  case ignore
}

/// The service manager that swrun was started by, sd_notify(3).
struct ServiceManager {
  private let address: String

  /// That of `NOTIFY_SOCKET`; `nil` where there is none.
  ///
  /// - Throws: for an address of another kind than a path or an abstract name.
  static func find() throws(SupervisorError) -> ServiceManager? {
    guard let text = getenv("NOTIFY_SOCKET").map({ String(cString: $0) }), !text.isEmpty else {
      return nil
    }
    // `sun_path` has 108 bytes, with a NUL at one end.
    guard text.hasPrefix("/") || text.hasPrefix("@"), text.utf8.count < 108 else {
      throw SupervisorError(
        "NOTIFY_SOCKET is \(text.debugDescription), which is no socket's path or @NAME, sd_notify(3). Unset it, or use --sdnotify ignore"
      )
    }
    return ServiceManager(address: text)
  }

  /// Tells it. One that does not listen is no reason to end.
  func tell(_ lines: [String]) {
    try? UnixSocket.send(Array(lines.joined(separator: "\n").utf8), to: address)
  }

  /// What of a message of the workload's is the workload's to say. It is one process of many and does not
  /// know what it is called outside, so that MAINPID, descriptors and barriers are not.
  static func passed(_ message: [UInt8]) -> [String] {
    let keys: Set<Substring> = [
      "READY", "RELOADING", "STOPPING", "STATUS", "ERRNO", "BUSERROR", "EXIT_STATUS", "WATCHDOG",
      "EXTEND_TIMEOUT_USEC", "MONOTONIC_USEC",
    ]
    return String(decoding: message, as: UTF8.self).split(separator: "\n").filter { line in
      guard let end = line.firstIndex(of: "=") else { return false }
      return keys.contains(line[..<end]) && line.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
    }.map(String.init)
  }
}

/// The socket by which the workload tells the service manager of itself.
final class NotifySocket {
  private let socket: Descriptor
  static let name = "notify.sock"
  /// Where it is inside.
  static let place = "/run/notify/notify.sock"
  /// Bytes; systemd's own limit.
  private static let longest = 4096
  /// So many are taken at once, so that who floods us keeps us from nothing.
  private static let most = 16

  init(in directory: String) throws {
    let place = try Descriptor.open(directory, O_RDONLY | O_DIRECTORY)
    socket = try UnixSocket.datagrams(Self.name, in: place.fd)
    // For every user of the instance; nobody else reaches the directory.
    try check("fchmodat", Self.name, fchmodat(place.fd.rawValue, Self.name, 0o666, 0))
  }

  var fd: FileDescriptor { socket.fd }

  /// The messages that have come.
  func take() -> [[UInt8]] {
    var messages: [[UInt8]] = []
    while messages.count < Self.most, let message = try? fd.readSome(Self.longest) {
      messages.append(message)
    }
    return messages
  }

  /// Puts it into a spec.
  static func mount(_ spec: inout Spec, from directory: String) {
    spec.mounts.append(
      Spec.Mount(
        destination: place, type: "bind", source: "\(directory)/\(name)",
        options: ["ro", "nosuid", "nodev", "noexec"]))
    spec.process.env.removeAll { $0.hasPrefix("NOTIFY_SOCKET=") }
    spec.process.env.append("NOTIFY_SOCKET=\(place)")
  }
}

extension Monitor {
  /// To be called when the workload runs.
  func tellStart() {
    guard let serviceManager else { return }
    let ready = options.life.notify == .conmon ? ["READY=1"] : []
    serviceManager.tell(["MAINPID=\(getpid())"] + ready)
  }

  /// Hands on what the workload says.
  func passNotifications() {
    for message in notifications?.take() ?? [] {
      let lines = ServiceManager.passed(message)
      if !lines.isEmpty { serviceManager?.tell(lines) }
    }
  }
}
