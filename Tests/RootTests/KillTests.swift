import TestSupport
import Testing

/// Somebody is killed at each step, in a test build: the next command says what is true, and nothing
/// may be left. The guest does this with ipvlan and cgroups.
@Suite("kills", .serialized)
struct KillTests {
  private func with(_ body: (World, Kills) throws -> Void) throws {
    try World.with { world in
      let created = try world.swrun(
        "network", "create", "--driver", "macvlan", "--subnet", "10.20.20.0/24", "--opt",
        "parent=eth0", "lan")
      #expect(created.code == 0)
      let kills = Kills(
        world, ["--net", "lan", "--net", "macvlan:eth1,ip=10.30.0.2/24,gateway=none"])
      try body(world, kills)
      #expect(kills.problems == [])
    }
  }

  @Test(
    "whenever a command that runs an instance is killed, the next one removes all that it had",
    arguments: [Kills.Victim.foreground, .background, .initial])
  func launch(_ victim: Kills.Victim) throws {
    try with { world, kills in
      let before = try world.hostNetwork()
      var place = 1
      while try kills.launch(victim, at: place) != nil {
        place += 1
        try #require(place < 200)
      }
      // As many steps as there are at least, from the directory's making to its end.
      #expect(place > 30, "only \(place)")
      #expect(try world.leftovers(since: before) == [])
    }
  }

  @Test("a command that is killed while its monitor goes into the background leaves that alone")
  func command() throws {
    try with { world, kills in
      var place = 1
      while try kills.launch(.command, at: place) != nil {
        place += 1
        try #require(place < 100)
      }
      #expect(place > 10, "only \(place)")
    }
  }

  @Test(
    "whenever a command that removes is killed, the next one does the rest",
    arguments: [["rm", "-f", "web"], ["ps"], ["gc"]])
  func removal(_ words: [String]) throws {
    try with { world, kills in
      var place = 1
      while try kills.removal(words, at: place) != nil {
        place += 1
        try #require(place < 100)
      }
      #expect(place > 5, "only \(place)")
    }
  }
}
