import Linux
import TestSupport
import Testing

/// The ways out of `Tests/Hostile/hostile.c` on a kernel with ipvlan and nothing but cgroup version 2.
@Suite("hostile workloads", .serialized)
struct HostileTests {
  @Test("no way out is open on ipvlan, in limits, in a user namespace, in a root file system")
  func refused() throws {
    try World.with { world in
      let root = "\(world.directory)/root"
      for name in ["dev", "etc", "proc", "run", "sys", "tmp", "usr/bin"] {
        try makeDirectories("\(root)/\(name)")
      }
      try writeAtomically(try readFile(try Hostile.path(), limit: 1 << 24), to: "\(root)/hostile")
      #expect(try command(["chmod", "755", "\(root)/hostile"]).code == 0)
      let seen = try Hostile.volume + ["--", Hostile.inside]
      for options in [
        ["--net", "ipvlan:eth0:l2,ip=10.20.20.2"] + seen,
        ["--net", "ipvlan:eth0:l2,ip=10.20.20.2", "--memory", "64m", "--pids-limit", "50"] + seen,
        ["--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536"] + seen,
        [
          "--net", "ipvlan:eth0:l2,ip=10.20.20.2", "--rootfs", root, "--read-only", "--",
          "/hostile",
        ],
      ] {
        let result = try world.swrun(["--rm"] + options)
        #expect(Hostile.summary(result) == Hostile.refused, "\(options): \(result)")
      }
    }
  }

  @Test("instances on one parent reach nothing of each other but by the network")
  func neighbours() throws {
    try World.with { world in
      for (name, address) in [("a", "10.20.20.2"), ("b", "10.20.20.3")] {
        let result = try world.swrun(
          ["-d", "--name", name, "--net", "ipvlan:eth0:l2,ip=\(address)"] + Hostile.volume + [
            "--", "sleep", "1000",
          ])
        #expect(result.code == 0, "\(result)")
      }
      let inside = try world.swrun(
        "exec", "b", "sh", "-c",
        "ping -c 1 -W 20 10.20.20.2 >/dev/null && echo reached; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ls /proc/1/root 2>&1 | tail -n 1; ip addr add 10.20.20.2/24 dev eth0 2>&1; ip addr add 10.20.20.2/24 dev eth0 2>/dev/null || echo kept"
      )
      #expect(inside.lines.first == "reached", "\(inside)")
      #expect(inside.lines.last == "kept", "\(inside)")
      #expect(!inside.output.contains("/run/swrun") && !inside.output.contains(world.directory))
      // One in the other's network still has its own processes, and no raw sockets.
      let guest = try world.swrun(
        ["--rm", "--net", "container:a"] + Hostile.volume + ["--", Hostile.inside])
      #expect(Hostile.summary(guest) == Hostile.refused, "\(guest)")
    }
  }
}
