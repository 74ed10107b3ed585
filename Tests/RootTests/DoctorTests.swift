import Glibc
import Linux
import TestSupport
import Testing

@Suite("doctor and gc", .serialized)
struct DoctorTests {
  private func create(_ world: World, _ name: String, _ words: String) throws {
    let words = words.split(separator: " ").map(String.init)
    let result = try world.swrun(["network", "create", "--driver", "macvlan"] + words + [name])
    #expect(result.code == 0, "\(result)")
  }

  /// What doctor says, without what this kernel lacks.
  private func problems(_ world: World, _ words: String...) throws -> [String] {
    try world.swrun(["doctor"] + words).lines.filter {
      $0.hasPrefix("problem") && !$0.contains("kernel:")
    }
  }

  @Test("a host where all is well has no problem, and doctor changes nothing")
  func healthy() throws {
    try World.with { world in
      let result = try world.swrun("doctor")
      #expect(try problems(world) == [], "\(result)")
      #expect(result.output.contains("ok       eth0: it can carry ipvlan"))
      #expect(result.output.contains("ok       privilege"))
      // Whether ipvlan is a problem is the kernel's matter; the exit code says whether one was found.
      #expect(result.code == (result.lines.contains { $0.hasPrefix("problem") } ? 1 : 0))
      #expect(directoryEntries("\(world.directory)/lib") == [])
      #expect(directoryEntries("\(world.directory)/run") == [])
      let json = try world.swrun("doctor", "--format", "json", "eth0").output
      #expect(json.contains("\"grade\": \"ok\"") && json.contains("\"subject\": \"eth0\""))
      let missing = try world.swrun("doctor", "eth7")
      #expect(missing.code == 125 && missing.errors.contains("no interface is called \"eth7\""))
    }
  }

