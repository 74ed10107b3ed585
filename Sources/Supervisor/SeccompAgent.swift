import CLinux
import Glibc
import JSON
import Linux
import OCI
import SystemPackage

/// The program of the user's that answers for `SCMP_ACT_NOTIFY`, reached before anything is launched.
///
/// Source: runtime-spec config-linux.md, The Container Process State.
struct SeccompAgent: ~Copyable {
  private let socket: Descriptor?
  private let metadata: String?

  /// - Throws: where nobody listens at the profile's `listenerPath`.
  init(_ profile: SeccompProfile?) throws(SupervisorError) {
    guard let profile, profile.needsListener, let path = profile.listenerPath else {
      socket = nil
      metadata = nil
      return
    }
    metadata = profile.listenerMetadata
    do { socket = try UnixSocket.connectStream(path) } catch {
      throw SupervisorError(
        "the seccomp profile's listenerPath \(path) cannot be connected to: \(error.errno). Start its agent first"
      )
    }
  }

  private struct Message: Encodable {
    let ociVersion: String
    let fds = ["seccompFd"]
    let pid: Int32
    let metadata: String?
    let state: State

    struct State: Encodable {
      let ociVersion: String
      let id: String
      let status: String
      let pid: Int32
      let bundle: String
      let annotations: [String: String]?
    }
  }

  /// Sends the listener with what it is of.
  ///
  /// - Parameters:
  ///   - pid: the process whose filter it is.
  ///   - instance: PID 1 of the instance.
  ///   - status: `creating` for the workload, `running` for a process of `exec`.
  borrowing func give(
    _ listener: borrowing Descriptor, pid: Int32, _ spec: Spec, id: String, instance: Int32,
    status: String, bundle: String
  ) throws {
    guard let socket = view(self.socket) else {
      throw SupervisorError("a seccomp listener came that nobody has asked for")
    }
    let message = Message(
      ociVersion: spec.ociVersion, pid: pid, metadata: metadata,
      state: .init(
        ociVersion: spec.ociVersion, id: id, status: status, pid: instance, bundle: bundle,
        annotations: spec.annotations))
    let bytes = try JSON.text(message)
    try check(
      "sendmsg", "the seccomp agent",
      swrun_send_with_fd(socket.rawValue, bytes, bytes.count, listener.fd.rawValue))
  }
}
