import CMnl
import Glibc
import Linux

/// What has gone through interfaces since they were made, in bytes.
public struct LinkTraffic: Hashable, Sendable {
  public var received: UInt64 = 0
  public var sent: UInt64 = 0

  public init() {}
}

extension NetlinkSocket {
  /// The traffic of all interfaces of the socket's namespace but the loopback together.
  public mutating func traffic() throws(NetlinkError) -> LinkTraffic {
    let each = try dump {
      var message = Message(.getLink, .dump, about: "traffic")
      message.putHeader(ifinfomsg())
      return message
    } _: { payload in
      Self.traffic(payload)
    }
    return each.reduce(into: LinkTraffic()) {
      $0.received += $1.received
      $0.sent += $1.sent
    }
  }

  /// From the payload of `RTM_NEWLINK`: `IFLA_STATS64`, `struct rtnl_link_stats64`, which begins with
  /// packets received and sent, then bytes received and sent.
  static func traffic(_ payload: ArraySlice<UInt8>) -> LinkTraffic? {
    guard payload.count >= 16,
      payload.integer(at: 8, as: UInt32.self) & UInt32(IFF_LOOPBACK) == 0,
      let counters = Attributes(payload.dropFirst(16)).bytes(.linkStatistics),
      counters.count >= 32
    else { return nil }
    var traffic = LinkTraffic()
    traffic.received = counters[...].integer(at: 16, as: UInt64.self)
    traffic.sent = counters[...].integer(at: 24, as: UInt64.self)
    return traffic
  }
}
