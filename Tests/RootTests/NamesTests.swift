import Glibc
import Linux
import TestSupport
import Testing

@Suite("names inside", .serialized)
struct NamesTests {
  /// A defined network on eth0, in which instances get addresses from 10.20.20.2.
  private func define(_ world: World) throws {
    let made = try world.swrun(
      "network", "create", "--driver", "macvlan", "--subnet", "10.20.20.0/24", "--opt",
      "parent=eth0", "lan")
    try #require(made.code == 0, "\(made)")
  }

  private func run(_ world: World, _ name: String, _ options: String...) throws {
    let result = try world.swrun(
      ["-d", "--rm", "--name", name] + options + ["--", "sleep", "1000"])
    try #require(result.code == 0, "\(result)")
  }

  /// The IPv4 address that a name has inside; empty for none.
  private func lookUp(_ name: String, in instance: String, _ world: World) throws -> String {
    let result = try world.swrun("exec", instance, "getent", "-s", "files", "ahostsv4", name)
    return result.lines.first?.split(separator: " ").first.map(String.init) ?? ""
  }

  private func killMonitor(of name: String, _ world: World) throws {
    let status = try readText("/proc/\(try world.pid(name))/status")
    let parent = status.split(separator: "\n").first { $0.hasPrefix("PPid:") }?
      .split(separator: "\t").last.flatMap { Int32($0) }
    kill(try #require(parent), SIGKILL)
  }

  @Test("instances on one network know each other, as they come and go")
  func network() throws {
    try World.with { world in
      try define(world)
      try run(world, "web", "--net", "lan", "--add-host", "printer:10.20.20.9")
      try run(world, "alone", "--net", "macvlan:eth0", "--ip", "10.20.20.77")
      try run(world, "db", "--net", "lan,alias=data", "--hostname", "store.example")
      #expect(try lookUp("db", in: "web", world) == "10.20.20.3")
      #expect(try lookUp("data", in: "web", world) == "10.20.20.3")
      #expect(try lookUp("store.example", in: "web", world) == "10.20.20.3")
      #expect(try lookUp("store", in: "web", world) == "10.20.20.3")
      #expect(try lookUp("printer", in: "web", world) == "10.20.20.9")
      let ids = try world.swrun("ps", "-q", "--filter", "name=db").lines
      #expect(try lookUp(try #require(ids.first), in: "web", world) == "10.20.20.3")
      #expect(try lookUp("web", in: "db", world) == "10.20.20.2")
      #expect(try lookUp("web", in: "web", world) == "10.20.20.2")
      #expect(try lookUp("store", in: "db", world) == "10.20.20.3")
      #expect(try lookUp("printer", in: "db", world) == "")
      #expect(try lookUp("web", in: "alone", world) == "")
      #expect(try lookUp("alone", in: "alone", world) == "10.20.20.77")

      #expect(try world.swrun("network", "connect", "lan", "alone").code == 0)
      #expect(try lookUp("web", in: "alone", world) == "10.20.20.2")
      #expect(try lookUp("alone", in: "web", world) == "10.20.20.4")
      // Beside it an interface that is on no network with others.
      let other = "macvlan:eth1,ip=10.9.9.2"
      #expect(try world.swrun("network", "connect", other, "alone").code == 0)
      let hosts = try world.swrun("exec", "alone", "cat", "/etc/hosts").output
      #expect(hosts.contains("10.9.9.2\t") && hosts.contains("web"), "\(hosts)")
      #expect(try world.swrun("network", "disconnect", "eth2", "alone").code == 0)
      #expect(
        try world.swrun("exec", "alone", "cat", "/etc/hosts").output
          == hosts.split(separator: "\n").filter { !$0.hasPrefix("10.9.9.2") }
          .joined(separator: "\n") + "\n")
      #expect(try world.swrun("network", "disconnect", "lan", "alone").code == 0)
      #expect(try lookUp("web", in: "alone", world) == "")
      #expect(try lookUp("alone", in: "alone", world) == "10.20.20.77")
      #expect(try lookUp("alone", in: "web", world) == "")

      #expect(try world.swrun("stop", "-t", "0", "db").code == 0)
      #expect(try lookUp("db", in: "web", world) == "")
      try run(world, "db", "--net", "lan")
      #expect(try lookUp("db", in: "web", world) == "10.20.20.3")
      try killMonitor(of: "db", world)
      // The next command puts it right.
      #expect(try eventually { try lookUp("db", in: "web", world) == "" })
      #expect(try world.swrun("stop", "-t", "0", "web", "alone").code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("who reads the file while it changes finds whole lines alone")
  func reader() throws {
    try World.with { world in
      try define(world)
      // Ends with the first line that is not an address and names, or when told to.
      let script = """
        while ! test -e /tmp/stop; do
          cat /etc/hosts | grep -vE '^([0-9.]+|[0-9a-f:]+)\t[^\t]+$' | grep . && exit 1
        done; echo whole
        """
      let started = try world.swrun(
        "-d", "--name", "web", "--net", "lan", "--", "sh", "-c", script)
      try #require(started.code == 0, "\(started)")
      for round in 1...3 {
        for number in 1...4 {
          try run(
            world, "n\(round)-\(String(repeating: "x", count: number * 7))\(number)", "--net", "lan"
          )
        }
        let others = try world.swrun("ps", "-q", "--filter", "name=n\(round)-").lines
        #expect(try world.swrun(["stop", "-t", "0"] + others).code == 0)
      }
      #expect(try world.swrun("exec", "web", "touch", "/tmp/stop").code == 0)
      #expect(try world.swrun("wait", "web").output == "0\n")
      #expect(try world.swrun("logs", "web").output == "whole\n")
      _ = try world.swrun("rm", "web")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("instances that start at the same time all know each other")
  func together() throws {
    try World.with { world in
      try define(world)
      let running = try (1...12).map { number in
        try world.startSwrun(
          "-d", "--rm", "--name", "n\(number)", "--net", "lan", "--", "sleep", "1000")
      }
      for one in running {
        let result = try one.finish()
        #expect(result.code == 0, "\(result)")
      }
      for number in 1...12 {
        let text = try world.swrun("exec", "n\(number)", "cat", "/etc/hosts").output
        #expect(text.split(separator: "\n").filter { $0.hasPrefix("10.20.20.") }.count == 12)
        for other in 1...12 {
          #expect(text.contains("n\(other) ") || text.contains("n\(other)\n"), "\(text)")
        }
      }
      let ids = try world.swrun("ps", "-q").lines
      #expect(try world.swrun(["stop", "-t", "0"] + ids).code == 0)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a start that fails leaves no name behind")
  func failedStart() throws {
    try World.with { world in
      try define(world)
      try run(world, "web", "--net", "lan")
      let file = try world.swrun("exec", "web", "cat", "/etc/hosts").output
      #expect(try world.swrun("--name", "bad", "--net", "lan", "--", "/nonexistent").code == 127)
      #expect(try world.swrun("exec", "web", "cat", "/etc/hosts").output == file)
    }
  }

  @Test("the files say what the options say, in exec too")
  func files() throws {
    try World.with { world in
      let script = "cat /etc/hostname; hostname; domainname; cat /etc/resolv.conf; echo $HOSTNAME"
      try run(
        world, "web", "--hostname", "box", "--domainname", "lan", "--dns", "10.0.0.53", "--dns",
        "fd00::53", "--dns-search", "example.com", "--dns-option", "ndots:2")
      let expected =
        "box\nbox\nlan\n# Made by swrun from its options.\nnameserver 10.0.0.53\nnameserver fd00::53\nsearch example.com\noptions ndots:2\nbox\n"
      #expect(try world.swrun("exec", "web", "sh", "-c", script).output == expected)
      #expect(
        try world.swrun("exec", "web", "getent", "-s", "files", "hosts", "box.lan").output
          .hasPrefix("127.0.1.1 "))
      // Others than root read them, whatever the umask of the one who started it.
      let strict = try command(
        [
          "sh", "-c",
          "umask 077; exec ip netns exec \(world.hostName) \(World.binary) --rm -u nobody --hostname box --dns 10.0.0.53 -- cat /etc/hostname /etc/hosts /etc/resolv.conf",
        ], environment: world.environment)
      #expect(
        strict.code == 0 && strict.output.hasPrefix("box\n127.0.0.1\tlocalhost\n"), "\(strict)")
      #expect(strict.output.hasSuffix("nameserver 10.0.0.53\n"))
    }
  }

  @Test("host-gateway is the host's address on the parent")
  func hostGateway() throws {
    try World.with { world in
      let result = try world.swrun(
        "--rm", "--net", "macvlan:eth0", "--ip", "10.20.20.2", "--add-host", "up:host-gateway",
        "--",
        "getent", "-s", "files", "hosts", "up")
      #expect(result.output.split(separator: " ").first == "10.20.20.5", "\(result)")
      let bridged = try world.swrun(
        "--rm", "--net", "bridge", "--add-host", "up:host-gateway", "--", "sh", "-c",
        "getent -s files hosts up | cut -d ' ' -f 1; ip route show default | cut -d ' ' -f 3")
      #expect(bridged.lines.count == 2 && bridged.lines.first == bridged.lines.last, "\(bridged)")
      let none = try world.swrun("--rm", "--add-host", "up:host-gateway", "--", "true")
      #expect(none.code == 125 && none.errors.contains("has no interface"), "\(none)")
      let bare = try world.swrun(
        "--rm", "--net", "macvlan:eth1", "--ip", "10.9.9.2", "--add-host", "up:host-gateway", "--",
        "true")
      #expect(bare.code == 125 && bare.errors.contains("no address on eth1"), "\(bare)")
      #expect(try world.leftovers() == [])
    }
  }

  /// A host whose /etc/resolv.conf is systemd-resolved's link, in a mount namespace of the test's own.
  @Test("a resolv.conf that is a link into /run is mounted where it leads")
  func link() throws {
    try World.with { world in
      let etc = "\(world.directory)/etc"
      let script = """
        set -e
        mkdir \(etc); cp -a /etc/. \(etc); rm -f \(etc)/resolv.conf
        ln -s ../run/systemd/resolve/stub-resolv.conf \(etc)/resolv.conf
        mount --bind \(etc) /etc; mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/resolve
        printf 'nameserver 127.0.0.53\\n' > /run/systemd/resolve/stub-resolv.conf
        printf 'nameserver 10.0.0.53\\nsearch lan\\n' > /run/systemd/resolve/resolv.conf
        \(World.binary) --rm -- sh -c 'readlink /etc/resolv.conf; cat /etc/resolv.conf'
        \(World.binary) --rm --net host -- cat /etc/resolv.conf
        rm -r /run/systemd
        \(World.binary) --rm -- cat /etc/resolv.conf
        rm /etc/resolv.conf; ln -s missing /etc/resolv.conf
        \(World.binary) --rm -- cat /etc/resolv.conf || echo none
        \(World.binary) --rm --dns 10.0.0.1 -- true || echo refused
        """
      let result = try command(
        [
          "ip", "netns", "exec", world.hostName, "unshare", "-m", "--propagation", "private", "sh",
          "-c", script,
        ], environment: world.environment)
      #expect(
        result.lines == [
          "../run/systemd/resolve/stub-resolv.conf",
          "# Made by swrun from the host's /run/systemd/resolve/resolv.conf.",
          "nameserver 10.0.0.53", "search lan", "nameserver 127.0.0.53",
          "# Made by swrun from the host's /etc/resolv.conf.",
          "# No name server: the host has none that can be reached from here. Give one with --dns.",
          "none", "refused",
        ], "\(result)")
      #expect(result.errors.contains("cannot be made in a read-only root"), "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("the workload cannot write the files, and sees nothing else of its instance's directory")
  func hostile() throws {
    try World.with { world in
      try define(world)
      let attack = """
        for f in /etc/hosts /etc/resolv.conf /etc/hostname; do
          (echo x > $f) 2>/dev/null && echo WRITTEN $f
          (: >> $f) 2>/dev/null && echo APPENDED $f
          rm -f $f 2>/dev/null && echo REMOVED $f
          mv $f $f.old 2>/dev/null && echo MOVED $f
          chmod 666 $f 2>/dev/null && echo CHANGED $f
          umount $f 2>/dev/null && echo UNMOUNTED $f
          mount -o remount,bind,rw $f 2>/dev/null && echo REMOUNTED $f
        done
        grep instances /proc/self/mountinfo
        ls -A \(world.directory)/run 2>/dev/null
        """
      let result = try world.swrun("--rm", "--net", "lan", "--", "sh", "-c", attack)
      let mounts = result.lines.map { $0.split(separator: " ").map(String.init) }
      #expect(
        mounts.map { $0.count > 5 ? $0[4] : $0.joined(separator: " ") }.sorted() == [
          "/etc/hostname", "/etc/hosts", "/etc/resolv.conf",
        ], "\(result)")
      for mount in mounts where mount.count > 5 {
        #expect(mount[5].hasPrefix("ro,nosuid,nodev,noexec"), "\(mount)")
      }
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a bundle gets the files that are asked for, and hosts on a network, and no others")
  func bundle() throws {
    try World.with { world in
      try define(world)
      let text = try readText("Tests/Fixtures/host-root/config.json")
      let start = try #require(text.firstRange(of: "\"args\": ["))
      let end = try #require(text[start.upperBound...].firstRange(of: "]"))
      let changed =
        text[..<start.upperBound]
        + "\"sh\", \"-c\", \"grep -c instances /proc/self/mountinfo; hostname; cat /etc/hostname\""
        + text[end.lowerBound...]
      try makeDirectories("\(world.directory)/bundle")
      try writeAtomically(
        Array(String(changed).utf8), to: "\(world.directory)/bundle/config.json")
      let options = ["--rm", "--bundle", "\(world.directory)/bundle"]
      #expect(try world.swrun(options).lines.first == "0")
      let named = try world.swrun(options + ["--net", "lan"])
      #expect(named.lines.first == "1", "\(named)")
      let asked = try world.swrun(options + ["--hostname", "box", "--dns", "10.0.0.1"])
      #expect(asked.lines == ["2", "box", "box"], "\(asked)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a volume has the place of a file, and is not hidden by it")
  func volume() throws {
    try World.with { world in
      try writeAtomically(Array("10.1.1.1 mine\n".utf8), to: "\(world.directory)/hosts")
      let volume = ["--rm", "-v", "\(world.directory)/hosts:/etc/hosts:ro"]
      #expect(
        try world.swrun(volume + ["--", "cat", "/etc/hosts"]).output == "10.1.1.1 mine\n")
      let both = try world.swrun(volume + ["--add-host", "a:10.0.0.1", "--", "true"])
      #expect(both.code == 125 && both.errors.contains("exclude each other"), "\(both)")
    }
  }

  @Test(
    "a name or address that is none is refused",
    arguments: [
      (["--dns", "dns.example"], "is not the IP address of a server"),
      (["--dns", "10.0.0.1\nsearch evil"], "is not the IP address"),
      (["--dns-search", "a b"], "is not a host name"),
      (["--dns-option", "rotat"], "did you mean rotate?"),
      (["--add-host", "a"], "NAME:ADDRESS"), (["--add-host", "a b:10.0.0.1"], "not a host name"),
      (["--hostname", "a\n10.0.0.1 b"], "not a host name"),
      (["--hostname", "localhost"], "means every machine itself"),
      (["--network-alias", "x"], "needs a --net"),
      (["--net", "macvlan:eth0,ip=10.20.20.2,alias=x"], "needs a network"),
      (["--net", "host", "--net", "macvlan:eth0"], "stands alone"),
      (["--net", "host", "--ip", "10.20.20.2"], "--ip needs a --net with an interface"),
      (["--net", "host,mtu=1400"], "takes no options"),
      (["--net", "container:nobody"], "no instance is called \"nobody\""),
      (["--net", "container:"], "needs an instance"),
      (["--net", "ns:x"], "absolute path"), (["--net", "ns:/nowhere"], "cannot be opened"),
      (["--net", "ns:/etc/passwd"], "is not a network namespace"),
      (["--net", "ns:/proc/self/ns/pid"], "is not a network namespace"),
      (["--net", "ns:/dev/null"], "is not a network namespace"),
    ])
  func refused(_ options: [String], _ text: String) throws {
    try World.with { world in
      let result = try world.swrun(options + ["--", "true"])
      #expect(result.code == 125 && result.errors.contains(text), "\(result)")
      #expect(result.errors.split(separator: "\n").count == 1)
      #expect(try world.leftovers() == [])
    }
  }
}
