public import Netlink

/// A subnet of a defined network, and what of it may be given to instances.
public struct AddressPool: Hashable, Sendable {
  /// The network address and its prefix.
  public let subnet: InterfaceAddress
  /// Where addresses that nobody chose are taken from (`--ip-range`); `nil` for the whole subnet.
  public var range: InterfaceAddress?
  /// Where the default route leads.
  public var gateway = NetworkSpec.Gateway.automatic
  /// Whether the slaves have gateways at all; those of a routed mode have none.
  public var hasNeighbours = true
  /// Addresses that other machines have (`--aux-address`), by name.
  public var auxiliary: [String: IPAddress] = [:]
  /// Addresses that instances have.
  public var leased: Set<IPAddress> = []

  public init(subnet: InterfaceAddress) { self.subnet = subnet }

  /// The first and the last address that an instance may have: not the subnet's own and not the one
  /// for broadcasts; a subnet of one or two addresses has neither (RFC 3021, RFC 6164). `nil` where the
  /// range has nothing else.
  private var usable: ClosedRange<UInt128>? {
    let wide = subnet.prefix < subnet.address.bitCount - 1
    let least = subnet.network.value + (wide ? 1 : 0)
    let most = subnet.last.value - (wide && subnet.address.isIPv4 ? 1 : 0)
    guard let range else { return least...most }
    let first = max(least, range.network.value)
    let last = min(most, range.last.value)
    return first <= last ? first...last : nil
  }

  /// Whether there is an address that an instance could have.
  public var hasAny: Bool { usable != nil }

  /// The gateway, also the one that an instance would be given for want of a better.
  public var reservedGateway: IPAddress? {
    guard hasNeighbours else { return nil }
    switch gateway {
    case .none: return nil
    case .address(let address): return address
    case .automatic:
      return subnet.prefix < subnet.address.bitCount - 1 ? subnet.network.next : nil
    }
  }

  /// All that is not free.
  private var taken: Set<UInt128> {
    var taken = Set(leased.map(\.value))
    taken.formUnion(auxiliary.values.map(\.value))
    if let gateway = reservedGateway { taken.insert(gateway.value) }
    return taken
  }

  /// The lowest address that is free; `nil` where there is none.
  ///
  /// - Parameter others: addresses that somebody else has.
  public func lowestFree(avoiding others: Set<IPAddress>) -> IPAddress? {
    let taken = taken.union(
      others.lazy.filter { $0.isIPv4 == subnet.address.isIPv4 }.map(\.value))
    guard let usable else { return nil }
    var candidate = usable.lowerBound
    while taken.contains(candidate) {
      if candidate == usable.upperBound { return nil }
      candidate += 1
    }
    return IPAddress(value: candidate, isIPv4: subnet.address.isIPv4)
  }

  /// How many addresses instances have.
  public var usedCount: Int { leased.count }

  /// How many are free for an instance that does not choose.
  ///
  /// - Parameter others: addresses that somebody else has.
  public func freeCount(avoiding others: Set<IPAddress> = []) -> UInt128 {
    guard let usable else { return 0 }
    let taken = taken.union(
      others.lazy.filter { $0.isIPv4 == subnet.address.isIPv4 }.map(\.value))
    let all = (usable.upperBound - usable.lowerBound).addingReportingOverflow(1)
    let gone = UInt128(taken.count { usable.contains($0) })
    return (all.overflow ? .max : all.partialValue) - gone
  }
}
