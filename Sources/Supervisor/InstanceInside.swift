import Linux
import Netlink
import Network

/// What a running instance has at the moment, as `swrun inspect` shows it beside what is recorded.
public struct InstanceInside: Sendable, Encodable {
  public struct Interface: Hashable, Sendable, Encodable {
    public let name: String
    public let index: Int32
    /// `02:00:00:00:00:01`; `nil` where it has none.
    public let hardwareAddress: String?
    /// Bytes.
    public let mtu: UInt32
    public let up: Bool
    /// `10.20.20.2/24`, also those that the workload has given itself.
    public let addresses: [String]
  }

  /// All of its network namespace; `nil` where that is others' too, or cannot be entered.
  public let interfaces: [Interface]?
  /// As the host numbers them; `nil` where the instance has no cgroup.
  public let pids: [Int32]?

  /// `nil` where the instance does not run.
  public init?(_ state: InstanceState, in store: InstanceStore) {
    guard state.isRunning, store.isAlive(state.id), let process = state.process,
      let pidfd = process.open()
    else { return nil }
    let isOwn = state.shared == nil
    interfaces = withExtendedLifetime(pidfd) {
      isOwn ? try? Self.interfaces(of: process.pid) : nil
    }
    pids = try? ProcessList(store).processes(of: state).map(\.pid)
  }

  private static func interfaces(of pid: Int32) throws -> [Interface] {
    let namespace = try Namespace(path: "/proc/\(pid)/ns/net")
    var socket = try NetlinkSocket.inside(namespace)
    let addresses = try socket.addresses()
    return try socket.links().map { link in
      Interface(
        name: link.name, index: link.index,
        hardwareAddress: link.hardwareAddress.isEmpty || link.isLoopback
          ? nil : hardwareText(link.hardwareAddress),
        mtu: link.mtu, up: link.isUp,
        addresses: addresses.filter { $0.interface == link.index }.map { "\($0.address)" })
    }
  }
}
