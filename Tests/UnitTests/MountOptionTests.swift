import Linux
import Testing

@testable import Linux
@testable import OCI
@testable import Sandbox

@Suite("mount options")
struct MountOptionTests {
  private func options(_ words: String..., type: String = "tmpfs") -> MountOptions {
    MountOptions(Spec.Mount(destination: "/m", type: type, source: "/s", options: words))
  }

  /// The table of config.md, Linux mount options, without those that need more than a word.
  static let words = [
    "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "iversion",
    "lazytime", "loud", "mand", "noatime", "nodev", "nodiratime", "noexec", "noiversion",
    "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid", "nosymfollow", "private",
    "ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec", "rnoatime", "rnodev",
    "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro",
    "rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid",
    "rsymfollow", "runbindable", "rw", "shared", "silent", "slave", "strictatime", "suid",
    "symfollow", "sync", "tmpcopyup", "unbindable", "idmap", "ridmap",
  ]

  @Test("every word of the specification's table is one", arguments: words)
  func word(_ word: String) {
    #expect(options(word).data.isEmpty)
    #expect(!options(word).objections.contains { $0.reason.contains("unknown") })
  }

  @Test("of two that contradict each other the last counts")
  func last() {
    #expect(options("ro", "rw").attributes == MountChange(clear: .readOnly))
    #expect(options("rw", "ro").attributes == MountChange(set: .readOnly))
    #expect(options("noexec", "exec", "noexec").attributes.set == .noExecute)
    #expect(options("sync", "async").flags == [])
    #expect(options("private", "rslave").propagation?.kind == .slave)
    let mixed = options("ro", "rrw", "rnosuid", "suid")
    #expect(mixed.attributes == MountChange(clear: .noSetuid))
    #expect(mixed.recursiveAttributes == MountChange(set: .noSetuid, clear: .readOnly))
  }

