import Linux
import Netlink

/// An ipvlan slave: an interface with the parent's MAC address and its own IP addresses,
/// Documentation/networking/ipvlan.rst.
public struct Ipvlan: Hashable, Sendable {
  /// `IPVLAN_MODE_*` of linux/if_link.h.
  public enum Mode: String, CaseIterable, Sendable, Decodable {
    case l2, l3, l3s

    var number: UInt16 {
      switch self {
      case .l2: 0
      case .l3: 1
      case .l3s: 2
      }
    }
  }

  /// Whether the slaves of a parent reach one another, `IPVLAN_F_*`.
  public enum Flag: String, CaseIterable, Sendable, Decodable {
    case bridge, `private`, vepa

    var number: UInt16 {
      switch self {
      case .bridge: 0
      case .private: 1
      case .vepa: 2
      }
    }
  }

  public let parent: String
  public let mode: Mode
  public let flag: Flag

  public init(parent: String, mode: Mode = .l2, flag: Flag = .bridge) {
    self.parent = parent
    self.mode = mode
    self.flag = flag
  }

  /// From `ipvlan:PARENT[:MODE[:FLAG]]`, split at its colons.
  init(_ words: [String]) throws(NetworkError) {
    guard words.count > 1, !words[1].isEmpty else {
      throw NetworkError(
        "--net ipvlan needs a parent: ipvlan:PARENT[:MODE[:FLAG]], for example ipvlan:eth0:l2")
    }
    let modes = Mode.allCases.map(\.rawValue)
    let flags = Flag.allCases.map(\.rawValue)
    let modeText = words.count > 2 ? words[2] : "l2"
    let flagText = words.count > 3 ? words[3] : "bridge"
    guard let mode = Mode(rawValue: modeText) else {
      throw NetworkError(
        "unknown ipvlan mode \(quoted(modeText))\(suggestion(for: modeText, in: modes)): the modes are "
          + modes.joined(separator: ", "))
    }
    guard let flag = Flag(rawValue: flagText) else {
      throw NetworkError(
        "unknown ipvlan flag \(quoted(flagText))\(suggestion(for: flagText, in: flags)): the flags are "
          + flags.joined(separator: ", "))
    }
    self.init(parent: words[1], mode: mode, flag: flag)
  }
}

extension Ipvlan: LinkDriver {
  var kind: String { "ipvlan" }

  /// In l3 and l3s the host routes: the slave has neither neighbours nor broadcasts.
  var hasNeighbours: Bool { mode == .l2 }

  var hasOwnHardwareAddress: Bool { false }

  /// Both are always sent: the kernel would else take l3, and the flag of the slaves that are there.
  func putData(into message: inout Message) {
    message.put(.ipvlanMode, mode.number)
    message.put(.ipvlanFlags, flag.number)
  }

  var explanation: String { "type ipvlan mode \(mode.rawValue) \(flag.rawValue)" }

  func check(_ parent: Link) throws(NetworkError) {
    if parent.kind == "ipvlan" {
      throw NetworkError(
        "\(parent.name) is itself an ipvlan slave and cannot be a parent. Use the interface it is on"
      )
    }
  }

  /// The kernel keeps one mode and one flag for all slaves of a parent; the last that is made
  /// changes them for all (`ipvlan_link_new`, drivers/net/ipvlan/ipvlan_main.c).
  func checkAgainst(_ others: [Slave]) throws(NetworkError) {
    let flipped = others.filter { $0.ipvlanMode != mode.number }
    if let first = flipped.first {
      throw NetworkError(
        "\(parent) carries ipvlan in mode \(Self.name(ofMode: first.ipvlanMode)) (\(list(flipped.map(\.owner)))), and the kernel keeps one mode for all slaves of a parent: \(mode.rawValue) would change theirs. Use \(Self.name(ofMode: first.ipvlanMode)), or another parent"
      )
    }
    let reflagged = others.filter { $0.ipvlanFlags != flag.number }
    if let first = reflagged.first {
      throw NetworkError(
        "\(parent) carries ipvlan with the flag \(Self.name(ofFlag: first.ipvlanFlags)) (\(list(reflagged.map(\.owner)))), and the kernel keeps one flag for all slaves of a parent: \(flag.rawValue) would change theirs. Use \(Self.name(ofFlag: first.ipvlanFlags)), or another parent"
      )
    }
  }

  /// A mode that a later kernel has added is shown by its number.
  static func name(ofMode number: UInt16?) -> String {
    Mode.allCases.first { $0.number == number }?.rawValue ?? number.map { "\($0)" } ?? "unknown"
  }

  static func name(ofFlag number: UInt16?) -> String {
    Flag.allCases.first { $0.number == number }?.rawValue ?? number.map { "\($0)" } ?? "unknown"
  }
}
