import Glibc
import Linux
import TestSupport
import Testing

@Suite("connections", .serialized)
struct ConnectionTests {
  @Test("a running instance is connected to a network and disconnected, and nothing is left")
  func connect() throws {
    try World.with { world in
      let created = try world.swrun(
        "network", "create", "--driver", "macvlan", "--subnet", "10.40.0.0/24", "--opt",
        "parent=eth1", "side")
      #expect(created.code == 0, "\(created)")
      let run = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth0", "--ip", "10.20.20.2", "--", "sleep", "1000")
      #expect(run.code == 0, "\(run)")
      let connected = try world.swrun("network", "connect", "side", "web")
      #expect(connected.output == "eth1 10.40.0.2/24\n", "\(connected)")
      let inside = try world.swrun("exec", "web", "ip", "-br", "-4", "addr").output
      #expect(inside.contains("10.20.20.2/24") && inside.contains("10.40.0.2/24"), "\(inside)")
      // The default route that it has stays.
      #expect(
        try world.swrun("exec", "web", "ip", "route", "show", "default").lines.map {
          $0.hasPrefix("default via 10.20.20.1 dev eth0")
        } == [true])
      #expect(try world.swrun("ps").lines[1].contains("10.20.20.2/24,10.40.0.2/24"))
      #expect(try world.swrun("network", "inspect", "side").output.contains("\"name\": \"web\""))

      let twice = try world.swrun("network", "connect", "side", "web")
      #expect(twice.code == 125 && twice.errors.contains("is on the network side already"))
      let used = try world.swrun("network", "connect", "macvlan:eth0,ip=10.20.20.2", "web")
      #expect(used.code == 125 && used.errors.contains("10.20.20.2"), "\(used)")
      let removed = try world.swrun("network", "rm", "side")
      #expect(removed.code == 125 && removed.errors.contains("in use by web"))

      // Without the first interface the second leads out.
      #expect(try world.swrun("network", "disconnect", "eth0", "web").code == 0)
      #expect(
        try world.swrun("exec", "web", "ip", "route", "show", "default").lines.map {
          $0.hasPrefix("default via 10.40.0.1 dev eth1")
        } == [true])
      #expect(try world.swrun("network", "disconnect", "side", "web").code == 0)
      #expect(try world.swrun("exec", "web", "ip", "-br", "link").lines.count == 1)
      let none = try world.swrun("network", "disconnect", "side", "web")
      #expect(none.code == 125 && none.errors.contains("web is not on side"), "\(none)")
      #expect(try world.swrun("network", "rm", "side").code == 0)
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("connect and disconnect refuse what cannot be")
  func refusals() throws {
    try World.with { world in
      let missing = try world.swrun("network", "connect", "macvlan:eth0,ip=10.20.20.2", "nobody")
      #expect(missing.code == 125 && missing.errors.contains("no instance is called"))
      _ = try world.swrun("--name", "ended", "--", "true")
      let ended = try world.swrun("network", "connect", "macvlan:eth0,ip=10.20.20.2", "ended")
      #expect(ended.code == 125 && ended.errors.contains("ended is not running"), "\(ended)")
      _ = try world.swrun("-d", "--name", "web", "--", "sleep", "1000")
      let none = try world.swrun("network", "connect", "none", "web")
      #expect(none.code == 125 && none.errors.contains("none is nothing that"), "\(none)")
      let parent = try world.swrun("network", "connect", "macvlan:eth7,ip=10.20.20.2", "web")
      #expect(parent.code == 125 && parent.errors.contains("there is eth0, eth1"), "\(parent)")
    }
  }

