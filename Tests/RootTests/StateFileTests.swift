import Glibc
import Linux
import TestSupport
import Testing

@Suite("state files", .serialized)
struct StateFileTests {
  private func damaged(_ whole: [UInt8], _ how: String) -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    return switch how {
    case "empty": []
    case "half": Array(whole.prefix(whole.count / 2))
    case "zeros": [UInt8](repeating: 0, count: whole.count)
    case "noise": whole.map { _ in UInt8.random(in: 0...255, using: &random) }
    default: Array("null".utf8)
    }
  }

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
      for broken in ["empty", "half", "zeros", "noise", "other"] {
        let directory = try killed(world)
        let whole = try readFile("\(directory)/state.json")
        let bytes = damaged(whole, broken)
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

  @Test(
    "a record of the host that cannot be read is named and kept aside, one of a newer version left")
  func hostRecords() throws {
    try World.with { world in
      let before = try world.hostNetwork()
      for broken in ["empty", "half", "zeros", "noise", "other", "newer"] {
        let started = try world.swrun(
          "-d", "--name", "web", "--net", "bridge", "--", "sleep", "1000")
        try #require(started.code == 0, "\(started)")
        let host = "\(world.directory)/run/host"
        let directory = "\(host)/\(try #require(directoryEntries(host).first))"
        let name = try #require(directoryEntries(directory).first { $0.hasPrefix("link ") })
        let (path, bridge) = ("\(directory)/\(name)", String(name.dropFirst(5)))
        let whole = try readFile(path)
        let bytes =
          broken == "newer"
          ? Array("{\"version\":99,\"resource\":\"unheard of\"}".utf8) : damaged(whole, broken)
        try writeAtomically(bytes, to: path)
        #expect(try world.swrun("doctor").output.contains(path))
        #expect(try readFile(path) == bytes)
        // Who needs something else goes on, and says it once.
        for round in 0...1 {
          let other = try world.swrun("--rm", "--net", "macvlan:eth0,ip=10.20.20.2", "--", "true")
          let isTold = broken == "newer" || round == 0
          #expect(other.code == 0 && other.errors.contains(path) == isTold, "\(broken): \(other)")
        }
        let second = try world.swrun("--rm", "--net", "bridge", "--", "true")
        #expect(second.code == 125 && second.errors.contains(bridge), "\(broken): \(second)")
        #expect(try world.swrun("rm", "-f", "web").code == 0)
        // Whether somebody needs it, nobody knows.
        #expect(try world.ip("-n", world.hostName, "link", "show", bridge).code == 0)
        if broken == "newer" {
          #expect(second.errors.contains("of version 99"))
          #expect(try readFile(path) == bytes)
          try writeAtomically(whole, to: path)
          let collected = try world.swrun("gc")
          #expect(collected.code == 0 && collected.output.contains(bridge), "\(collected)")
        } else {
          #expect(try readFile("\(path).corrupt") == bytes)
          try removeTree("\(path).corrupt")
          try world.ip("-n", world.hostName, "link", "del", bridge)
        }
        #expect(try world.leftovers(since: before) == [], "\(broken)")
      }
    }
  }
}
