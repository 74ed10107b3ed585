import Glibc
import JSON
import Linux
import OCI
import TestSupport
import Testing

/// What a bundle's mounts, devices and root are inside, by the calls that this kernel has and by
/// mount(2) alone.
@Suite("mounts", .serialized)
struct MountTests {
  /// Writes a bundle with a root file system of its own.
  private func bundle(
    _ world: World, _ change: (inout Spec) -> Void
  ) throws -> String {
    let directory = "\(world.directory)/bundle"
    try removeTree(directory)
    try makeDirectories(directory)
    try Tree.make("\(directory)/rootfs")
    var spec = try Spec(bundle: "Tests/Fixtures/host-root")
    spec.root = Spec.Root(path: "rootfs", readonly: false)
    spec.process.args = ["/bin/sh"]
    change(&spec)
    try writeAtomically(
      JSON.text(spec), to: "\(directory)/config.json", mode: 0o644)
    return directory
  }

  private func run(
    _ world: World, _ bundle: String, _ script: String, old: Bool = false
  ) throws -> CommandResult {
    try command(
      ["ip", "netns", "exec", world.hostName] + (old ? OldKernel.prefix : [])
        + [World.binary, "--rm", "--bundle", bundle, "--", "/bin/sh", "-c", script],
      environment: world.environment)
  }

  private static func tmpfs(_ path: String, _ options: String...) -> Spec.Mount {
    Spec.Mount(destination: path, type: "tmpfs", source: "tmpfs", options: options)
  }

  /// `place options - type` of each mount of the instance, without what differs from run to run.
  private static let listing =
    "awk '{ for (i = 7; $i != \"-\"; i++); print $5, $6, ($7 ~ /shared/ ? \"shared\": $7 ~ /master/ ? \"slave\": \"\"), $(i + 1), $(i + 3) }' /proc/self/mountinfo | sort"

