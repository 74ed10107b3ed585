import Linux
import TestSupport
import Testing

/// Each step of an attach fails once, in a test build, and nothing may be left of it.
@Suite("faults", .serialized)
struct FaultTests {
  /// The test build of the program, whose fault points are compiled in.
  private static var testBuild: String { ".build/debug/swrun" }

  private func run(_ world: World, fault: Int, _ words: [String]) throws -> CommandResult {
    try command(
      ["ip", "netns", "exec", world.hostName, Self.testBuild] + words,
      environment: world.environment.merging(["SWRUN_FAULT": "\(fault)"]) { $1 })
  }

  @Test(
    "whatever step of an attach fails, nothing is left and the next run works",
    arguments: [
      ["--net", "macvlan:eth0,ip=10.20.20.2,ip=fd20::2,route=10.9.0.0/16@10.20.20.1"],
      ["--net", "lan", "--net", "macvlan:eth1,ip=10.30.0.2/24,gateway=none"],
    ], [["--rm"], ["-d", "--rm"]])
  func everyStep(_ network: [String], _ mode: [String]) throws {
    try World.with { world in
      let created = try world.swrun(
        "network", "create", "--driver", "macvlan", "--subnet", "10.20.20.0/24", "--opt",
        "parent=eth0", "lan")
      #expect(created.code == 0)
      var fault = 0
      while true {
        fault += 1
        let result = try run(world, fault: fault, mode + network + ["--", "true"])
        if result.code == 0 { break }
        #expect(result.code == 125, "\(result)")
        #expect(result.errors.contains("injected fault after"), "fault \(fault): \(result)")
        #expect(try world.leftovers() == [], "fault \(fault): \(result)")
        try #require(fault < 100)
      }
      // As many steps as there are at least: slaves, addresses, routes, the start.
      #expect(fault > 6, "only \(fault) faults")
      #expect(try eventually { try world.swrun("ps", "-aq").lines.isEmpty })
      #expect(try world.leftovers() == [])
    }
  }

  @Test("whatever step of a connect fails, the instance is as before")
  func connect() throws {
    try World.with { world in
      _ = try world.swrun(
        "network", "create", "--driver", "macvlan", "--subnet", "10.20.20.0/24", "--opt",
        "parent=eth0", "lan")
      var fault = 0
      while true {
        fault += 1
        // The monitor passes the fault points, so it is started anew with each.
        let started = try run(
          world, fault: fault, ["-d", "--rm", "--name", "web", "--", "sleep", "1000"])
        if started.code != 0 {
          #expect(started.errors.contains("injected fault after"), "\(started)")
          continue
        }
        let connected = try world.swrun("network", "connect", "lan", "web")
        let links = try world.swrun("exec", "web", "ip", "-br", "link").lines.count
        let leased = try world.swrun("network", "inspect", "lan").output.contains("10.20.20.2/24")
        #expect(links == (connected.code == 0 ? 2 : 1), "fault \(fault): \(connected)")
        #expect(leased == (connected.code == 0), "fault \(fault): \(connected)")
        #expect(try world.swrun("rm", "-f", "web").code == 0)
        #expect(try world.leftovers() == [])
        if connected.code == 0 { break }
        #expect(connected.errors.contains("injected fault after"), "\(connected)")
        try #require(fault < 100)
      }
      #expect(fault > 4, "only \(fault) faults")
    }
  }
}
