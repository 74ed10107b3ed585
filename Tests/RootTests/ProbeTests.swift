import Glibc
import Linux
import TestSupport
import Testing

@Suite("the LAN is asked first", .serialized)
struct ProbeTests {
  /// Gives the LAN's end an address, as a machine there would have it.
  private func occupy(_ world: World, _ addresses: String...) throws -> String {
    for address in addresses {
      var words = ["-n", world.lanName, "addr", "add", address, "dev", "p0"]
      if address.contains(":") { words.append("nodad") }
      let result = try command(["ip"] + words)
      try #require(result.code == 0, "\(result)")
    }
    return try world.lan("cat", "/sys/class/net/p0/address").lines[0]
  }

  /// tcpdump(8) on the LAN's end, once it listens.
  private func capture(_ world: World) throws -> StartedCommand {
    let words = "exec tcpdump -n -e -l --immediate-mode -i p0 'arp or icmp6' 2>&1"
    let capture = try start(["ip", "netns", "exec", world.lanName, "sh", "-c", words])
    try #require(eventually { capture.output.contains("listening on") })
    return capture
  }

  private func stop(_ capture: StartedCommand) throws -> [String] {
    kill(capture.pid, SIGKILL)
    return try capture.finish().lines
  }

  /// Frames from the LAN's end, every 20 ms until it is ended.
  private func send(_ world: World, _ hex: String) throws -> StartedCommand {
    let program =
      "import socket,time\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,0)\ns.bind(('p0',0))\n"
      + "while True:\n s.send(bytes.fromhex('\(hex)'))\n time.sleep(0.02)\n"
    return try start(["ip", "netns", "exec", world.lanName, "python3", "-c", program])
  }

