import Glibc
import Linux
import TestSupport
import Testing

/// `--rootfs`, `--ephemeral`, `--read-only`, and root file systems that want to lead out.
@Suite("root file systems", .serialized)
struct RootfsTests {
  private static func with(_ body: (World, String) throws -> Void) throws {
    try World.with { world in
      let tree = "\(world.directory)/tree"
      try Tree.make(tree)
      try body(world, tree)
    }
  }

  @Test("a directory is run as Docker runs an image")
  func docker() throws {
    try Self.with { world, tree in
      try makeDirectories("\(tree)/home")
      let result = try world.swrun(
        "--rm", "--rootfs", tree, "-u", "user", "-w", "/made/here", "--", "sh", "-c",
        "id -u; id -g; id -G; echo $HOME; pwd; echo $PATH; cat /etc/hostname | wc -c; ls -d /home /dev/shm /dev/mqueue /proc/1 /sys/class"
      )
      #expect(
        result.lines == [
          "77", "78", "78 99", "/home/user", "/made/here",
          "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "13", "/dev/mqueue",
          "/dev/shm", "/home", "/proc/1", "/sys/class",
        ], "\(result)")
      #expect(FileIdentity(path: "\(tree)/made/here") != nil)
      let written = try world.swrun(
        "--rm", "--rootfs", tree, "--", "sh", "-c", "echo 1 >/file && test -u /bin/busybox || id -u"
      )
      #expect(written.output == "0\n" && FileIdentity(path: "\(tree)/file") != nil, "\(written)")
      // From where the caller is, and through a link: both are resolved once.
      #expect(symlink(tree, "\(world.directory)/link") == 0)
      let relative = try command(
        [
          "sh", "-c",
          "cd \(world.directory) && exec ip netns exec \(world.hostName) \(World.binary) --rm --rootfs link -- ls /file",
        ], environment: world.environment)
      #expect(relative.output == "/file\n", "\(relative)")
    }
  }

  @Test("--read-only leaves only fresh directories to be written, and makes nothing")
  func readOnly() throws {
    try Self.with { world, tree in
      let before = try command(["find", tree]).output
      let result = try world.swrun(
        "--rm", "--rootfs", tree, "--read-only", "--", "sh", "-c",
        "for d in / /etc /root /usr /tmp /run /var/tmp /dev/shm; do (touch $d/x) 2>/dev/null && echo $d; done"
      )
      #expect(result.lines == ["/tmp", "/run", "/var/tmp", "/dev/shm"], "\(result)")
      let missing = try world.swrun(
        "--rm", "--rootfs", tree, "--read-only", "--tmpfs", "/new", "--", "true")
      #expect(missing.code == 125 && missing.errors.contains("/new does not exist"), "\(missing)")
      #expect(try command(["find", tree]).output == before)
    }
  }

  @Test(
    "what is written to an ephemeral root is gone afterwards, with mount(2) alone as well",
    arguments: [false, true])
  func ephemeral(_ old: Bool) throws {
    try Self.with { world, tree in
      #expect(chown(tree, 5, 6) == 0 && chmod(tree, 0o751) == 0)
      let prefix =
        ["ip", "netns", "exec", world.hostName] + (old ? OldKernel.prefix : []) + [World.binary]
      func run(_ words: [String]) throws -> CommandResult {
        try command(prefix + words, environment: world.environment)
      }
      let before = try command(["find", tree, "-printf", "%p %T@\n"]).output
      let script =
        "rm /etc/passwd && echo x >/bin/x && mkdir /new && ls /bin/x && stat -c '%a %u %g' /"
      let result = try run(
        [
          "--rm", "--rootfs", tree, "--ephemeral", "-w", "/w", "--tmpfs", "/deep/er", "--", "sh",
          "-c", script,
        ])
      #expect(result.lines == ["/bin/x", "751 5 6"], "\(result)")
      #expect(try command(["find", tree, "-printf", "%p %T@\n"]).output == before)
      let host = try run([
        "--rm", "--ephemeral", "--", "sh", "-c",
        "touch /etc/swrun-test /usr/swrun-test && ls /etc/swrun-test; ls -A /tmp /run | grep -v :",
      ])
      #expect(host.output.split(separator: "\n").map(String.init) == ["/etc/swrun-test"], "\(host)")
      #expect(FileIdentity(path: "/etc/swrun-test") == nil)
      #expect(try world.leftovers() == [])
    }
  }

  @Test("what is mounted below an ephemeral root shows read-only")
  func ephemeralBelow() throws {
    try Self.with { world, tree in
      try makeDirectories("\(tree)/disk")
      let result = try command(
        [
          "ip", "netns", "exec", world.hostName, "sh", "-c",
          "mount -t tmpfs t \(tree)/disk && touch \(tree)/disk/there && exec \(World.binary) --rm --rootfs \(tree) --ephemeral -- sh -c 'ls /disk; touch /disk/x'",
        ], environment: world.environment)
      #expect(result.output == "there\n" && result.errors.contains("Read-only"), "\(result)")
    }
  }

  /// Where the standard mounts and files of names go.
  static let targets = [
    "/proc", "/sys", "/dev", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/tmp", "/run",
    "/var/tmp", "/etc",
  ]

  @Test("links that lead out of the root are followed inside of it only", arguments: targets)
  func links(_ target: String) throws {
    try Self.with { world, tree in
      let outside = "\(world.directory)/outside"
      try makeDirectories("\(outside)/dir")
      try writeAtomically(Array("secret\n".utf8), to: "\(outside)/passwd")
      let chain = "\(tree)/chain"
      for (index, place) in [
        "\(outside)/dir", "../../../../../../..\(outside)/dir", "\(outside)/missing", "/chain",
        "/proc/self/root\(outside)/dir", "/proc/self/cwd", "/proc/1/root\(outside)", "loop",
      ].enumerated() {
        for name in [tree + target, chain, "\(tree)/loop"] { try removeTree(name) }
        #expect(symlink(place, tree + target) == 0)
        #expect(symlink(".." + outside, chain) == 0)
        #expect(symlink("/loop", "\(tree)/loop") == 0)
        let before = try command(["find", outside, "-printf", "%p %T@ %i\n"]).output
        let choices = [[], ["--ephemeral"], ["--read-only"], ["-u", "user", "--tmpfs", target]]
        // Each with two of them, in turn.
        for options in [choices[index % 4], choices[(index + 1 + target.utf8.count) % 4]] {
          let result = try world.swrun(
            ["--rm", "--rootfs", tree] + options + ["--", "/bin/sh", "-c", "cat /etc/passwd"])
          // It may run or be refused; what it sees is its own.
          #expect(!result.output.contains("secret"), "\(index) \(options): \(result)")
          #expect(
            result.code != 125 || result.errors.split(separator: "\n").count == 1, "\(result)")
          #expect(try command(["find", outside, "-printf", "%p %T@ %i\n"]).output == before)
        }
      }
      let mounts = try readText("/proc/self/mountinfo")
      #expect(!mounts.contains(world.directory))
      #expect(try world.leftovers() == [])
    }
  }

  @Test("accounts are read inside the root, also where they are links to the host's")
  func accounts() throws {
    try Self.with { world, tree in
      try writeAtomically(
        Array("evil:x:0:0::/:/bin/sh\n".utf8), to: "\(world.directory)/passwd")
      for place in ["\(world.directory)/passwd", "../../../../..\(world.directory)/passwd"] {
        try removeTree("\(tree)/etc/passwd")
        #expect(symlink(place, "\(tree)/etc/passwd") == 0)
        let result = try world.swrun("--rm", "--rootfs", tree, "-u", "evil", "--", "id")
        #expect(result.code == 125 && result.errors.contains("no user is called"), "\(result)")
      }
      // Nobody waits for a pipe either.
      try removeTree("\(tree)/etc/passwd")
      #expect(mkfifo("\(tree)/etc/passwd", 0o644) == 0)
      let pipe = try world.swrun("--rm", "--rootfs", tree, "-u", "7", "--", "echo", "ran")
      #expect(pipe.output == "ran\n", "\(pipe)")
    }
  }

  @Test("exec finds users in the instance as it is now")
  func execAccounts() throws {
    try Self.with { world, tree in
      let started = try world.swrun(
        "-d", "--name", "x", "--rootfs", tree, "--ephemeral", "--", "sh", "-c",
        "echo new:x:55:56::/tmp:/bin/sh >>/etc/passwd; exec sleep 1000")
      #expect(started.code == 0, "\(started)")
      let found = try eventually {
        try world.swrun("exec", "-u", "new", "x", "sh", "-c", "id -u; echo $HOME").output
          == "55\n/tmp\n"
      }
      #expect(found)
    }
  }

  @Test("a target that is swapped while instances start leads nowhere else")
  func swapped() throws {
    try Self.with { world, tree in
      let outside = "\(world.directory)/outside"
      for name in ["\(outside)/proc", "\(outside)/m", "\(tree)/place"] { try makeDirectories(name) }
      // renameat2(RENAME_EXCHANGE): at each moment it is one or the other.
      #expect(symlink(outside, "\(tree)/swap") == 0)
      let swapper = try start([
        "python3", "-c",
        """
        import ctypes, sys
        libc = ctypes.CDLL(None)
        a, b = sys.argv[1].encode(), sys.argv[2].encode()
        while True:
            libc.renameat2(-100, a, -100, b, 2)
        """, "\(tree)/place", "\(tree)/swap",
      ])
      defer {
        kill(swapper.pid, SIGKILL)
        _ = try? swapper.finish()
      }
      var runs = 0
      for round in 0..<40 {
        let result = try world.swrun(
          [
            "--rm", "--rootfs", tree, "--tmpfs", "/place/m", "-v", "/usr:/place/proc/x", "-w",
            "/place/w",
          ]
            + (round % 2 == 0 ? ["--ephemeral"] : []) + ["--", "true"])
        #expect(result.code == 0 || result.code == 125, "\(result)")
        if result.code == 0 { runs += 1 }
      }
      #expect(runs > 0)
      #expect(directoryEntries(outside) == ["m", "proc"])
      #expect(directoryEntries("\(outside)/m") == [] && directoryEntries("\(outside)/proc") == [])
    }
  }

  @Test("a working directory that leads out through a descriptor is refused (CVE-2024-21626)")
  func workingDirectory() throws {
    try Self.with { world, tree in
      #expect(symlink("/proc/self/fd/9", "\(tree)/cwd") == 0)
      for path in (3...12).map({ "/proc/self/fd/\($0)" }) + ["/cwd", "/proc/self/fd/9/.."] {
        let result = try command(
          [
            "sh", "-c",
            "exec 9</; exec ip netns exec \(world.hostName) \(World.binary) --rm --rootfs \(tree) -w \(path) -- ls -d ../../../../../../../work /root/.. ",
          ], environment: world.environment)
        #expect(result.code == 125 && result.output == "", "\(path): \(result)")
      }
      #expect(
        try world.swrun("-d", "--name", "x", "--rootfs", tree, "--", "sleep", "1000").code == 0)
      for number in 3...12 {
        let result = try command(
          [
            "sh", "-c",
            "exec 9</; exec ip netns exec \(world.hostName) \(World.binary) exec -w /proc/self/fd/\(number) x -- ls",
          ], environment: world.environment)
        #expect(result.code != 0 && result.output == "", "\(number): \(result)")
      }
    }
  }

  @Test("a volume's source may be a link, as with Docker")
  func volumeLink() throws {
    try Self.with { world, tree in
      try makeDirectories("\(world.directory)/data")
      try writeAtomically([0x61, 0x0a], to: "\(world.directory)/data/f")
      #expect(symlink("data", "\(world.directory)/link") == 0)
      let result = try world.swrun(
        "--rm", "--rootfs", tree, "-v", "\(world.directory)/link:/v:ro", "--mount",
        "type=bind,src=\(world.directory)/data,dst=/w", "--", "sh", "-c",
        "cat /v/f; touch /w/x; touch /v/y")
      #expect(result.output == "a\n" && result.errors.contains("Read-only"), "\(result)")
      #expect(directoryEntries("\(world.directory)/data") == ["f", "x"])
    }
  }

  @Test("options beside --bundle change what the bundle says")
  func beside() throws {
    try Self.with { world, tree in
      let bundle = "\(world.directory)/bundle"
      try makeDirectories(bundle)
      var text = try readText("Tests/Fixtures/host-root/config.json")
      text.replace("\"path\": \"/\"", with: "\"path\": \"rootfs\"")
      text.replace("\"readonly\": true", with: "\"readonly\": false")
      try writeAtomically(Array(text.utf8), to: "\(bundle)/config.json")
      // A link is followed once.
      #expect(symlink(tree, "\(bundle)/rootfs") == 0)
      let result = try world.swrun(
        "--rm", "-t", "--bundle", bundle, "-e", "A=b", "-u", "user", "-w", "/tmp", "--hostname",
        "box", "--tmpfs", "/tmp:exec", "--", "sh", "-c",
        "echo $A; id -u; pwd; hostname; tty; touch x")
      #expect(
        result.output.split(whereSeparator: \.isNewline) == [
          "b", "77", "/tmp", "box", "/dev/pts/0",
        ], "\(result)")
      let ephemeral = try world.swrun(
        "--rm", "--bundle", bundle, "--ephemeral", "--", "touch", "/x")
      #expect(ephemeral.code == 0 && FileIdentity(path: "\(tree)/x") == nil, "\(ephemeral)")
      try removeTree("\(bundle)/rootfs")
      let missing = try world.swrun("--rm", "--bundle", bundle)
      #expect(missing.code == 125 && missing.errors.contains("rootfs does not exist"), "\(missing)")
    }
  }

  static let refusals: [([String], String)] = [
    (["--rootfs", "/nowhere"], "/nowhere does not exist"),
    (["--rootfs", "/etc/passwd"], "is not a directory"),
    (["--rootfs", "/"], "the host's own root"),
    (["--rootfs", "TREE/loop"], "is a cycle of symbolic links"),
    (["--rootfs", "TREE", "--bundle", "Tests/Fixtures/host-root"], "exclude each other"),
    (["--rootfs", "TREE", "--ephemeral", "--read-only"], "exclude each other"),
    (["--rootfs", "TREE", "--tmpfs", "/loop"], "the mount point /loop"),
    (["--rootfs", "TREE", "--tmpfs", "/loop/x/y"], "the mount point /loop/x/y"),
    (["--rootfs", "TREE", "--tmpfs", "/bin/busybox/x"], "the mount point /bin/busybox/x"),
    (["--rootfs", "TREE", "--tmpfs", "/a", "--tmpfs", "/a/"], "two mounts are given for /a/"),
    (["--rootfs", "TREE", "-v", "/etc:/a:z"], "SELinux"),
    (["--rootfs", "TREE", "-v", "/nowhere:/a"], "/nowhere does not exist"),
    (["--rootfs", "TREE", "--mount", "type=volume,src=x,dst=/a"], "named volumes"),
    (["--rootfs", "TREE", "--device", "/dev/nowhere"], "/dev/nowhere does not exist"),
    (["--rootfs", "TREE", "--device", "/dev/null:/x"], "under /dev alone"),
    (
      ["--rootfs", "TREE", "-v", "/etc/hostname:/a/b", "--tmpfs", "/a/b/c"],
      "the mount point /a/b/c"
    ),
  ]

  @Test("bad input is one line and 125, and nothing is left", arguments: refusals)
  func refused(_ options: [String], _ text: String) throws {
    try Self.with { world, tree in
      #expect(symlink("loop", "\(tree)/loop") == 0)
      let result = try world.swrun(
        ["--rm"] + options.map { $0.replacing("TREE", with: tree) } + ["--", "true"])
      #expect(result.code == 125 && result.output == "", "\(result)")
      #expect(
        result.errors.split(separator: "\n").count == 1 && result.errors.contains(text), "\(result)"
      )
      #expect(try world.leftovers() == [])
    }
  }
}