  @Test("a parent that is down, in a bridge, or taken is named, with the command that frees it")
  func parents() throws {
    try World.with { world in
      try world.ip("-n", world.hostName, "link", "set", "eth1", "down")
      #expect(try world.swrun("doctor").output.contains("note     eth1: it is down"))
      #expect(try problems(world, "eth1") == ["problem  eth1: it is down"])
      #expect(try world.swrun("doctor", "eth1").output.contains("ip link set eth1 up"))
      try world.ip("-n", world.hostName, "link", "add", "br7", "up", "type", "bridge")
      try world.ip("-n", world.hostName, "link", "set", "eth1", "up", "master", "br7")
      #expect(try problems(world, "eth1")[0].contains("it is in the bridge br7"))
      try world.ip("-n", world.hostName, "link", "del", "br7")
      #expect(try problems(world, "eth1") == [])
      // Another tool's slave, in another namespace.
      try world.ip(
        "-n", world.hostName, "link", "add", "foreign", "link", "eth1", "netns", world.lanName,
        "type",
        "macvlan")
      #expect(
        try problems(world, "eth1")[0].contains(
          "it carries macvlan (foreign in network namespace \(world.lanName)), and so no ipvlan"))
      try world.ip("-n", world.lanName, "link", "del", "foreign")
      // An instance of our own.
      _ = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth1", "--ip", "10.9.9.2", "--", "sleep", "1000")
      #expect(try problems(world, "eth1")[0].contains("it carries macvlan (web), and so no ipvlan"))
      #expect(try problems(world, "lo")[0].contains("it is the loopback"))
    }
  }

  @Test("settings and definitions that stand in the way are named")
  func settings() throws {
    try World.with { world in
      try create(world, "later", "--subnet 10.9.9.0/24 --opt parent=eth5")
      try create(world, "six", "--subnet fd20::/64 --opt parent=eth0")
      #expect(try problems(world) == ["problem  later: the network's parent eth5 is not there"])
      _ = try world.host("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
      #expect(try problems(world)[0].contains("IPv6 is switched off, and six needs it"))
      _ = try world.host("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0")
      _ = try world.host("sysctl", "-qw", "net.ipv4.conf.eth0.proxy_arp=1")
      #expect(try world.swrun("doctor").output.contains("sysctl -w net.ipv4.conf.eth0.proxy_arp=0"))
      let bad = "\(world.directory)/lib/networks/bad.json"
      try writeAtomically([0x7b], to: bad)
      #expect(try problems(world).contains { $0.contains("\(bad) cannot be used") })
      // Doctor only looks: the next that works with networks keeps it aside.
      #expect(try readText(bad) == "{")
      _ = try world.swrun("network", "ls")
      #expect(
        try world.swrun("doctor").output.contains("note     network: \(bad).corrupt was kept aside")
      )
    }
  }

  @Test(
    "what somebody has taken away from instances, and rules that drop what they forward, are named")
  func taken() throws {
    try World.with { world in
      let run = try world.swrun(
        "-d", "--rm", "--name", "web", "--net", "bridge", "--", "sleep", "1000")
      #expect(run.code == 0, "\(run)")
      #expect(try problems(world).filter { $0.contains("taken") || $0.contains("drops") } == [])
      _ = try world.host("sysctl", "-qw", "net.ipv4.conf.eth0.forwarding=0")
      let taken = try problems(world).joined(separator: "\n")
      #expect(taken.contains("somebody has taken it away: forwarding eth0"), "\(taken)")
      _ = try world.host("sysctl", "-qw", "net.ipv4.conf.eth0.forwarding=1")
      let rules = try world.host(
        "nft",
        "add table ip strict; add chain ip strict gate { type filter hook forward priority 0; policy drop; }"
      )
      #expect(rules.code == 0, "\(rules)")
      let dropped = try problems(world).joined(separator: "\n")
      #expect(dropped.contains("the chain ip strict gate drops"), "\(dropped)")
      _ = try world.host("nft", "delete", "table", "ip", "strict")
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("what was left of instances is found by doctor, shown by --dry-run and removed by gc")
  func garbage() throws {
    try World.with { world in
      try create(world, "lan", "--subnet 10.20.20.0/24 --opt parent=eth0")
      for name in ["dead", "alive"] {
        #expect(
          try world.swrun("-d", "--name", name, "--net", "lan", "--", "sleep", "1000").code == 0)
      }
      let pid = try world.pid("dead")
      let status = try readText("/proc/\(pid)/status").split(separator: "\n")
      let monitor = status.first { $0.hasPrefix("PPid:") }?.split(separator: "\t").last
      Glibc.kill(try #require(monitor.flatMap { Int32($0) }), SIGKILL)
      #expect(eventually { ProcessIdentity(pid: pid) == nil })

      let gone = String(repeating: "0", count: 64)
      let run = "\(world.directory)/run"
      let lib = "\(world.directory)/lib"
      let leases = try #require(directoryEntries("\(lib)/leases/lan").first)
      symlink("\(run)/instances/\(gone)", "\(lib)/leases/lan/\(leases)/10.20.20.77")
      try makeDirectories("\(lib)/leases/lan/another-boot")
      try makeDirectories("\(lib)/logs/\(gone)")
      symlink(gone, "\(run)/names/ghost")
      try writeAtomically([], to: "\(lib)/networks/x.json.2147483000~")
      // A setting that an instance had made, and that nobody has undone.
      let namespace = try #require(try hostNamespace(world))
      let boot = try bootIdentity()
      try makeDirectories("\(run)/host/\(namespace)")
      let setting = "ipv4/conf/eth1/proxy_arp"
      _ = try world.host("sysctl", "-qw", "net.ipv4.conf.eth1.proxy_arp=1")
      let record = """
        {"bootId":"\(boot)","former":"0","made":1,"resource":{"sysctl":{"path":"\(setting)","value":"1"}},\
        "users":["\(gone)/eth0"]}
        """
      try writeAtomically(
        Array(record.utf8), to: "\(run)/host/\(namespace)/sysctl ipv4%2Fconf%2Feth1%2Fproxy_arp")

      let expected = [
        "whose monitor was killed", "the log of 000000000000", "the name ghost",
        "the lease of 10.20.20.77 on the network lan", "before the last reboot",
        "x.json.2147483000~", "sysctl -w net/ipv4/conf/eth1/proxy_arp=1",
      ]
      let found = try problems(world)
      let dry = try world.swrun("gc", "--dry-run")
      for text in expected {
        #expect(found.contains { $0.contains(text) }, "doctor does not find \(text): \(found)")
        #expect(dry.output.contains(text), "gc --dry-run does not show \(text): \(dry)")
      }
      #expect(
        try problems(world).count == found.count, "doctor and --dry-run have changed something")
      let done = try world.swrun("gc")
      #expect(done.code == 0)
      for text in expected { #expect(done.output.contains(text), "\(text): \(done)") }
      #expect(try problems(world) == [])
      #expect(try world.swrun("gc").output == "")
      #expect(try world.host("sysctl", "-n", "net.ipv4.conf.eth1.proxy_arp").output == "0\n")
      // Who lives keeps what it has.
      #expect(try world.swrun("exec", "alive", "ip", "addr").output.contains("10.20.20.3/24"))
      #expect(try world.swrun("network", "inspect", "lan").output.contains("\"used\": 1"))
      _ = try world.swrun("rm", "-f", "alive", "dead")
      #expect(try world.leftovers() == [])
    }
  }

  /// The host's network namespace as the directory of its resources is called.
  private func hostNamespace(_ world: World) throws -> String? {
    FileIdentity(path: "/run/netns/\(world.hostName)").map { "\($0.device)-\($0.inode)" }
  }
}
