import CMnl
import Glibc
import Linux

/// What has gone through an interface since it was made.
public struct LinkTraffic: Hashable, Sendable, Encodable {
  public let interface: String
  public let receivedBytes: UInt64
  public let receivedPackets: UInt64
  public let receiveErrors: UInt64
  public let receiveDropped: UInt64
  public let sentBytes: UInt64
  public let sentPackets: UInt64
  public let sendErrors: UInt64
  public let sendDropped: UInt64
}

extension NetlinkSocket {
  /// The traffic of each interface of the socket's namespace but the loopback.
  public mutating func traffic() throws(NetlinkError) -> [LinkTraffic] {
    try dump {
      var message = Message(.getLink, .dump, about: "traffic")
      message.putHeader(ifinfomsg())
      return message
    } _: { payload in
      Self.traffic(payload)
    }
  }

  /// From the payload of `RTM_NEWLINK`: `IFLA_STATS64`, the beginning of `struct rtnl_link_stats64`,
  /// linux/if_link.h.
  static func traffic(_ payload: ArraySlice<UInt8>) -> LinkTraffic? {
    guard payload.count >= 16,
      payload.integer(at: 8, as: UInt32.self) & UInt32(IFF_LOOPBACK) == 0
    else { return nil }
    let attributes = Attributes(payload.dropFirst(16))
    guard let counters = attributes.bytes(.linkStatistics), counters.count >= 64 else {
      return nil
    }
    func counter(_ place: Int) -> UInt64 { counters[...].integer(at: 8 * place, as: UInt64.self) }
    return LinkTraffic(
      interface: attributes.string(.linkName) ?? "", receivedBytes: counter(2),
      receivedPackets: counter(0), receiveErrors: counter(4), receiveDropped: counter(6),
      sentBytes: counter(3), sentPackets: counter(1), sendErrors: counter(5),
      sendDropped: counter(7))
  }
}