  @Test("of access times one counts, and the whole field is cleared for it")
  func times() {
    #expect(
      options("noatime", "strictatime").attributes
        == MountChange(set: .strictAccessTime, clear: .accessTimes))
    #expect(options("noatime", "atime").attributes == MountChange(clear: .accessTimes))
    #expect(options("strictatime", "atime").attributes.set == .strictAccessTime)
    #expect(options("noatime", "nostrictatime").attributes.set == .noAccessTime)
    #expect(options("relatime", "norelatime").attributes.isEmpty)
    #expect(
      options("nodiratime", "noatime").attributes.set == [.noAccessTime, .noDirectoryAccessTime])
  }

  @Test("what is no word is the file system's, with its value")
  func data() {
    #expect(options("size=1m", "noswap").data == [.init("size", "1m"), .init("noswap")])
    #expect(options("lowerdir=a=b").data == [.init("lowerdir", "a=b")])
  }

  @Test("faults of mounts, devices and the root's propagation are all named, with their places")
  func faults() throws {
    var spec = try Spec(bundle: "Tests/Fixtures/host-root")
    spec.mounts = [
      Spec.Mount(destination: "/a", type: "bind", source: "/x", options: ["ro", "size=1m"]),
      Spec.Mount(destination: "b", type: "tmpfs", source: "x", options: ["", "=x"]),
      Spec.Mount(destination: "/./", type: "tmpfs", source: "x", options: []),
      Spec.Mount(destination: "/c", type: "tmpfs", source: "x", options: ["remount"]),
      Spec.Mount(destination: "/d", type: "bind", source: "/x", options: ["sync", "tmpcopyup"]),
      Spec.Mount(destination: "/e", type: "proc", source: "x", options: ["tmpcopyup"]),
      Spec.Mount(destination: "/f", type: "bind", source: "", options: ["idmap"]),
      Spec.Mount(destination: "/g", type: "none", source: "x", options: ["bind", "remount"]),
    ]
    spec.linux.devices = [
      Spec.Device(path: "dev/x", type: "x", major: 1, minor: 1),
      Spec.Device(path: "/dev/y", type: "c", major: nil, minor: 1 << 20),
    ]
    spec.linux.rootfsPropagation = "sharde"
    #expect(
      spec.fileSystemFaults().map(\.path) == [
        "mounts[0].options[1]", "mounts[1].options[0]", "mounts[1].options[1]",
        "mounts[1].destination", "mounts[2].destination", "mounts[3]", "mounts[4].options[0]",
        "mounts[4].options[1]", "mounts[5]", "mounts[6]", "mounts[6].source", "mounts[7]",
        "linux.devices[0].path", "linux.devices[0].type", "linux.devices[1].major",
        "linux.devices[1].minor", "linux.rootfsPropagation",
      ])
  }

  @Test("a remount is of a file system that an earlier mount has put there")
  func remount() throws {
    var spec = try Spec(bundle: "Tests/Fixtures/host-root")
    spec.mounts = [
      Spec.Mount(destination: "/c/", type: "tmpfs", source: "x", options: []),
      Spec.Mount(destination: "/c", type: "tmpfs", source: "x", options: ["remount", "size=1m"]),
      Spec.Mount(destination: "/", type: "none", source: "x", options: ["remount", "bind", "ro"]),
    ]
    #expect(spec.fileSystemFaults() == [])
    #expect(spec.fileSystem(before: 1) == 0)
    spec.mounts[0].type = "sysfs"
    #expect(spec.fileSystemFaults().map(\.path) == ["mounts[1]"])
  }

  @Test("id mappings need both sides and may not be too long")
  func mappings() {
    var mount = Spec.Mount(destination: "/m", type: "bind", source: "/s", options: [])
    mount.uidMappings = [Spec.IDMapping(containerID: 0, hostID: 1000, size: 1)]
    #expect(MountOptions(mount).objections.count == 1)
    mount.gidMappings = [Spec.IDMapping(containerID: 1, hostID: 0, size: .max)]
    #expect(MountOptions(mount).objections.isEmpty && MountOptions(mount).idMap == .one)
    mount.gidMappings = [Spec.IDMapping(containerID: 2, hostID: 0, size: .max)]
    #expect(MountOptions(mount).objections.count == 1)
  }

  @Test("a mount of cgroup is each hierarchy of version 1 in a tmpfs")
  func cgroup() {
    let mount = Spec.Mount(
      destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"])
    let lines = "2:cpu,cpuacct:/\n1:name=systemd:/\n0::/x:y\n"
    let mounts = CgroupLayout.expand(mount, hierarchies: lines)
    #expect(
      mounts.map(\.destination)
        == ["", "/unified", "/systemd", "/cpu,cpuacct"].map {
          "/sys/fs/cgroup\($0)"
        })
    #expect(mounts.map(\.type) == ["tmpfs", "cgroup2", "cgroup", "cgroup"])
    #expect(mounts[2].options == ["ro", "none", "name=systemd"])
    #expect(mounts[3].options == ["ro", "cpu", "cpuacct"])
  }

  @Test("a table of mounts is read, with signs in paths and tags")
  func table() throws {
    let table = MountTable(
      parsing: """
        1 0 8:1 / / ro,nosuid,relatime shared:3 - ext4 /dev/a rw
        2 1 0:5 / /a\\040b\\134 rw,noatime,nosymfollow - tmpfs t rw
        3 2 0:5 / /a\\040b\\134/c rw master:1 propagate_from:2 - tmpfs t rw
        broken
        """)
    #expect(table.entries.map(\.place) == ["/", "/a b\\", "/a b\\/c"])
    #expect(table.entries.map(\.isShared) == [true, false, false])
    #expect(table.entries[0].attributes == [.readOnly, .noSetuid])
    #expect(table.entries[1].attributes == [.noAccessTime, .noSymbolicLinks])
    #expect(table.entries[2].attributes == .strictAccessTime)
    #expect(table.tree(1).map(\.id) == [1, 2, 3])
    // MS_NOATIME and MS_NOSYMFOLLOW; MS_RELATIME where nothing is said.
    #expect(table.entries[1].attributes.mountFlags == 1024 | 256)
    #expect(MountAttributes().mountFlags == 1 << 21)
  }
}

@Suite("mounts of the command line")
struct MountRequestTests {
  @Test("a volume is bound with all below it, without set-id programs and devices")
  func volume() throws {
    let mount = try Spec.Mount(volume: "/tmp:/a:ro,noexec,rslave")
    #expect(mount.source == "/tmp" && mount.destination == "/a" && mount.isBind)
    #expect(mount.options == ["rbind", "rnosuid", "rnodev", "rro", "rnoexec", "rslave"])
    #expect(try Spec.Mount(volume: "/tmp:/a:ro,rw").options == ["rbind", "rnosuid", "rnodev"])
    #expect(MountOptions(mount).objections.isEmpty)
  }

