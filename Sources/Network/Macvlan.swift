import Linux
import Netlink

/// A macvlan slave: an interface on the parent with a MAC address of its own.
public struct Macvlan: Hashable, Sendable {
  /// `MACVLAN_MODE_*` of linux/if_link.h.
  public enum Mode: String, CaseIterable, Sendable {
    case bridge, `private`, vepa, passthru

    var number: UInt32 {
      switch self {
      case .private: 1
      case .vepa: 2
      case .bridge: 4
      case .passthru: 8
      }
    }
  }

  public let parent: String
  public let mode: Mode

  public init(parent: String, mode: Mode = .bridge) {
    self.parent = parent
    self.mode = mode
  }

  /// From `macvlan:PARENT[:MODE]`, split at its colons.
  init(_ words: [String]) throws(NetworkError) {
    guard words.count > 1, !words[1].isEmpty else {
      throw NetworkError(
        "--net macvlan needs a parent: macvlan:PARENT[:MODE], for example macvlan:eth0")
    }
    let modes = Mode.allCases.map(\.rawValue)
    let text = words.count > 2 ? words[2] : "bridge"
    guard let mode = Mode(rawValue: text) else {
      throw NetworkError(
        "unknown macvlan mode \(quoted(text))\(suggestion(for: text, in: modes)): the modes are "
          + modes.joined(separator: ", "))
    }
    self.init(parent: words[1], mode: mode)
  }
}

extension Macvlan: LinkDriver {
  var kind: String { "macvlan" }

  var hasNeighbours: Bool { true }

  var hasOwnHardwareAddress: Bool { true }

  func putData(into message: inout Message) {
    message.put(.macvlanMode, mode.number)
  }

  var explanation: String { "type macvlan mode \(mode.rawValue)" }

  func check(_ parent: Link) throws(NetworkError) {
    if parent.kind == "macvlan" {
      throw NetworkError(
        "\(parent.name) is itself a macvlan slave and cannot be a parent. Use the interface it is on"
      )
    }
  }

  /// Each macvlan slave has its own mode.
  func checkAgainst(_: [Slave]) {}
}
