import Linux
import TestSupport
import Testing

@Suite("bad input", .serialized)
struct RefusalTests {
  static let cases: [([String], String)] = [
    (["--net", "ipvla:eth0"], "unknown network kind \"ipvla\" (did you mean ipvlan?)"),
    (["--net", "ipvlan:eth0:l4"], "unknown ipvlan mode \"l4\" (did you mean l2?)"),
    (["--net", "ipvlan:eth0:l2:brige"], "unknown ipvlan flag \"brige\" (did you mean bridge?)"),
    (["--net", "macvlan:eth0:brigde"], "unknown macvlan mode \"brigde\" (did you mean bridge?)"),
    (["--net", "macvlan:eth0,mut=1400"], "(did you mean mtu?)"),
    (["--net", "macvlan:eth0:bridge:private"], "private is too much"),
    (["--net", "macvlan:eth0", "--ip", "10.20.20"], "is not an IP address"),
    (["--net", "macvlan:eth0", "--ip", "10.20.20.0"], "is the network address"),
    (["--net", "macvlan:eth0", "--ip", "10.20.20.255"], "is the broadcast address"),
    (["--net", "macvlan:eth0", "--ip", "10.20.20.2/33"], "out of range"),
    (["--net", "macvlan:eth0", "--ip", "10.20.20.2/0"], "out of range"),
    (["--net", "macvlan:eth0", "--ip", "10.20.20.5"], "is the host's own address (on eth0)"),
    (["--net", "macvlan:eth0", "--ip", "127.0.0.1"], "loopback"),
    (["--net", "macvlan:eth0"], "needs an address"),
    (["--ip", "10.20.20.2"], "--ip needs a --net"),
    (
      ["--net", "macvlan:eth0", "--ip", "10.20.20.2", "--gateway", "10.9.9.1"],
      "outside the subnet 10.20.20.0/24"
    ),
    (["--net", "macvlan:eth7", "--ip", "10.20.20.2"], "there is eth0, eth1"),
    (["--net", "macvlan:lo", "--ip", "10.20.20.2"], "loopback"),
    (["--name", "-x"], "is not a name"), (["--name", "a/../b"], "is not a name"),
    (["--nmae", "x"], "did you mean --name?"),
    (["-v", "/nowhere:/tmp"], "/nowhere does not exist"), (["-v", "a:b"], "absolute"),
    (["-v", "/etc:/nowhere"], "cannot be made in a read-only root"),
    (["-u", "nosuchuser"], "no user is called"), (["-w", "/nosuchdirectory"], "cannot be entered"),
  ]

  @Test("is answered with one line and 125, and nothing is changed", arguments: cases)
  func refused(_ options: [String], _ text: String) throws {
    try World.with { world in
      let result = try world.swrun(options.map { $0 == "-x" ? "=x" : $0 } + ["--", "true"])
      #expect(result.code == 125, "\(result)")
      #expect(result.output == "")
      #expect(result.errors.hasPrefix("swrun: "))
      #expect(result.errors.split(separator: "\n").count == 1)
      #expect(result.errors.contains(text), "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a parent that is down is named, and ,up brings it up")
  func down() throws {
    try World.with { world in
      try world.ip("-n", world.hostName, "link", "set", "eth1", "down")
      let refused = try world.swrun(
        "--rm", "--net", "macvlan:eth1", "--ip", "10.9.9.2", "--", "true")
      #expect(refused.code == 125)
      #expect(refused.errors.contains("eth1 is down") && refused.errors.contains(",up"))
      let done = try world.swrun(
        "--rm", "--net", "macvlan:eth1,up", "--ip", "10.9.9.2", "--", "true")
      #expect(done.code == 0, "\(done)")
    }
  }

  /// Whether this kernel can make an ipvlan slave at all.
  private static func kernelHasIpvlan() -> Bool {
    let probe =
      "unshare -n sh -c 'ip link add d0 type dummy && ip link add link d0 name i0 type ipvlan'"
    return (try? command(["sh", "-c", probe]).code) == 0
  }

  @Test(
    "a kernel without ipvlan is named, and what to do",
    .enabled(if: !kernelHasIpvlan(), "this kernel has ipvlan"))
  func driver() throws {
    try World.with { world in
      let result = try world.swrun("--net", "ipvlan:eth0", "--ip", "10.20.20.2", "--", "true")
      #expect(result.code == 125)
      #expect(result.errors.contains("this kernel has no ipvlan driver"), "\(result)")
      #expect(result.errors.contains("modprobe ipvlan"))
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a parent in a bridge is refused, with the bridge's name")
  func bridged() throws {
    try World.with { world in
      try world.ip("-n", world.hostName, "link", "add", "br7", "type", "bridge")
      try world.ip("-n", world.hostName, "link", "set", "eth1", "master", "br7")
      let refused = try world.swrun(
        "--rm", "--net", "macvlan:eth1", "--ip", "10.9.9.2", "--", "true")
      #expect(refused.code == 125)
      #expect(refused.errors.contains("it is in the bridge br7"), "\(refused)")
      try world.ip("-n", world.hostName, "link", "del", "br7")
    }
  }

  @Test("a name, an address or an id prefix that is not one instance's is refused")
  func taken() throws {
    try World.with { world in
      let network = ["--net", "macvlan:eth0", "--ip", "10.20.20.2"]
      #expect(
        try world.swrun(["-d", "--name", "one"] + network + ["--", "sleep", "1000"]).code == 0)
      let name = try world.swrun("-d", "--name", "one", "--", "sleep", "1000")
      #expect(name.code == 125 && name.errors.contains("the name one is in use"))
      let address = try world.swrun(["-d", "--name", "two"] + network + ["--", "sleep", "1000"])
      #expect(address.code == 125 && address.errors.contains("10.20.20.2 is in use by one"))
      let missing = try world.swrun("stop", "two")
      #expect(missing.code == 125 && missing.errors.contains("no instance is called \"two\""))
      for _ in 0..<17 { _ = try world.swrun("--", "true") }
      // Of eighteen ids two begin with the same digit.
      let ids = try world.swrun("ps", "-aq").lines
      let twice = try #require(
        Dictionary(grouping: ids) { $0.prefix(1) }.first { $0.value.count > 1 })
      let ambiguous = try world.swrun("inspect", String(twice.key))
      #expect(ambiguous.code == 125 && ambiguous.errors.contains("the beginning of several ids"))
    }
  }

  @Test("who has no privilege is told which")
  func privilege() throws {
    try World.with { world in
      let result = try command(
        [
          "setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set", "-all", World.binary,
          "--net", "macvlan:eth0", "--ip", "10.20.20.2", "--", "true",
        ],
        environment: world.environment)
      #expect(result.code == 125)
      #expect(result.errors.contains("uid 65534 lacks CAP_NET_ADMIN"), "\(result)")
    }
  }
}
