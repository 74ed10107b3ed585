import Glibc
import Linux
import TestSupport
import Testing

@Suite("networks on ipvlan", .serialized)
struct NetworkTests {
  private func done(_ world: World, _ words: String...) throws {
    let result = try world.swrun(words)
    try #require(result.code == 0, "swrun \(words.joined(separator: " ")): \(result)")
  }

  private func inside(_ world: World, _ name: String, _ script: String) throws -> String {
    let result = try world.swrun("exec", name, "sh", "-c", script)
    return result.output + result.errors
  }

  @Test("a VLAN parent is made for the first instance, carries its tag, and goes with the last")
  func vlan() throws {
    try World.with { world in
      try world.ip(
        "-n", world.lanName, "link", "add", "link", "p0", "name", "p0.20", "type", "vlan", "id",
        "20")
      try world.ip("-n", world.lanName, "addr", "add", "10.60.0.1/24", "dev", "p0.20")
      try world.ip("-n", world.lanName, "link", "set", "p0.20", "up")
      try done(
        world, "network", "create", "--subnet", "10.60.0.0/24", "--opt", "parent=eth0.20", "tagged")
      let heard = try start([
        "ip", "netns", "exec", world.lanName, "timeout", "120", "tcpdump", "-l", "-n", "-e", "-i",
        "p0", "-c", "1", "vlan 20 and icmp",
      ])
      #expect(try eventually { try world.lan("cat", "/proc/net/packet").lines.count > 1 })
      try done(world, "-d", "--name", "one", "--net", "tagged", "--", "sleep", "1000")
      try done(world, "-d", "--name", "two", "--net", "tagged", "--", "sleep", "1000")
      #expect(try inside(world, "one", "ping -c 1 -W 5 10.60.0.1").contains(" 1 received"))
      let frame = try heard.finish()
      #expect(frame.output.contains("vlan 20,") && frame.output.contains("10.60.0.2"), "\(frame)")
      #expect(try world.ip("-n", world.hostName, "-d", "link").output.contains("made by swrun"))
      try done(world, "stop", "-t", "0", "one")
      #expect(try world.ip("-n", world.hostName, "-br", "link").output.contains("eth0.20"))
      try done(world, "rm", "-f", "one", "two")
      #expect(!(try world.ip("-n", world.hostName, "-br", "link").output.contains("eth0.20")))
      // One that was there before stays.
      try world.ip(
        "-n", world.hostName, "link", "add", "link", "eth0", "name", "eth0.20", "up", "type",
        "vlan",
        "id", "20")
      try done(world, "--rm", "--net", "tagged", "--", "true")
      try world.ip("-n", world.hostName, "link", "del", "eth0.20")
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "instances of an internal network reach one another, and nothing of theirs leaves the host",
    arguments: [["--internal", "--opt", "parent=eth0"], []])
  func isolated(_ options: [String]) throws {
    try World.with { world in
      let created = try world.swrun(
        ["network", "create", "--subnet", "10.20.20.0/24"] + options + ["island"])
      #expect(created.code == 0, "\(created)")
      let heard = try start([
        "ip", "netns", "exec", world.lanName, "tcpdump", "-l", "-n", "-i", "p0",
        "net 10.20.20.0/24",
      ])
      #expect(try eventually { try world.lan("cat", "/proc/net/packet").lines.count > 1 })
      try done(
        world, "-d", "--name", "one", "--net", "island,ip=10.20.20.32", "--", "sleep", "1000")
      try done(
        world, "-d", "--name", "two", "--net", "island,ip=10.20.20.33", "--", "sleep", "1000")
      let seen = try inside(
        world, "one",
        """
        ip route show default
        ping -c 1 -W 5 10.20.20.33 | grep received
        ping -c 1 -W 2 10.20.20.1 | grep received
        ping -c 1 -b -W 2 10.20.20.255 2>&1 | grep received
        ping -c 1 -W 2 192.0.2.1 2>&1 | grep -E 'received|unreachable'
        """)
      if !options.isEmpty { #expect(!seen.contains("default"), "\(seen)") }
      #expect(seen.contains(" 1 received") && seen.contains(" 0 received"), "\(seen)")
      // A frame of the host's own, so that silence is not taken for deafness.
      _ = try world.host("ping", "-c", "1", "-W", "5", "10.20.20.1")
      #expect(eventually { heard.output.contains("10.20.20.5 > 10.20.20.1") })
      #expect(
        !heard.output.contains("10.20.20.32") && !heard.output.contains("10.20.20.33"),
        "\(heard.output)")
      kill(heard.pid, SIGKILL)
      _ = try heard.finish()
      try done(world, "rm", "-f", "one", "two")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("with host-access the host and its instances reach each other", arguments: ["l2", "l3"])
  func hostAccess(_ mode: String) throws {
    try World.with { world in
      try world.ip("-n", world.hostName, "addr", "add", "fd20::5/64", "dev", "eth0", "nodad")
      // Strict on purpose: what an instance sends comes in by another way than the answer takes.
      _ = try world.host("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1")
      _ = try world.host("sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=1")
      try done(
        world, "network", "create", "--subnet", "10.20.20.0/24", "--subnet", "fd20::/64", "--opt",
        "parent=eth0", "--opt", "mode=\(mode)", "--opt", "host-access", "lan")
      try done(world, "-d", "--name", "one", "--net", "lan", "--", "sleep", "1000")
      try done(world, "-d", "--name", "two", "--net", "lan", "--", "sleep", "1000")
      let first = mode == "l2" ? "10.20.20.2" : "10.20.20.1"
      let first6 = mode == "l2" ? "fd20::2" : "fd20::1"
      let state = try world.host(
        "sh", "-c",
        """
        ping -c 1 -W 5 \(first) | grep received; ping -c 1 -W 5 \(first6) | grep received
        ip route; ip -6 route; ip neigh; ip -br addr; ip -s link show swh-eth0
        """
      ).output
      #expect(state.components(of: " 1 received") == 2, "\(state)")
      let seen = try inside(
        world, "two",
        """
        ping -c 1 -W 5 10.20.20.5 | grep received; ping -c 1 -W 5 fd20::5 | grep received
        ping -c 1 -W 5 \(first) | grep received; ip neigh; ip route; ip -6 route
        """)
      #expect(seen.components(of: " 1 received") == 3, "\(seen)")
      if mode == "l2" {
        // The LAN is where it was, for both.
        #expect(try inside(world, "one", "ping -c 1 -W 5 10.20.20.1").contains(" 1 received"))
        #expect(try world.host("ping", "-c", "1", "-W", "5", "10.20.20.1").code == 0)
      }
      try done(world, "stop", "-t", "0", "one")
      #expect(try world.ip("-n", world.hostName, "-br", "link").output.contains("swh-eth0"))
      try done(world, "rm", "-f", "one", "two")
      let after = try world.host(
        "sh", "-c", "ip route; ip -6 route; cat /proc/sys/net/ipv4/conf/eth0/rp_filter")
      #expect(!after.output.contains("swh-eth0") && after.lines.last == "1", "\(after)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("in l3s with proxy-arp the LAN reaches instances without a route, and all is undone")
  func proxyArp() throws {
    try World.with { world in
      try world.ip("-n", world.hostName, "addr", "add", "fd20::5/64", "dev", "eth0", "nodad")
      try world.ip("-n", world.lanName, "addr", "add", "fd20::1/64", "dev", "p0", "nodad")
      let settings = """
        cd /proc/sys/net; cat ipv4/conf/eth0/forwarding ipv6/conf/eth0/forwarding \
        ipv6/conf/eth0/accept_ra ipv6/conf/eth0/proxy_ndp ipv4/conf/eth0/proxy_arp
        ip route; ip -6 route; ip neigh show proxy; ip -6 neigh show proxy
        """
      let before = try world.host("sh", "-c", settings).output
      try done(
        world, "network", "create", "--subnet", "10.20.20.0/24", "--subnet", "fd20::/64",
        "--ip-range", "10.20.20.64/26", "--ip-range", "fd20::100/120", "--opt", "parent=eth0",
        "--opt", "mode=l3s", "--opt", "proxy-arp", "lan")
      let heard = try start([
        "ip", "netns", "exec", world.lanName, "timeout", "120", "tcpdump", "-l", "-n", "-i", "p0",
        "-c", "2",
        "(arp and src host 10.20.20.64 and dst host 10.20.20.64) or (src host fd20::100 and icmp6[0] = 136)",
      ])
      #expect(try eventually { try world.lan("cat", "/proc/net/packet").lines.count > 1 })
      try done(world, "-d", "--name", "one", "--net", "lan", "--", "sleep", "1000")
      // The host tells of both addresses before anybody asks.
      let announced = try heard.finish()
      #expect(announced.code == 0, "\(announced)")
      #expect(announced.output.contains("10.20.20.64") && announced.output.contains("fd20::100"))
      let reached = try world.lan(
        "sh", "-c", "ping -c 1 -W 5 10.20.20.64; ping -c 1 -W 5 fd20::100; ip neigh; ip -6 neigh")
      #expect(
        reached.output.components(of: " 1 received") == 2,
        "\(reached)")
      #expect(try inside(world, "one", "ping -c 1 -W 5 10.20.20.1").contains(" 1 received"))
      try done(world, "rm", "-f", "one")
      #expect(try world.host("sh", "-c", settings).output == before)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "an ipvlan parent that vanishes comes back with its slave, announced, the workload unharmed")
  func parent() throws {
    try World.with { world in
      try done(
        world, "-d", "--name", "web", "--net", "ipvlan:eth1:l2,ip=10.30.0.2/24", "--", "sleep",
        "1000")
      let pid = try world.pid("web")
      try world.ip("-n", world.hostName, "link", "del", "eth1")
      #expect(try eventually { try world.swrun("ps").lines[1].contains("(parent gone)") })
      try world.ip(
        "-n", world.hostName, "link", "add", "eth1", "type", "veth", "peer", "name", "p1", "netns",
        world.lanName)
      try world.ip("-n", world.lanName, "addr", "add", "10.30.0.1/24", "dev", "p1")
      try world.ip("-n", world.lanName, "link", "set", "p1", "up")
      let heard = try start([
        "ip", "netns", "exec", world.lanName, "timeout", "120", "tcpdump", "-l", "-n", "-i", "p1",
        "-c", "3", "arp and src host 10.30.0.2 and dst host 10.30.0.2",
      ])
      #expect(try eventually { try world.lan("cat", "/proc/net/packet").lines.count > 1 })
      try world.ip("-n", world.hostName, "link", "set", "eth1", "up")
      #expect(try eventually { try !world.swrun("ps").lines[1].contains("(parent") })
      #expect(try heard.finish().code == 0)
      #expect(try world.lan("ping", "-c", "1", "-W", "5", "10.30.0.2").code == 0)
      #expect(try world.pid("web") == pid)
      // Another MAC address: the neighbours are told.
      try world.ip("-n", world.hostName, "link", "set", "eth1", "address", "02:00:00:00:00:42")
      #expect(
        try eventually {
          try world.lan("ip", "neigh", "show", "10.30.0.2").output.contains("02:00:00:00:00:42")
        })
      try done(world, "rm", "-f", "web")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a neighbour on the LAN fetches a page from nginx at its own address")
  func web() throws {
    try World.with { world in
      let configuration = """
        daemon off; pid /tmp/pid; error_log /dev/stderr; events {}
        http { access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p;
          fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
          server { listen 80; listen [::]:80; return 200 "hello from $server_addr"; } }
        """
      try writeAtomically(Array(configuration.utf8), to: "\(world.directory)/nginx.conf")
      try done(
        world, "network", "create", "--subnet", "10.20.20.0/24", "--opt", "parent=eth0", "lan")
      try done(
        world, "-d", "--name", "web", "--net", "lan", "-v",
        "\(world.directory)/nginx.conf:/tmp/nginx.conf:ro", "--", "nginx", "-c", "/tmp/nginx.conf")
      var answer = ""
      #expect(
        try eventually {
          answer = try world.lan("curl", "-sS", "--max-time", "10", "http://10.20.20.2/").output
          return answer == "hello from 10.20.20.2"
        }, "\(answer)")
      #expect(try world.swrun("stop", "web").code == 0)
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("two networks share a parent, and one that would flip its mode is refused by name")
  func shared() throws {
    try World.with { world in
      try done(
        world, "network", "create", "--subnet", "10.20.20.0/25", "--opt", "parent=eth0", "left")
      try done(
        world, "network", "create", "--subnet", "10.20.20.128/25", "--gateway", "none", "--opt",
        "parent=eth0", "--opt", "ipvlan_mode=l2", "right")
      let refused = try world.swrun(
        "network", "create", "--subnet", "10.70.0.0/24", "--opt", "parent=eth0", "--opt", "mode=l3",
        "other")
      #expect(refused.code == 125 && refused.errors.contains("the network left has the mode l2"))
      try done(world, "-d", "--name", "one", "--net", "left", "--", "sleep", "1000")
      try done(world, "network", "connect", "right", "one")
      let seen = try inside(world, "one", "ip -br addr; ip route; ping -c 1 -W 5 10.20.20.1")
      #expect(
        seen.contains("10.20.20.2/25") && seen.contains("10.20.20.129/25")
          && seen.contains(" 1 received"), "\(seen)")
      try done(world, "rm", "-f", "one")
      #expect(try world.leftovers() == [])
    }
  }
}

extension String {
  /// How often `text` occurs.
  fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