  @Test("a fixed address that is in use is refused with the MAC address that has it")
  func taken() throws {
    try World.with { world in
      let mac = try occupy(world, "10.20.20.9/24", "fd20::9/64")
      for address in ["10.20.20.9", "fd20::9"] {
        let result = try world.swrun(
          "--probe", "--net", "macvlan:eth0", "--ip", address, "--", "true")
        #expect(result.code == 125)
        #expect(
          result.errors
            == "swrun: \(address) is in use on the LAN behind eth0, by \(mac). Use another address\n"
        )
        #expect(try world.leftovers() == [])
      }
      // Both families at once, of which one is free; and as a key of --net.
      let result = try world.swrun(
        "--net", "macvlan:eth0,ip=10.20.20.8,ip=fd20::9/64,probe", "--", "true")
      #expect(result.code == 125 && result.errors.contains("fd20::9 is in use"), "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("three probes go out for each address before it is used, and it is not claimed by them")
  func probes() throws {
    try World.with { world in
      let capture = try capture(world)
      let result = try world.swrun(
        "--rm", "--net", "macvlan:eth0,ip=10.20.20.9,ip=fd20::9/64,probe=yes", "--", "sleep", "1")
      #expect(result.code == 0, "\(result)")
      // The announcement comes after them.
      _ = eventually { capture.output.contains("tell 10.20.20.9") }
      let frames = try stop(capture)
      let mac = try world.host("cat", "/sys/class/net/eth0/address").lines[0]
      let requests = frames.filter { $0.contains("who-has 10.20.20.9 tell 0.0.0.0") }
      #expect(requests.count == 3, "\(frames)")
      #expect(requests.allSatisfy { $0.contains("\(mac) > ff:ff:ff:ff:ff:ff") })
      let solicitations = frames.filter {
        $0.contains(":: > ff02::1:ff00:9") && $0.contains("who has fd20::9")
      }
      #expect(solicitations.count == 3, "\(frames)")
      #expect(solicitations.allSatisfy { $0.contains("\(mac) > 33:33:ff:00:00:09") })
      let announced = try #require(frames.firstIndex { $0.contains("tell 10.20.20.9") })
      let last = try #require(frames.lastIndex { $0.contains("tell 0.0.0.0") })
      #expect(announced > last, "\(frames)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("without it, nothing is asked")
  func unasked() throws {
    try World.with { world in
      let capture = try capture(world)
      let result = try world.swrun(
        "--rm", "--net", "macvlan:eth0,ip=10.20.20.9,probe=no", "--probe", "--", "true")
      #expect(result.code == 0, "\(result)")
      _ = eventually { capture.output.contains("tell 10.20.20.9") }
      #expect(!(try stop(capture)).contains { $0.contains("tell 0.0.0.0") })
    }
  }

  @Test("a run that ends at once has announced its address, and has made no socket for it")
  func announced() throws {
    try World.with { world in
      let capture = try capture(world)
      let trace = "\(world.directory)/trace"
      let result = try world.host([
        "strace", "-f", "-e", "trace=socket", "-o", trace, World.binary, "--rm", "--net",
        "macvlan:eth0,ip=10.20.20.9", "--", "true",
      ])
      #expect(result.code == 0, "\(result)")
      #expect(eventually { capture.output.contains("who-has 10.20.20.9 tell 10.20.20.9") })
      _ = try stop(capture)
      let sockets = try readText(trace)
      #expect(sockets.contains("AF_NETLINK") && !sockets.contains("AF_PACKET"), "\(sockets)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("an automatic address that is in use is skipped, and is not leased")
  func skipped() throws {
    try World.with { world in
      _ = try occupy(world, "10.20.20.2/24", "10.20.20.3/24", "fd20::2/64")
      let created = try world.swrun(
        "network", "create", "--driver", "macvlan", "--subnet", "10.20.20.0/24", "--subnet",
        "fd20::/64", "--opt", "parent=eth0", "--opt", "probe=yes", "lan")
      try #require(created.code == 0, "\(created)")
      let run = try world.swrun("-d", "--rm", "--name", "one", "--net", "lan", "--", "sleep", "99")
      try #require(run.code == 0, "\(run)")
      let row = try world.swrun("ps").lines[1]
      #expect(row.contains(" 10.20.20.4/24,fd20::3/64 "), "\(row)")
      let inside = try world.swrun("exec", "one", "ip", "-br", "addr", "show", "eth0").output
      #expect(inside.contains("10.20.20.4/24") && inside.contains("fd20::3/64"))
      let leases = try command(["find", "\(world.directory)/lib/leases/lan", "-type", "l"]).lines
      #expect(
        leases.compactMap { $0.split(separator: "/").last }.sorted() == ["10.20.20.4", "fd20::3"])
      // One that was chosen is not changed for another.
      let chosen = try world.swrun("--net", "lan", "--ip", "10.20.20.3", "--", "true")
      #expect(chosen.code == 125 && chosen.errors.contains("10.20.20.3 is in use on the LAN"))
      try #require(try world.swrun("rm", "-f", "one").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a running instance that is connected is probed for as well")
  func connected() throws {
    try World.with { world in
      let mac = try occupy(world, "10.20.20.2/24")
      let created = try world.swrun(
        "network", "create", "--driver", "macvlan", "--subnet", "10.20.20.0/24", "--opt",
        "parent=eth0", "--opt", "probe=yes", "lan")
      try #require(created.code == 0, "\(created)")
      let run = try world.swrun("-d", "--rm", "--name", "one", "--", "sleep", "99")
      try #require(run.code == 0, "\(run)")
      let refused = try world.swrun("network", "connect", "--ip", "10.20.20.2", "lan", "one")
      #expect(refused.code == 125)
      #expect(refused.errors.contains("10.20.20.2 is in use on the LAN behind eth0, by \(mac)"))
      #expect(try world.swrun("network", "connect", "lan", "one").code == 0)
      #expect(try world.swrun("ps").lines[1].contains(" 10.20.20.3/24 "))
      try #require(try world.swrun("rm", "-f", "one").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a network whose addresses are all in use says so")
  func full() throws {
    try World.with { world in
      _ = try occupy(world, "10.20.20.9/24", "10.20.20.10/24")
      let created = try world.swrun(
        "network", "create", "--driver", "macvlan", "--subnet", "10.20.20.0/24", "--gateway",
        "10.20.20.1", "--ip-range", "10.20.20.9/32", "--opt", "parent=eth0", "--opt", "probe=yes",
        "lan")
      try #require(created.code == 0, "\(created)")
      let result = try world.swrun("--net", "lan", "--", "true")
      #expect(result.code == 125)
      #expect(result.errors.contains("is full") && result.errors.contains("1 in use by others"))
      #expect(try world.leftovers() == [])
    }
  }

  @Test("who probes for the same address at the same moment gets it")
  func simultaneous() throws {
    try World.with { world in
      let probe =
        "ffffffffffff02aabbccddee080600010800060400"
        + "0102aabbccddee000000000000000000000a141409"
      let other = try send(world, probe)
      defer {
        kill(other.pid, SIGKILL)
        _ = try? other.finish()
      }
      let result = try world.swrun(
        "--probe", "--net", "macvlan:eth0", "--ip", "10.20.20.9", "--", "true")
      #expect(result.code == 125)
      #expect(result.errors.contains("being claimed"), "\(result)")
      #expect(result.errors.contains("by 02:aa:bb:cc:dd:ee"))
    }
  }

  @Test("the same address in a VLAN of the parent is another's")
  func otherNetwork() throws {
    try World.with { world in
      let reply =
        "ffffffffffff02aabbccddee81000014080600010800060400"
        + "0202aabbccddee0a1414090000000000000a141409"
      let other = try send(world, reply)
      defer {
        kill(other.pid, SIGKILL)
        _ = try? other.finish()
      }
      let result = try world.swrun(
        "--rm", "--probe", "--net", "macvlan:eth0", "--ip", "10.20.20.9", "--", "true")
      #expect(result.code == 0, "\(result)")
    }
  }

  @Test("a parent without a carrier is named; one that is down is set up where that was asked for")
  func carrier() throws {
    try World.with { world in
      try world.ip("-n", world.lanName, "link", "set", "p1", "down")
      let refused = try world.swrun(
        "--probe", "--net", "macvlan:eth1", "--ip", "10.9.9.2", "--", "true")
      #expect(refused.code == 125)
      #expect(refused.errors.contains("eth1 has no carrier"), "\(refused)")
      try world.ip("-n", world.lanName, "link", "set", "p1", "up")
      try world.ip("-n", world.hostName, "link", "set", "eth1", "down")
      let result = try world.swrun(
        "--rm", "--probe", "--net", "macvlan:eth1,up", "--ip", "10.9.9.2", "--", "true")
      #expect(result.code == 0, "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "where nobody can be asked it is refused",
    arguments: [
      (["--probe", "--net", "none", "--", "true"], "has nothing to ask for"),
      (["--probe", "--", "true"], "has nothing to ask for"),
      (
        ["--net", "ipvlan:eth0:l3,probe", "--ip", "10.9.9.2", "--", "true"], "the host routes there"
      ),
      (["--net", "macvlan:eth0,ip=none,probe", "--", "true"], "no address to ask for"),
      (["network", "create", "--subnet", "10.9.9.0/24", "--opt", "probe=yes", "n"], "no LAN"),
      (
        [
          "network", "create", "--subnet", "10.9.9.0/24", "--internal", "--opt", "parent=eth0",
          "--opt", "probe=yes", "n",
        ], "no LAN"
      ),
      (
        [
          "network", "create", "--subnet", "10.9.9.0/24", "--opt", "mode=l3s", "--opt",
          "parent=eth0", "--opt", "probe=yes", "n",
        ], "the host routes there"
      ),
    ])
  func refused(_ words: [String], _ text: String) throws {
    try World.with { world in
      let result = try world.swrun(words)
      #expect(result.code == 125)
      #expect(result.errors.contains(text), "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("Ctrl-C ends the wait for answers")
  func interrupted() throws {
    try World.with { world in
      try makeDirectories("\(world.directory)/run")
      // It waits for this before it asks, and so has the signal when it does.
      let lock = try FileLock.hold("\(world.directory)/run/lock")
      let waiting = try world.startSwrun(
        "--probe", "--net", "macvlan:eth0", "--ip", "10.20.20.9", "--", "true")
      #expect(
        eventually {
          ((try? readText("/proc/locks")) ?? "").split(separator: "\n").contains {
            $0.contains("-> FLOCK") && $0.contains(" \(waiting.pid) ")
          }
        })
      kill(waiting.pid, SIGINT)
      _ = consume lock
      let result = try waiting.finish()
      #expect(result.code == 125)
      #expect(
        result.errors == "swrun: interrupted while waiting for answers of the LAN\n", "\(result)")
      #expect(try world.leftovers() == [])
    }
  }
}
