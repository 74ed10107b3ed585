import Glibc
import Linux
import Supervisor
import TestSupport
import Testing

/// The monitor of an instance in the background, as a process of the host's.
@Suite("monitor", .serialized)
struct MonitorTests {
  private func status(_ pid: Int32, _ key: String) throws -> String? {
    try readText("/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix("\(key):") }?
      .split(whereSeparator: \.isWhitespace).last.map(String.init)
  }

  @Test(
    "it is nobody's child, in a session that it does not lead, at /, with one thread and its name")
  func place() throws {
    try World.with { world in
      for name in ["web", "a-name-that-is-longer-than-what-there-was-room-for-on-the-command-line"]
      {
        let started = try command(
          [
            "ip", "netns", "exec", world.hostName, World.binary, "-d", "--name", name, "sleep",
            "99",
          ],
          environment: world.environment)
        #expect(started.code == 0, "\(started)")
        let pid = try #require(try world.state(name).monitor).pid
        #expect(try status(pid, "Threads") == "1")
        let line = try readText("/proc/\(pid)/cmdline").filter { $0 != "\0" }
        #expect(line == "swrun: \(name)")
        #expect(try readText("/proc/\(pid)/comm") == "swrun: \(name)".prefix(15) + "\n")
        #expect(try readLink("/proc/\(pid)/cwd") == "/")
        #expect(getsid(pid) != pid && getsid(pid) != getsid(0))
        for standard in 0...2 {
          #expect(try readLink("/proc/\(pid)/fd/\(standard)") == "/dev/null")
        }
      }
      let name = "renamed"
      #expect(try world.swrun("rename", "web", name).code == 0)
      let pid = try #require(try world.state(name).monitor).pid
      #expect(try readText("/proc/\(pid)/cmdline").filter { $0 != "\0" } == "swrun: renamed")
    }
  }

  @Test("it does not wake while nothing happens")
  func rest() throws {
    try World.with { world in
      _ = try world.swrun(
        "-d", "--name", "web", "--net", "macvlan:eth0,ip=10.20.20.2", "--restart", "always", "--",
        "sleep", "1000")
      let pid = try #require(try world.state("web").monitor).pid
      // How often it has gone to sleep of itself; what it tells the neighbours takes two seconds.
      func sleeps() throws -> String? { try status(pid, "voluntary_ctxt_switches") }
      var last = try sleeps()
      #expect(
        try eventually {
          usleep(2_500_000)
          let now = try sleeps()
          defer { last = now }
          return now == last
        })
    }
  }
}
