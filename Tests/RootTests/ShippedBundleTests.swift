import Linux
import TestSupport
import Testing

/// The bundles in `bundles/` that have a root file system of their own.
@Suite("shipped bundles", .serialized)
struct ShippedBundleTests {
  private func prepare(_ name: String) throws {
    let result = try command(["bundles/\(name)/prepare"])
    try #require(result.code == 0, "\(result)")
  }

  @Test("web answers to a neighbour, and tells nobody else's files")
  func web() throws {
    try prepare("web")
    try World.with { world in
      let started = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth0", "--ip", "10.20.20.9", "--bundle",
        "bundles/web")
      #expect(started.code == 0, "\(started)")
      let answered = try eventually {
        try world.lan("curl", "-s", "http://10.20.20.9/").output.contains("address of its own")
      }
      let log = try world.swrun("logs", "web")
      #expect(answered, "\(log)")
      let outside = try world.lan(
        "curl", "-s", "--path-as-is", "-o", "/dev/null", "-w", "%{http_code}",
        "http://10.20.20.9/../etc/passwd")
      #expect(["400", "404"].contains(outside.output), "\(outside)")
      let status = try world.swrun(
        "exec", "web", "grep", "-E", "^(Uid|CapBnd)", "/proc/self/status")
      #expect(
        status.lines == ["Uid:\t1000\t1000\t1000\t1000", "CapBnd:\t0000000000000000"], "\(status)")
    }
  }

  @Test("sleep sleeps, in a root file system of its own")
  func sleep() throws {
    try prepare("sleep")
    try World.with { world in
      let started = try world.swrun("-d", "--name", "s", "--bundle", "bundles/sleep")
      #expect(started.code == 0, "\(started)")
      let seen = try world.swrun(
        "exec", "s", "sh", "-c", "readlink /proc/2/exe; touch /x || ls /home")
      #expect(seen.lines == ["/bin/busybox", "user"], "\(seen)")
    }
  }

  @Test("a bundle of runc spec runs as it is")
  func runc() throws {
    try prepare("sleep")
    try World.with { world in
      let bundle = "\(world.directory)/bundle"
      try makeDirectories(bundle)
      let text = try readText("Tests/Fixtures/runc-spec/config.json")
        .replacing("\"terminal\": true", with: "\"terminal\": false")
      try writeAtomically(Array(text.utf8), to: "\(bundle)/config.json")
      #expect(try command(["cp", "-R", "bundles/sleep/rootfs", "\(bundle)/rootfs"]).code == 0)
      let result = try world.swrun(
        "--rm", "--bundle", bundle, "--", "sh", "-c",
        "hostname; ulimit -n; grep -E '^Cap(Eff|Amb)' /proc/self/status; touch /x 2>/dev/null || echo kept"
      )
      #expect(
        result.lines == [
          "runc", "1024", "CapEff:\t0000000020000420", "CapAmb:\t0000000000000000", "kept",
        ], "\(result)")
    }
  }

  @Test("shell can write to its home, and do little else")
  func shell() throws {
    try prepare("shell")
    try World.with { world in
      let result = try world.swrun(
        "--rm", "-t", "--bundle", "bundles/shell", "--", "sh", "-c",
        "id -u; pwd; hostname; touch x && echo written; for p in / /etc /bin /proc/sys; do touch $p/x 2>/dev/null && echo $p; done; cp /bin/busybox true && ./true 2>/dev/null || echo refused; ulimit -n; ls /sys/class/net; tty"
      )
      #expect(
        result.output.split(whereSeparator: \.isNewline) == [
          "1000", "/home/user", "shell", "written", "refused", "128", "lo", "/dev/pts/0",
        ], "\(result)")
    }
  }
}
