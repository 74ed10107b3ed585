import Linux
import TestSupport
import Testing

/// What an instance costs while nothing happens.
@Suite("memory", .serialized)
struct MemoryTests {
  @Test("a monitor in the background keeps little of what its start took, also after it was busy")
  func monitor() throws {
    try World.with { world in
      let printing = "read -r line </tmp/go; yes | head -n 100000; sleep 1000"
      let started = try world.swrun(
        "-d", "--name", "quiet", "--net", "none", "--tmpfs", "/tmp", "--", "sh", "-c",
        "mkfifo /tmp/go; \(printing)")
      #expect(started.code == 0, "\(started)")
      let pid = try #require(try world.state("quiet").monitor?.pid)
      // Of its program nothing is mapped but what has been written, in KiB.
      #expect(try eventually { try Self.memory(pid, "Rss") < 4_000 })
      #expect(try Self.memory(pid, "Anonymous") < 480)

      #expect(try world.swrun("exec", "quiet", "sh", "-c", "echo >/tmp/go").code == 0)
      #expect(try eventually { try world.swrun("logs", "quiet").lines.count == 100_000 })
      #expect(try eventually { try Self.memory(pid, "Anonymous") < 480 })
      #expect(try world.swrun("rm", "-f", "quiet").code == 0)
    }
  }

  private static func memory(_ pid: Int32, _ name: String) throws -> Int {
    let text = try readText("/proc/\(pid)/smaps_rollup")
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("\(name):") })
    return try #require(Int(line.split(separator: " ")[1]))
  }
}