  @Test("who connects to a monitor and says nothing, or nonsense, keeps nobody waiting")
  func hostileClients() throws {
    try World.with { world in
      _ = try world.swrun("-d", "--name", "web", "--", "sleep", "1000")
      let id = try #require(directoryEntries("\(world.directory)/run/instances").first)
      let directory = "\(world.directory)/run/instances/\(id)"
      // Forty that are silent, and some that send what is no request.
      let script = """
        import os, socket
        os.chdir("\(directory)")
        held = []
        for i in range(40):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect("control.sock"); held.append(s)
        for text in [b"x", b"{}", b"{" * 9000, b'{"connect":{"network":7}}']:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect("control.sock")
            s.send(text); s.settimeout(30); print(s.recv(65536).decode())
        import time; print("ready", flush=True); time.sleep(1000)
        """
      let hostile = try start(["python3", "-u", "-c", script])
      #expect(eventually { hostile.output.contains("ready") }, "\(hostile.output)")
      #expect(hostile.output.split(separator: "\n").filter { $0.contains("error") }.count == 4)
      let connected = try world.swrun("network", "connect", "macvlan:eth0,ip=10.20.20.2", "web")
      #expect(connected.code == 0, "\(connected)")
      kill(hostile.pid, SIGKILL)
      _ = try hostile.finish()
    }
  }

  @Test("a parent that vanishes is shown; when it is back the interface is as before")
  func parent() throws {
    try World.with { world in
      let run = try world.swrun(
        "-d", "--name", "web", "--net",
        "macvlan:eth1,ip=10.30.0.2/24,route=10.9.0.0/16@10.30.0.1,mtu=1400",
        "--", "sleep", "1000")
      #expect(run.code == 0, "\(run)")
      let pid = try world.pid("web")
      try world.ip("-n", world.hostName, "link", "del", "eth1")
      #expect(
        try eventually { try world.swrun("ps").lines[1].contains("(parent gone)") })
      try world.ip(
        "-n", world.hostName, "link", "add", "eth1", "type", "veth", "peer", "name", "p1", "netns",
        world.lanName)
      try world.ip("-n", world.lanName, "addr", "add", "10.30.0.1/24", "dev", "p1")
      try world.ip("-n", world.lanName, "link", "set", "p1", "up")
      try world.ip("-n", world.hostName, "link", "set", "eth1", "up")
      #expect(try eventually { try !world.swrun("ps").lines[1].contains("(parent") })
      #expect(try world.pid("web") == pid)
      let routes = try world.swrun("exec", "web", "ip", "route").output
      #expect(routes.contains("10.9.0.0/16 via 10.30.0.1 dev eth0"), "\(routes)")
      #expect(routes.contains("default via 10.30.0.1 dev eth0"))
      #expect(try world.lan("ping", "-c", "1", "-W", "5", "10.30.0.2").code == 0)

      // Renamed, down and up, another MTU.
      try world.ip("-n", world.hostName, "link", "set", "eth1", "name", "wan7")
      #expect(try eventually { try world.swrun("ps").lines[1].contains("macvlan:wan7:") })
      try world.ip("-n", world.hostName, "link", "set", "wan7", "down")
      #expect(try eventually { try world.swrun("ps").lines[1].contains("(parent down)") })
      try world.ip("-n", world.hostName, "link", "set", "wan7", "up")
      #expect(try eventually { try !world.swrun("ps").lines[1].contains("(parent") })
      try world.ip("-n", world.hostName, "link", "set", "wan7", "mtu", "1300")
      try world.ip("-n", world.hostName, "link", "set", "wan7", "mtu", "1500")
      #expect(
        try eventually {
          try world.swrun("exec", "web", "ip", "link", "show", "eth0").output.contains("mtu 1400")
        })
      try world.ip("-n", world.hostName, "link", "set", "wan7", "name", "eth1")
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("an interface is made where the index that swrun chooses is taken")
  func takenIndex() throws {
    try World.with { world in
      _ = try world.swrun("-d", "--rm", "--name", "web", "--", "sleep", "1000")
      let other = try world.swrun(
        "netns", "exec", "web", "ip", "link", "add", "d0", "index", "100000", "type", "bridge")
      #expect(other.code == 0, "\(other)")
      let connected = try world.swrun("network", "connect", "macvlan:eth0,ip=10.20.20.2/24", "web")
      #expect(connected.code == 0, "\(connected)")
      let links = try world.swrun("exec", "web", "ip", "-br", "-4", "addr", "show", "eth0").output
      #expect(links.contains("10.20.20.2/24"), "\(links)")
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }
}