  @Test(
    "what is no volume is refused",
    arguments: [
      "a", "/a", "/a:b", "/tmp:/", "/tmp:/b:rx", "/tmp:/b:ro:x", ":/b", "/tmp:/./", "/tmp:/b:z",
      "/tmp:/b:Z", "/tmp:/b:unbindable", "/tmp:/b:nocopy", "/nowhere:/b", "/tmp:/b:",
    ])
  func volumes(_ text: String) {
    // An empty list of options says nothing, as with Docker.
    if text.hasSuffix("b:") {
      #expect(throws: Never.self) { try Spec.Mount(volume: text) }
    } else {
      #expect(throws: SandboxError.self) { try Spec.Mount(volume: text) }
    }
  }

  @Test("--mount has Docker's keys")
  func mount() throws {
    let bind = try Spec.Mount(
      mountOption: "type=bind,src=/tmp,\"dst=/a,b\",readonly,bind-propagation=rshared")
    #expect(bind.destination == "/a,b")
    #expect(bind.options == ["rbind", "rnosuid", "rnodev", "rro", "rshared"])
    let single = try Spec.Mount(
      mountOption: "type=bind,source=/tmp,target=/a,ro=true,bind-recursive=disabled")
    #expect(single.options == ["bind", "rnosuid", "rnodev", "rro"])
    let tmpfs = try Spec.Mount(
      mountOption: "type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=0700")
    #expect(MountOptions(tmpfs).data.suffix(2) == [.init("size", "1m"), .init("mode", "700")])
  }

  @Test(
    "what --mount does not know is refused",
    arguments: [
      "type=volume,src=a,dst=/a", "src=/tmp,dst=/a", "type=bind,dst=/a", "type=bind,src=/tmp",
      "type=bind,src=/tmp,dst=/a,tmpfs-size=1", "type=tmpfs,dst=/a,bind-propagation=private",
      "type=bind,src=/tmp,dst=/a,bind-propagation=x", "type=bind,src=/tmp,dst=/a,ro=maybe",
      "type=tmpfs,dst=/a,tmpfs-mode=9", "type=tmpfs,dst=a", "type=tmpfs,\"dst=/a", "type=x,dst=/a",
      "type=bind,src=/tmp,dst=/a,consistency=cached",
    ])
  func mounts(_ text: String) {
    #expect(throws: SandboxError.self) { try Spec.Mount(mountOption: text) }
  }

  @Test("--tmpfs takes the options of mounts and of tmpfs, and no others")
  func tmpfs() throws {
    let mount = try Spec.Mount(tmpfs: "/t:size=1m,exec,ro")
    #expect(MountOptions(mount).attributes.set == [.noSetuid, .noDevices, .readOnly])
    for wrong in ["t", "/", "/t:sise=1", "/t:remount", "/t:rbind", "/t:lowerdir=x"] {
      #expect(throws: SandboxError.self, "\(wrong)") { try Spec.Mount(tmpfs: wrong) }
    }
  }

  @Test("mounts come in the order of their depth, and none twice at a place")
  func order() throws {
    var request = RunRequest(id: "a", command: ["true"])
    try request.setMounts(
      try ["/a/b/c", "/x", "/a"].map { text throws in try Spec.Mount(tmpfs: text) })
    #expect(request.mounts.map(\.destination) == ["/x", "/a", "/a/b/c"])
    #expect(throws: SandboxError.self) {
      try request.setMounts(try ["/a", "/a/"].map { text throws in try Spec.Mount(tmpfs: text) })
    }
  }

  @Test("a mount takes the place of a standard one")
  func replaces() throws {
    var request = RunRequest(id: String(repeating: "a", count: 64), command: ["true"])
    try request.setMounts([try Spec.Mount(tmpfs: "/dev/shm/:size=1m")])
    let spec = try Spec(hosting: request)
    #expect(spec.mounts.filter { Spec.plainPath($0.destination) == "/dev/shm" }.count == 1)
    #expect(spec.mounts.last?.options.contains("size=1m") == true)
  }
}
