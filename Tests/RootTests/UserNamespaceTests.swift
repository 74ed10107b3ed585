import Glibc
import Linux
import TestSupport
import Testing

@Suite("user namespaces", .serialized)
struct UserNamespaceTests {
  private static let mapped = ["--userns", "0:100000:65536"]

  /// The words of a line of `/proc/PID/status`.
  private func status(_ pid: Int32, _ key: String) -> [String] {
    let line = ((try? readText("/proc/\(pid)/status")) ?? "").split(separator: "\n")
      .first { $0.hasPrefix("\(key):") }
    return (line ?? "").dropFirst(key.count + 1).split(whereSeparator: \.isWhitespace).map(
      String.init)
  }

  /// The process that the host sees with these words.
  private func process(_ words: String...) -> Int32? {
    directoryEntries("/proc").compactMap(Int32.init).first {
      (try? readText("/proc/\($0)/cmdline")) == words.map { "\($0)\u{0}" }.joined()
    }
  }

  @Test("root inside is another id outside, in run and in exec")
  func ids() throws {
    try World.with { world in
      let seconds = "\(Int.random(in: 100_000...199_999))"
      let started = try world.swrun(
        ["-d", "--name", "u"] + Self.mapped + ["-u", "5:6", "--", "sleep", seconds])
      #expect(started.code == 0, "\(started)")
      let pid = try world.pid("u")
      #expect(IDMap(parsing: try readText("/proc/\(pid)/uid_map"))?.outside(0) == 100000)
      #expect(IDMap(parsing: try readText("/proc/\(pid)/gid_map"))?.outside(0) == 100000)
      #expect(status(pid, "Uid") == ["100000", "100000", "100000", "100000"])
      let workload = try #require(process("sleep", seconds))
      #expect(status(workload, "Uid").first == "100005")
      #expect(status(workload, "Gid").first == "100006")
      #expect(status(workload, "Groups") == [])

      let exec = try world.startSwrun("exec", "-u", "7", "u", "sleep", "\(seconds)1")
      #expect(
        eventually { process("sleep", "\(seconds)1").map { status($0, "Uid").first } == "100007" })
      let refused = try world.swrun("exec", "-u", "70000", "u", "true")
      #expect(refused.code == 125 && refused.errors.contains("uid 70000 is not in"), "\(refused)")
      let terminal = try world.swrun(
        "exec", "-t", "-u", "0", "u", "sh", "-c", "tty; stat -c %u $(tty)")
      #expect(terminal.output == "/dev/pts/0\r\n0\r\n", "\(terminal)")
      let known = try world.swrun("inspect", "u")
      #expect(known.output.contains("\"hostID\": 100000"), "\(known)")
      _ = try world.swrun("rm", "-f", "u")
      _ = try exec.finish()
      #expect(try world.leftovers() == [])
    }
  }

  @Test("files of volumes belong to the mapped ids, and what root alone reads is not read")
  func volumes() throws {
    try World.with { world in
      let data = "\(world.directory)/data"
      try makeDirectories(data)
      try writeAtomically(Array("secret".utf8), to: "\(data)/secret", mode: 0o600)
      try makeDirectories("\(data)/mine")
      chmod(data, 0o755)
      chown("\(data)/mine", 100000, 100000)
      let result = try world.swrun(
        ["--rm", "-v", "\(data):/mnt"] + Self.mapped + [
          "--", "sh", "-c",
          "cat /mnt/secret /etc/shadow; touch /mnt/x; chmod 644 /mnt/secret; touch /mnt/mine/y; touch /mnt/mine/z; chown 7:8 /mnt/mine/z; echo done",
        ])
      #expect(result.output == "done\n", "\(result)")
      #expect(FileIdentity(path: "\(data)/x") == nil)
      func owner(_ name: String) -> [UInt32] {
        var status = Glibc.stat()
        return stat("\(data)/mine/\(name)", &status) == 0 ? [status.st_uid, status.st_gid] : []
      }
      #expect(owner("y") == [100000, 100000])
      #expect(owner("z") == [100007, 100008])
    }
  }

  /// A bundle whose root has all capabilities of its user namespace.
  private func powerful(_ world: World, root: String, network: Bool, _ script: String) throws
    -> CommandResult
  {
    let names = [
      "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "MKNOD", "NET_ADMIN", "NET_RAW", "SETGID",
      "SETUID",
      "SYS_ADMIN", "SYS_CHROOT", "SYS_MODULE", "SYS_RAWIO", "SYS_TIME", "SYS_BOOT",
    ].map { "\"CAP_\($0)\"" }.joined(separator: ",")
    let kinds =
      ["user", "mount", "pid", "ipc", "uts", "cgroup"] + (network ? ["network"] : [])
    let config = """
      {"ociVersion": "1.2.0", "root": {"path": "\(root)", "readonly": false},
       "process": {"args": ["sh", "-c", "\(script)"], "cwd": "/", "user": {"uid": 0, "gid": 0},
         "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "noNewPrivileges": true,
         "capabilities": {"bounding": [\(names)], "effective": [\(names)], "permitted": [\(names)]}},
       "mounts": [
         {"destination": "/proc", "type": "proc", "source": "proc"},
         {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
         {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}],
       "linux": {
         "seccomp": {"defaultAction": "SCMP_ACT_ALLOW"},
         "namespaces": [\(kinds.map { "{\"type\": \"\($0)\"}" }.joined(separator: ","))],
         "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
         "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}]}}
      """
    let bundle = "\(world.directory)/bundle"
    try makeDirectories(bundle)
    try writeAtomically(Array(config.utf8), to: "\(bundle)/config.json")
    return try world.swrun("--rm", "--bundle", bundle)
  }

  @Test("all capabilities inside are none outside")
  func powers() throws {
    try World.with { world in
      let major = "$(stat -c '0x%t' /dev/null)"
      let result = try powerful(
        world, root: "/", network: false,
        """
        exec 2>/dev/null; \
        hostname inside && echo own uts; mount -t tmpfs tmpfs /tmp && echo own mounts; \
        mknod /tmp/disk b 8 0 && echo MKNOD; mknod /tmp/n c \(major) 3 && echo MKNOD; \
        ip link set eth1 down && echo LINK; ip link add d9 type dummy && echo LINK; \
        echo 1 > /proc/sys/kernel/sysrq && echo SYSCTL; \
        echo 7 > /proc/sys/vm/swappiness && echo SYSCTL; echo h > /proc/sysrq-trigger && echo SYSRQ; \
        date -s @0 >/dev/null && echo TIME; mount -t ext4 /dev/vda /tmp && echo DISK; \
        chroot / true && echo own chroot; mount -t sysfs s /tmp && echo SYSFS; \
        cat /etc/shadow; touch /etc/x && echo WRITTEN; kill -9 \(getpid()) && echo KILLED; true
        """)
      #expect(result.lines == ["own uts", "own mounts", "own chroot"], "\(result)")
    }
  }

  @Test("a root file system of root's is root's inside, where it can be shown so")
  func idmapped() throws {
    try World.with { world in
      let root = "\(world.directory)/rootfs"
      for name in ["bin", "proc", "dev", "tmp"] {
        try makeDirectories("\(root)/\(name)", mode: 0o755)
      }
      chmod(root, 0o755)
      let busybox = try readFile("/bin/busybox", limit: 16 << 20)
      try writeAtomically(busybox, to: "\(root)/bin/busybox", mode: 0o755)
      for name in ["sh", "stat", "touch"] { symlink("busybox", "\(root)/bin/\(name)") }
      let result = try powerful(
        world, root: root, network: true,
        "stat -c '%u %g' /bin/busybox /dev/null; touch /new; stat -c '%u %g' /new")
      #expect(result.output == "0 0\n65534 65534\n0 0\n", "\(result)")
      var status = Glibc.stat()
      #expect(stat("\(root)/new", &status) == 0 && status.st_uid == 0)
      // One that belongs to the mapped id already is left as it is.
      unlink("\(root)/new")
      _ = try command(["chown", "-Rh", "100000:100000", root])
      let owned = try powerful(world, root: root, network: true, "touch /new; stat -c '%u %g' /new")
      #expect(owned.output == "0 0\n", "\(owned)")
      #expect(stat("\(root)/new", &status) == 0 && status.st_uid == 100000)
      // procfs shows nothing under other owners.
      let refused = try powerful(world, root: "/proc/sys", network: true, "true")
      #expect(refused.code == 125 && refused.errors.contains("chown"), "\(refused)")
    }
  }

  @Test("an address, a bridge and a shared network work as ever")
  func networks() throws {
    try World.with { world in
      for network in [
        ["--net", "macvlan:eth0", "--ip", "10.20.20.2"], ["--net", "bridge"],
      ] {
        let target =
          network.contains("bridge")
          ? "$(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p')" : "10.20.20.1"
        let result = try world.swrun(
          ["--rm"] + network + Self.mapped + [
            "--", "sh", "-c",
            "ping -c1 -W5 \(target) >/dev/null && echo pong; ls /sys/class/net; ip link set eth0 down 2>/dev/null && echo DOWN; true",
          ])
        #expect(result.lines == ["pong", "eth0", "lo"], "\(network) \(result)")
      }
      let host = try world.swrun(
        ["--rm", "--net", "host"] + Self.mapped + ["--", "sh", "-c", "ls /sys/class/net; id -u"])
      #expect(host.lines.suffix(4) == ["eth0", "eth1", "lo", "0"], "\(host)")
      #expect(
        try world.swrun(["-d", "--name", "one"] + Self.mapped + ["--", "sleep", "1000"]).code == 0)
      let namespace = "/proc/\(try world.pid("one"))/ns"
      let joined = try world.swrun(
        "--rm", "--userns", "container:one", "--net", "container:one", "--", "sh", "-c",
        "cat /proc/self/uid_map; readlink /proc/self/ns/user; echo >/dev/null && echo null")
      #expect(joined.output.contains("100000"), "\(joined)")
      #expect(joined.output.contains(try readLink("\(namespace)/user")))
      #expect(joined.output.hasSuffix("null\n"))
      let wrong = try world.swrun("--rm", "--userns", "ns:\(namespace)/net", "--", "true")
      #expect(wrong.code == 125 && wrong.errors.contains("is not a user namespace"), "\(wrong)")
    }
  }

  @Test("there is no way into a further user namespace")
  func nested() throws {
    try World.with { world in
      for script in ["unshare -U true", "unshare -Ur true", "nsenter -t 1 -U true"] {
        let result = try world.swrun(["--rm"] + Self.mapped + ["--", "sh", "-c", script])
        #expect(result.code != 0, "\(script) \(result)")
      }
    }
  }

  @Test("auto gives each instance ids of its own, and takes them back")
  func automatic() throws {
    try World.with { world in
      let none = try world.swrun(
        ["--rm", "--userns", "auto", "--", "true"], subordinates: "nobody:1:1")
      #expect(none.code == 125 && none.errors.contains("echo containers:"), "\(none)")
      func run(_ words: [String], _ environment: [String: String] = [:]) throws -> CommandResult {
        try world.swrun(
          words, subordinates: "containers:200000:131072", environment: environment)
      }
      func map(_ options: String...) throws -> CommandResult {
        try run(["--rm"] + options + ["--", "sed", "-E", "s/ +/ /g", "/proc/self/uid_map"])
      }
      for name in ["one", "two"] {
        let result = try run(["-d", "--name", name, "--userns", "auto", "--", "sleep", "1000"])
        #expect(result.code == 0, "\(result)")
      }
      func base(_ name: String) throws -> UInt32? {
        IDMap(parsing: try readText("/proc/\(try world.pid(name))/uid_map"))?.outside(0)
      }
      #expect(try base("one") == 200000 && base("two") == 265536)
      let full = try map("--userns", "auto")
      #expect(full.code == 125 && full.errors.contains("2 ranges are in use"), "\(full)")
      #expect(try map("--subuidname", "containers").output == " 0 200000 131072\n")
      _ = try world.swrun("rm", "-f", "one")
      #expect(try map("--userns", "auto:size=100").output == " 0 200000 100\n")
      let kept = try run(
        ["--rm", "--userns", "keep-id", "--", "sh", "-c", "id -u; cat /proc/self/uid_map"],
        ["SUDO_UID": "4321", "SUDO_GID": "4321"])
      #expect(kept.lines.first == "4321", "\(kept)")
      #expect(kept.lines.contains { $0.split(separator: " ") == ["4321", "4321", "1"] })
    }
  }
}