  @Test("the options of mounts are there, with the new calls and with mount(2) alone")
  func options() throws {
    try World.with { world in
      let source = "\(world.directory)/source"
      try makeDirectories("\(source)/sub", mode: 0o755)
      let bundle = try bundle(world) { spec in
        spec.mounts += [
          Self.tmpfs("/m1", "ro", "noexec", "noatime", "nodiratime", "size=1m", "mode=750"),
          Self.tmpfs("/m2", "strictatime", "nosymfollow", "sync", "dirsync"),
          Self.tmpfs("/m2/deep/er", "nosuid", "suid", "nodev", "dev", "ro", "rw"),
          Self.tmpfs("/m3", "size=1m"), Self.tmpfs("/m3", "remount", "size=2m", "noexec"),
          Self.tmpfs("/m4", "lazytime", "relatime"), Self.tmpfs("/m5", "iversion", "silent"),
          Spec.Mount(
            destination: "/b1", type: "none", source: source,
            options: ["bind", "ro", "nosuid", "nodev"]),
          Spec.Mount(
            destination: "/b2", type: "bind", source: source, options: ["rbind", "noatime", "rro"]),
          Spec.Mount(
            destination: "/b1", type: "none", source: "none",
            options: ["remount", "bind", "noexec"]),
          Spec.Mount(
            destination: "/file", type: "bind", source: "/etc/hostname", options: ["ro"]),
        ]
        spec.linux.rootfsPropagation = "shared"
      }
      let new = try run(world, bundle, Self.listing)
      #expect(new.code == 0, "\(new)")
      for line in [
        "/m1 ro,noexec,noatime,nodiratime  tmpfs rw,size=1024k,mode=750",
        "/m2 rw,nosymfollow  tmpfs rw,sync,dirsync", "/m2/deep/er rw,relatime  tmpfs rw",
        "/m3 rw,noexec,relatime  tmpfs rw,size=2048k", "/m4 rw,relatime  tmpfs rw,lazytime",
      ] {
        #expect(
          new.lines.contains {
            $0.hasPrefix(line) || $0.replacing("rw,sync,dirsync", with: "rw,dirsync,sync") == line
          },
          "\(line): \(new)")
      }
      #expect(new.lines.contains { $0.hasPrefix("/b1 ro,nosuid,nodev,noexec,relatime") }, "\(new)")
      #expect(new.lines.contains { $0.hasPrefix("/b2 ro,noatime") }, "\(new)")
      #expect(new.lines.contains { $0.hasPrefix("/ rw,nosuid,nodev,relatime shared") }, "\(new)")
      let old = try run(world, bundle, Self.listing, old: true)
      #expect(old.code == 0 && old.lines == new.lines, "\(old)\n\(new)")
      // What was made for the mounts is the bundle's own.
      #expect(FileIdentity(path: "\(bundle)/rootfs/m2") != nil)
      #expect(directoryEntries("\(bundle)/rootfs/m2") == [])
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "recursive attributes reach what is mounted below, the others do not", arguments: [false, true])
  func recursive(_ old: Bool) throws {
    try World.with { world in
      let source = "\(world.directory)/source"
      try makeDirectories("\(source)/sub", mode: 0o755)
      let bundle = try bundle(world) { spec in
        spec.mounts += [
          Spec.Mount(destination: "/a", type: "bind", source: source, options: ["rbind", "rro"]),
          Spec.Mount(destination: "/b", type: "bind", source: source, options: ["rbind", "ro"]),
          Spec.Mount(destination: "/c", type: "bind", source: source, options: ["bind"]),
        ]
      }
      let words = (old ? OldKernel.prefix : []) + [World.binary]
      let result = try command(
        [
          "ip", "netns", "exec", world.hostName, "sh", "-c",
          "mount -t tmpfs -o mode=755 t \(source)/sub && echo below >\(source)/sub/f && exec \"$@\"",
          "sh",
        ] + words + [
          "--rm", "--bundle", bundle, "--", "/bin/sh", "-c",
          "for p in a a/sub b b/sub c c/sub; do (echo >/$p/x) 2>/dev/null && echo $p; done; ls /c/sub /a/sub",
        ],
        environment: world.environment)
      #expect(
        result.lines
          == ["b/sub", "c", "c/sub", "/a/sub:", "f", "x", "", "/c/sub:", "x"].filter { !$0.isEmpty },
        "\(result)")
    }
  }

  @Test(
    "a slave hears of what is mounted on the host, a private one does not",
    arguments: [false, true])
  func propagation(_ old: Bool) throws {
    try World.with { world in
      let source = "\(world.directory)/source"
      try makeDirectories("\(source)/a", mode: 0o755)
      let script = """
        set -e
        mount --bind \(source) \(source) && mount --make-shared \(source)
        "$@" --rm -i --name p --rootfs \(world.directory)/tree -v \(source):/s:rslave \
          -v \(source):/p -v \(source):/b:rshared -- sh -c \
          'echo ready; read x; ls /s/a /p/a /b/a' >\(world.directory)/out <\(world.directory)/in &
        exec 3>\(world.directory)/in
        until grep -q ready \(world.directory)/out; do sleep 0.05; done
        mount -t tmpfs t \(source)/a && touch \(source)/a/seen && echo >&3
        wait
        """
      try Tree.make("\(world.directory)/tree")
      let result = try command(
        [
          "ip", "netns", "exec", world.hostName, "sh", "-c",
          "mkfifo \(world.directory)/in; unshare -m --propagation private sh -c \"$0\" sh \"$@\"",
          script,
        ] + (old ? OldKernel.prefix : []) + [World.binary],
        environment: world.environment)
      let out = try readText("\(world.directory)/out")
      #expect(out == "ready\n/b/a:\nseen\n\n/p/a:\n\n/s/a:\nseen\n", "\(result) \(out)")
      let refused = try world.swrun("--rm", "-v", "\(source):/mnt:rshared", "--", "true")
      #expect(refused.code == 125 && refused.errors.contains("not on a shared mount"), "\(refused)")
    }
  }

  @Test("an idmapped mount shows other owners")
  func idMap() throws {
    try World.with { world in
      let bundle = try bundle(world) { spec in
        var mount = Self.tmpfs("/m", "mode=755")
        mount.uidMappings = [Spec.IDMapping(containerID: 0, hostID: 1000, size: 10)]
        mount.gidMappings = [Spec.IDMapping(containerID: 0, hostID: 2000, size: 10)]
        spec.mounts.append(mount)
        mount.destination = "/r"
        mount.type = "bind"
        mount.source = "/usr"
        mount.options = ["rbind", "ridmap"]
        spec.mounts.append(mount)
      }
      let result = try run(world, bundle, "stat -c '%u %g' /m /r")
      #expect(result.lines == ["1000 2000", "1000 2000"], "\(result)")
      let old = try run(world, bundle, "true", old: true)
      #expect(old.code == 125 && old.errors.contains("neither this kernel"), "\(old)")
    }
  }

  @Test("tmpcopyup begins with what is covered")
  func copyUp() throws {
    try World.with { world in
      let bundle = try bundle(world) { $0.mounts.append(Self.tmpfs("/etc", "tmpcopyup", "ro")) }
      let etc = "\(bundle)/rootfs/etc"
      try makeDirectories("\(etc)/deep/er")
      #expect(symlink("/outside", "\(etc)/deep/link") == 0)
      #expect(mkfifo("\(etc)/deep/pipe", 0o640) == 0)
      #expect(chown("\(etc)/deep/er", 77, 78) == 0 && chmod("\(etc)/deep/er", 0o2711) == 0)
      let result = try run(
        world, bundle,
        "cmp /etc/passwd /etc/passwd && stat -c '%a %u %g' /etc/deep/er && readlink /etc/deep/link && test -p /etc/deep/pipe && touch /etc/x"
      )
      #expect(result.lines == ["2711 77 78", "/outside"], "\(result)")
      #expect(result.errors.contains("Read-only file system"))
    }
  }

  @Test("devices are made with their mode and owner; one that is another file is refused")
  func devices() throws {
    try World.with { world in
      let bundle = try bundle(world) { spec in
        spec.linux.devices = [
          Spec.Device(
            path: "/dev/deep/mine", type: "c", major: 1, minor: 3, fileMode: 0o640, uid: 7, gid: 8),
          Spec.Device(path: "/dev/block", type: "b", major: 7, minor: 99),
          Spec.Device(path: "/pipe", type: "p", major: nil, minor: nil, fileMode: 0o600),
          Spec.Device(path: "/dev/null", type: "c", major: 1, minor: 3),
        ]
      }
      let result = try run(
        world, bundle,
        "stat -c '%F %a %u %g %t %T' /dev/deep/mine /dev/block /pipe; echo x >/dev/deep/mine && cat /dev/deep/mine"
      )
      #expect(
        result.lines == [
          "character special file 640 7 8 1 3", "block special file 666 0 0 7 63",
          "fifo 600 0 0 0 0",
        ], "\(result)")
      for (path, reason) in [
        ("/dev/zero", "is there already"), ("/etc/x", "under /dev alone"),
        ("/dev/zero/x", "Not a directory"),
      ] {
        let wrong = try self.bundle(world) {
          $0.linux.devices = [Spec.Device(path: path, type: "c", major: 1, minor: 3)]
        }
        let refused = try run(world, wrong, "true")
        #expect(refused.code == 125 && refused.errors.contains(reason), "\(path): \(refused)")
      }
      let mine = try world.swrun(
        "--rm", "--device", "/dev/full:/dev/mine:rw", "--", "stat", "-c", "%t %T", "/dev/mine")
      #expect(mine.output == "1 7\n", "\(mine)")
    }
  }

  @Test("default devices are there without a mount at /dev, and a bound /dev stays as it is")
  func defaultDevices() throws {
    try World.with { world in
      let bare = try bundle(world) { spec in spec.mounts = [spec.mounts[0]] }
      let result = try run(world, bare, "ls /dev | tr '\\n' ' '")
      #expect(
        result.output
          == "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ",
        "\(result)")
      #expect(directoryEntries("\(bare)/rootfs/dev") == [])
      let before = directoryEntries("/dev")
      let bound = try bundle(world) { spec in
        spec.mounts = [
          spec.mounts[0],
          Spec.Mount(destination: "/dev/.", type: "bind", source: "/dev", options: ["rbind"]),
        ]
      }
      #expect(try run(world, bound, "test -c /dev/null").code == 0)
      #expect(directoryEntries("/dev") == before)
    }
  }

  @Test("a mount of cgroup is what this host has", arguments: ["cgroup", "cgroup2"])
  func cgroup(_ type: String) throws {
    try World.with { world in
      let bundle = try bundle(world) { spec in
        spec.mounts.removeAll { $0.destination == "/sys/fs/cgroup" }
        spec.mounts.append(
          Spec.Mount(
            destination: "/sys/fs/cgroup", type: type, source: type,
            options: ["nosuid", "noexec", "nodev", "ro"]))
      }
      let result = try run(
        world, bundle,
        "find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs | grep -c .; mkdir /sys/fs/cgroup/x")
      #expect((Int(result.lines.first ?? "") ?? 0) >= 1, "\(result)")
      #expect(result.errors.contains("Read-only file system"), "\(result)")
    }
  }
}
