import TestSupport
import Testing

@Suite("the LAN is asked first, with ipvlan", .serialized)
struct ProbeTests {
  /// A slave would not hear the answers, which go to the MAC address that all of them share: the parent
  /// does, also while it carries others.
  @Test("an address in use is found from a parent that carries slaves already")
  func conflict() throws {
    try World.with { world in
      try world.ip("-n", world.lanName, "addr", "add", "10.20.20.3/24", "dev", "p0")
      try world.ip("-n", world.lanName, "addr", "add", "fd20::2/64", "dev", "p0", "nodad")
      let mac = try command([
        "ip", "netns", "exec", world.lanName, "cat", "/sys/class/net/p0/address",
      ]).lines[0]
      let created = try world.swrun(
        "network", "create", "--subnet", "10.20.20.0/24", "--subnet", "fd20::/64", "--opt",
        "parent=eth0", "--opt", "probe=yes", "lan")
      try #require(created.code == 0, "\(created)")
      for name in ["one", "two"] {
        let run = try world.swrun("-d", "--rm", "--name", name, "--net", "lan", "--", "sleep", "99")
        try #require(run.code == 0, "\(run)")
      }
      let rows = try world.swrun("ps").output
      #expect(rows.contains(" 10.20.20.2/24,fd20::3/64 "), "\(rows)")
      #expect(rows.contains(" 10.20.20.4/24,fd20::4/64 "), "\(rows)")
      let refused = try world.swrun(
        "--probe", "--net", "ipvlan:eth0:l2", "--ip", "10.20.20.3", "--", "true")
      #expect(refused.code == 125)
      #expect(refused.errors.contains("10.20.20.3 is in use on the LAN behind eth0, by \(mac)"))
      // A VLAN of the parent is another LAN.
      for words in [
        ["link", "add", "link", "p0", "name", "p0.20", "up", "type", "vlan", "id", "20"],
        ["addr", "add", "10.20.30.9/24", "dev", "p0.20"],
      ] {
        let result = try command(["ip", "-n", world.lanName] + words)
        try #require(result.code == 0, "\(result)")
      }
      let blue = try world.swrun(
        "network", "create", "--subnet", "10.20.30.0/24", "--opt", "parent=eth0.20", "--opt",
        "probe=yes", "blue")
      try #require(blue.code == 0, "\(blue)")
      let tagged = try world.swrun("--net", "blue", "--ip", "10.20.30.9", "--", "true")
      #expect(tagged.code == 125)
      #expect(tagged.errors.contains("in use on the LAN behind eth0.20, by \(mac)"), "\(tagged)")
    }
  }
}
