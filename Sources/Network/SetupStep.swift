import Glibc
import Linux
import Netlink

/// What is done to an interface that has been made.
enum SetupStep {
  case families(withoutLinkLocal: Bool, tellingNeighbours: Bool)
  case up
  case address(InterfaceAddress)
  case neighbour(Neighbour)
  case route(Route)

  /// The request for it.
  func message(_ name: String, _ index: Int32) -> Message {
    switch self {
    case .families(let withoutLinkLocal, let tellingNeighbours):
      NetlinkSocket.familiesMessage(
        index: index, named: name, withoutLinkLocal: withoutLinkLocal,
        tellingNeighbours: tellingNeighbours)
    case .up: NetlinkSocket.upMessage(index: index, up: true, named: name)
    case .address(let address): NetlinkSocket.message(adding: address, to: index)
    case .neighbour(let neighbour): NetlinkSocket.message(setting: neighbour, on: index)
    case .route(let route): NetlinkSocket.message(adding: route, through: index)
    }
  }
}

extension InterfacePlan {
  /// The steps, in the order in which each finds what it needs.
  func steps(kernelHasIPv6: Bool) -> [SetupStep] {
    let withoutLinkLocal = kernelHasIPv6 && !usesIPv6
    let families: [SetupStep] =
      withoutLinkLocal || kernelAnnounces
      ? [.families(withoutLinkLocal: withoutLinkLocal, tellingNeighbours: kernelAnnounces)] : []
    let addresses = addresses.map(SetupStep.address)
    // The kernel announces what is there when the interface comes up.
    return families + (kernelAnnounces ? addresses + [.up] : [.up] + addresses)
      + neighbours.map(SetupStep.neighbour) + routes.map(SetupStep.route)
  }
}

extension NetworkSetup {
  /// Takes all steps in one write to the kernel. What it refuses is done once more by itself, since what
  /// it needs may have been refused before it: that waits for what can be waited for, and says what is
  /// wrong.
  mutating func take(_ steps: [SetupStep], of plan: InterfacePlan, _ index: Int32) throws {
    for place in try inside.request(each: steps, { $0.message(plan.name, index) }) {
      switch steps[place] {
      case .address(let address):
        try add(address, to: index, plan)
        // It was not there when the interface came up.
        for position in made.indices where made[position].index == index {
          made[position].isAnnounced = false
        }
      case .route(let route):
        do { try inside.addRoute(route, through: index) } catch {
          throw NetworkError("\(plan.name) cannot have the route \(route.text): \(error.reason)")
        }
      case let step: try inside.request(step.message(plan.name, index))
      }
    }
    for step in steps { try FaultPoint.reach("\(plan.name): \(step)") }
  }

  /// The kernel removes the slaves of a namespace that has ended some time after: an address that
  /// such a one still holds is waited for, a second at most.
  mutating func add(
    _ address: InterfaceAddress, to index: Int32, _ plan: InterfacePlan
  ) throws {
    let deadline = Clock.monotonic() + 1_000_000_000
    while true {
      do {
        try inside.addAddress(address, to: index)
        return
      } catch {
        if error.errno == .addressInUse, Clock.monotonic() < deadline {
          usleep(10_000)
          continue
        }
        if error.errno == .addressInUse {
          throw NetworkError(
            "\(address.address) is in use by another slave of \(plan.parent.name) (the kernel says: \(error.reason)). Use another address"
          )
        }
        if error.errno == .permissionDenied, !address.address.isIPv4 {
          throw NetworkError(
            "IPv6 is switched off in this kernel (net.ipv6.conf.*.disable_ipv6); use an IPv4 address"
          )
        }
        if error.errno.rawValue == EOPNOTSUPP || error.errno.rawValue == EAFNOSUPPORT {
          throw NetworkError("this kernel has no IPv6; use an IPv4 address")
        }
        throw NetworkError("\(plan.name) cannot have the address \(address): \(error.reason)")
      }
    }
  }
}
