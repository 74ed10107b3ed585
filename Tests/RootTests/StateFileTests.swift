import Glibc
import Linux
import TestSupport
import Testing

@Suite("state files", .serialized)
struct StateFileTests {
  /// Starts an instance and kills its monitor.
  ///
  /// - Returns: its directory.
  private func killed(_ world: World) throws -> String {
    let started = try world.swrun(
      "-d", "--name", "web", "--net", "macvlan:eth0,ip=10.20.20.2", "--", "sleep", "1000")
    let id = started.lines.first ?? ""
    try #require(started.code == 0 && id.utf8.count == 64, "\(started)")
    let pid = try world.pid("web")
    let status = try readText("/proc/\(pid)/status")
    let parent = status.split(separator: "\n").first { $0.hasPrefix("PPid:") }?
      .split(separator: "\t").last.flatMap { Int32($0) }
    kill(try #require(parent), SIGKILL)
    #expect(eventually { ProcessIdentity(pid: pid) == nil })
    return "\(world.directory)/run/instances/\(id)"
  }

  @Test("a state that cannot be read is named and kept aside, and its name and address are free")
  func broken() throws {
    try World.with { world in
      var random = SystemRandomNumberGenerator()
      for broken in ["empty", "half", "zeros", "noise", "other"] {
        let directory = try killed(world)
        let whole = try readFile("\(directory)/state.json")
        let bytes: [UInt8] =
          switch broken {
          case "empty": []
          case "half": Array(whole.prefix(whole.count / 2))
          case "zeros": [UInt8](repeating: 0, count: whole.count)
          case "noise": whole.map { _ in UInt8.random(in: 0...255, using: &random) }
          default: Array("null".utf8)
          }
        try writeAtomically(bytes, to: "\(directory)/state.json")
        let listed = try world.swrun("ps", "-a")
        #expect(listed.code == 0 && listed.lines.count == 1, "\(broken): \(listed)")
        #expect(listed.errors.contains("\(directory).corrupt"), "\(broken): \(listed)")
        #expect(try world.swrun("ps", "-a").errors == "")
        #expect(try readFile("\(directory).corrupt/state.json") == bytes)
        let next = try world.swrun(
          "--rm", "--name", "web", "--net", "macvlan:eth0,ip=10.20.20.2", "--", "true")
        #expect(next.code == 0, "\(broken): \(next)")
        try removeTree("\(directory).corrupt")
        _ = try world.swrun("gc")
        #expect(try world.leftovers() == [])
      }
    }
  }

  @Test("a state of a newer version is named and left alone")
  func newer() throws {
    try World.with { world in
      let directory = try killed(world)
      let whole = try readText("\(directory)/state.json")
      let bytes = Array("{\"version\":99,\"state\":\"unheard of\"}".utf8)
      try writeAtomically(bytes, to: "\(directory)/state.json")
      let listed = try world.swrun("ps", "-a")
      #expect(listed.code == 0 && listed.errors.contains("of version 99"), "\(listed)")
      for words in [["rm", "-f", "web"], ["--rm", "--name", "web", "--", "true"]] {
        #expect(try world.swrun(words).code == 125)
      }
      #expect(try readFile("\(directory)/state.json") == bytes)
      // A reboot is told by the boot's id.
      let boot = try readText("/proc/sys/kernel/random/boot_id").filter { $0 != "\n" }
      let earlier = whole.replacing(boot, with: "00000000-0000-0000-0000-000000000000")
      try writeAtomically(Array(earlier.utf8), to: "\(directory)/state.json")
      #expect(try world.swrun("ps", "-a").lines.last?.contains("Exited (255)") == true)
      // It was none, and so there is something left that an earlier boot cannot have left.
      try writeAtomically(Array(whole.utf8), to: "\(directory)/state.json")
      #expect(try world.swrun("rm", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }
}
