import ArgumentParser
import Network
import Supervisor

struct NetworkCreate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Define a network.",
    discussion: """
      The definition outlives a reboot. The parent is looked for when an instance is run.

      OPTIONS OF THE DRIVERS, with --opt; Docker's spellings are taken as well
        parent=INTERFACE     eth0.20 makes the VLAN 20 of eth0, and removes it after its last use; \
      without a parent the network has a dummy of its own, and its instances are among themselves
        mode=MODE            ipvlan: l2 (default), l3, l3s; macvlan: bridge (default), private, vepa, passthru
        flag=FLAG            ipvlan: bridge (default), private, vepa
        bridge=INTERFACE     bridge: the name of the bridge that is made (default: sw-NAME)
        mtu=BYTES
        probe=yes            ask the LAN for an address before it is given to an instance (1 s)
        host-access          ipvlan: the host and the instances reach each other
        proxy-arp            ipvlan l3s: the host answers ARP and NDP for the instances
      With --driver bridge the network has a bridge of its own, which the host routes and masquerades \
      for; it is made with the first instance and removed with the last. Its gateway is the host.
      Networks on one parent have one driver, and with ipvlan one mode and flag: the kernel keeps one \
      for all slaves of a parent. Their subnets do not overlap.

      THE GATEWAY defaults to the host's where that lies in the subnet, else to the subnet's first \
      address, which no instance is then given. In l3 and l3s there is none.

      EXAMPLES
        swrun network create --subnet 10.20.20.0/24 --gateway 10.20.20.1 --opt parent=eth0 lan
        swrun network create --subnet 10.20.20.0/24 --ip-range 10.20.20.128/25 \\
          --aux-address printer=10.20.20.200 --subnet fd20::/64 --opt parent=eth0 --opt mode=l2 lan
        swrun network create --driver bridge --subnet 10.30.0.0/24 --subnet fd30::/64 web
      """)

  @Option(
    name: [.customShort("d"), .customLong("driver")],
    help: ArgumentHelp("ipvlan, macvlan or bridge.", valueName: "driver"))
  var driver = "ipvlan"

  @Option(
    name: .customLong("subnet"),
    help: ArgumentHelp("A subnet; may be repeated, also IPv6.", valueName: "address/prefix"))
  var subnets: [String] = []

  @Option(
    name: .customLong("gateway"),
    help: ArgumentHelp("The gateway of the subnet that it is in, or none.", valueName: "address"))
  var gateways: [String] = []

  @Option(
    name: .customLong("ip-range"),
    help: ArgumentHelp(
      "The part of its subnet that free addresses are taken from.", valueName: "address/prefix"))
  var ranges: [String] = []

  @Option(
    name: .customLong("aux-address"),
    help: ArgumentHelp("An address that no instance is given.", valueName: "name=address"))
  var auxiliary: [String] = []

  @Option(
    name: .customLong("ipam-driver"),
    help: ArgumentHelp(
      "Who gives addresses: default (swrun, of the subnets) or dhcp (a server behind the parent; then there is no subnet).",
      valueName: "driver"))
  var ipamDriver: String?

  @Option(
    name: [.customShort("o"), .customLong("opt")],
    help: ArgumentHelp("An option of the driver.", valueName: "key=value"))
  var options: [String] = []

  @Option(
    name: .customLong("label"),
    help: ArgumentHelp("A note for whoever reads it.", valueName: "key[=value]"))
  var labels: [String] = []

  @Flag(
    name: .customLong("internal"),
    help:
      "Nothing leads out: the instances are among themselves, on a dummy in place of the parent.")
  var isInternal = false

  @OptionGroup var state: StateOptions

  @Argument(help: "The network's name.")
  var name: String

  mutating func run() throws {
    var request = NetworkRequest(name: name)
    request.driver = driver
    request.subnets = subnets
    request.gateways = gateways
    request.ranges = ranges
    request.auxiliary = auxiliary
    request.options = options
    request.ipamDriver = ipamDriver
    request.labels = labels
    request.isInternal = isInternal
    try Networks(try state.store()).create(request)
    print(name)
  }
}
