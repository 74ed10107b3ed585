import Glibc
import Linux
import TestSupport
import Testing

@Suite("shared networks", .serialized)
struct SharedNetworkTests {
  private func networkOf(_ world: World, _ name: String) throws -> String {
    let rows = try world.swrun("ps", "--filter", "name=\(name)", "--format", "json").output
    let start = try #require(rows.firstRange(of: "\"network\": [\n"))
    return rows[start.upperBound...].split(separator: "\"", maxSplits: 2).dropFirst().first.map(
      String.init) ?? ""
  }

  @Test("host: the instance is in the host's network, which stays as it is")
  func host() throws {
    try World.with { world in
      let before = try world.host("ip", "-o", "addr").output
      let namespace = try world.host("readlink", "/proc/self/ns/net").output
      let inside = try world.swrun(
        "--rm", "--net", "host", "--", "sh", "-c",
        "readlink /proc/self/ns/net; hostname; ls /sys/class/net | tr '\\n' ' '; echo; ls /proc/self/fd | tr '\\n' ' '; echo; touch /sys/class/net/eth0/mtu 2>&1 | grep -c Read-only; grep -c instances /proc/self/mountinfo; cat /etc/hosts"
      )
      let lines = inside.lines
      try #require(lines.count > 6, "\(inside)")
      #expect(lines[0] + "\n" == namespace)
      #expect(lines[1] == (try hostName()))
      #expect(lines[2].split(separator: " ").contains("eth0"))
      #expect(lines[3] == "0 1 2 3 ")
      #expect(lines[4] == "1")
      // resolv.conf alone: the host's other files are there already.
      #expect(lines[5] == "1")
      #expect(inside.output.hasSuffix(try readText("/etc/hosts")))
      _ = try world.swrun("-d", "--rm", "--name", "web", "--net", "host", "--", "sleep", "1000")
      #expect(try networkOf(world, "web") == "host")
      #expect(try world.swrun("exec", "web", "readlink", "/proc/self/ns/net").output == namespace)
      let connected = try world.swrun("network", "connect", "macvlan:eth0,ip=10.20.20.2", "web")
      #expect(
        connected.code == 125 && connected.errors.contains("shares the network"), "\(connected)")
      #expect(try world.swrun("stop", "-t", "0", "web").code == 0)
      #expect(try world.host("ip", "-o", "addr").output == before)
      let extra = try world.swrun(
        "--rm", "--net", "host", "--add-host", "x:10.1.1.1", "--", "getent", "-s", "files", "hosts",
        "x")
      #expect(extra.output.hasPrefix("10.1.1.1"), "\(extra)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("container: the instance has another's network and names, by its name or id")
  func container() throws {
    try World.with { world in
      _ = try world.swrun(
        "network", "create", "--driver", "macvlan", "--subnet", "10.20.20.0/24", "--opt",
        "parent=eth0", "lan")
      _ = try world.swrun(
        "-d", "--rm", "--name", "web", "--net", "lan", "--hostname", "box", "--dns", "10.0.0.1",
        "--", "sleep", "1000")
      let files =
        "cat /etc/hosts /etc/resolv.conf /etc/hostname; hostname; readlink /proc/self/ns/net"
      let seen = try world.swrun("exec", "web", "sh", "-c", files).output
      let id = try #require(try world.swrun("ps", "-q").lines.first)
      for name in ["web", id] {
        let joined = try world.swrun(
          "--rm", "--net", "container:\(name)", "--", "sh", "-c",
          "\(files); ip -br addr show eth0; ls /proc/self/fd | tr '\\n' ' '; ls /sys/class/net | tr '\\n' ' '"
        )
        #expect(joined.output.hasPrefix(seen), "\(joined)")
        #expect(joined.output.contains("10.20.20.2/24"))
        #expect(joined.output.contains("0 1 2 3 "))
        #expect(joined.output.hasSuffix("eth0 lo "))
      }
      _ = try world.swrun(
        "-d", "--rm", "--name", "side", "--net", "container:web", "--", "sleep", "1000")
      #expect(try networkOf(world, "side") == "container:web")
      // Who joins one that has joined is where that is.
      let third = try world.swrun("--rm", "--net", "container:side", "--", "sh", "-c", files)
      #expect(third.output == seen)
      // What changes for one changes for the other.
      _ = try world.swrun("-d", "--rm", "--name", "db", "--net", "lan", "--", "sleep", "1000")
      let found = try world.swrun("exec", "side", "getent", "-s", "files", "hosts", "db")
      #expect(found.output.hasPrefix("10.20.20.3"), "\(found)")
      for option in [["--hostname", "x"], ["--dns", "10.0.0.1"], ["--add-host", "a:10.0.0.1"]] {
        let refused = try world.swrun(
          ["--net", "container:web"] + option + ["--", "true"])
        #expect(refused.code == 125 && refused.errors.contains("Give it there"), "\(refused)")
      }
      // The namespace outlives its owner, the interface does not; and then nobody can join it.
      #expect(try world.swrun("stop", "-t", "0", "web").code == 0)
      #expect(try world.swrun("exec", "side", "ls", "/sys/class/net").output == "lo\n")
      #expect(try world.swrun("exec", "side", "cat", "/etc/hostname").output == "box\n")
      let gone = try world.swrun("--net", "container:web", "--", "true")
      #expect(gone.code == 125, "\(gone)")
      #expect(try world.swrun("stop", "-t", "0", "side", "db").code == 0)
      _ = try world.swrun("--name", "ended", "--", "true")
      let ended = try world.swrun("--net", "container:ended", "--", "true")
      #expect(ended.code == 125 && ended.errors.contains("ended is not running"), "\(ended)")
      _ = try world.swrun("rm", "ended")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("ns: the instance is in a namespace that is there, which stays as it is")
  func namespace() throws {
    try World.with { world in
      let name = "\(world.hostName)n"
      let path = "/run/netns/\(name)"
      try world.ip("netns", "add", name)
      defer { _ = try? command(["ip", "netns", "del", name]) }
      try world.ip("-n", name, "link", "add", "d0", "type", "bridge")
      let result = try world.swrun(
        "--rm", "--net", "ns:\(path)", "--", "sh", "-c",
        "readlink /proc/self/ns/net; ls /sys/class/net | tr '\\n' ' '; ls /proc/self/fd | tr '\\n' ' '; cat /sys/class/net/lo/flags"
      )
      let identity = try #require(FileIdentity(path: path))
      #expect(result.lines.first == "net:[\(identity.inode)]", "\(result)")
      // The loopback of others is not set up by us.
      #expect(result.lines.last == "d0 lo 0 1 2 3 0x8", "\(result)")
      let explained = try world.swrun("--explain", "--net", "ns:\(path)", "--", "true")
      #expect(explained.output.contains("nsenter --net=\(path) unshare"), "\(explained)")
      #expect(!explained.output.contains("ip netns add"))
      // A pipe keeps nobody waiting.
      try check("mkfifo", "", mkfifo("\(world.directory)/pipe", 0o600))
      let pipe = try world.swrun("--net", "ns:\(world.directory)/pipe", "--", "true")
      #expect(pipe.code == 125 && pipe.errors.contains("is not a network namespace"), "\(pipe)")
      // A file whose namespace has gone.
      try writeAtomically([], to: "\(world.directory)/stale")
      let stale = try world.swrun("--net", "ns:\(world.directory)/stale", "--", "true")
      #expect(stale.code == 125 && stale.errors.contains("is not a network namespace"), "\(stale)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a bundle that shares a network does so, and does not take --net besides")
  func bundle() throws {
    try World.with { world in
      let text = try readText("Tests/Fixtures/host-root/config.json")
      let entry = "{\n        \"type\": \"network\"\n      },"
      let parts = text.split(separator: entry, maxSplits: 1, omittingEmptySubsequences: false)
      try #require(parts.count == 2)
      try makeDirectories("\(world.directory)/bundle")
      try writeAtomically(
        Array("\(parts[0])\(parts[1])".utf8), to: "\(world.directory)/bundle/config.json")
      let options = ["-d", "--rm", "--name", "web", "--bundle", "\(world.directory)/bundle"]
      let refused = try world.swrun(options + ["--net", "macvlan:eth0,ip=10.20.20.2"])
      #expect(
        refused.code == 125 && refused.errors.contains("shares the host's network"), "\(refused)")
      #expect(try world.swrun(options).code == 0)
      #expect(try networkOf(world, "web") == "host")
      #expect(
        FileIdentity(path: "/proc/\(try world.pid("web"))/ns/net")
          == FileIdentity(path: "/run/netns/\(world.hostName)"))
      #expect(try world.swrun("stop", "-t", "0", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }
}
