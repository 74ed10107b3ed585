import TestSupport
import Testing

/// As in the root tier, with what this machine has: ipvlan on a VLAN, and cgroups with limits. Each step
/// is tried once, with one victim after the other.
@Suite("kills on ipvlan", .serialized)
struct KillTests {
  private func with(_ body: (World, Kills) throws -> Void) throws {
    try World.with { world in
      let created = try world.swrun(
        "network", "create", "--subnet", "10.60.0.0/24", "--opt", "parent=eth0.60", "lan")
      #expect(created.code == 0, "\(created)")
      let kills = Kills(
        world, ["--net", "lan", "--memory", "64m", "--pids-limit", "20"], checkingEvery: 5)
      let before = try world.hostNetwork()
      try body(world, kills)
      try kills.check()
      #expect(kills.problems == [])
      #expect(try world.leftovers(since: before) == [])
    }
  }

  @Test("whoever is killed at a step of a launch, the next command removes all that there was")
  func launch() throws {
    try with { _, kills in
      let victims: [Kills.Victim] = [.foreground, .initial, .command, .background]
      // A command in the background has ended, and can be killed no more, some steps before the last.
      var canCommand = true
      var place = 0
      while true {
        place += 1
        var victim = victims[place % victims.count]
        if victim == .command, canCommand {
          canCommand = try kills.launch(.command, at: place) != nil
          if canCommand { continue }
        }
        if victim == .command { victim = .initial }
        if try kills.launch(victim, at: place) == nil { break }
        try #require(place < 200)
      }
      #expect(place > 30, "only \(place)")
    }
  }

  @Test("whoever is killed at a step of a removal, the next command does the rest")
  func removal() throws {
    try with { _, kills in
      var commands = [["rm", "-f", "web"], ["ps"], ["gc"]]
      var place = 0
      while !commands.isEmpty {
        place += 1
        let words = commands[place % commands.count]
        if try kills.removal(words, at: place) == nil { commands.removeAll { $0 == words } }
        try #require(place < 100)
      }
      #expect(place > 5, "only \(place)")
    }
  }
}
