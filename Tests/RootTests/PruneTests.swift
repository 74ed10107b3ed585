import TestSupport
import Testing

@Suite("prune", .serialized)
struct PruneTests {
  @Test("instances that have ended go, those that run stay, and somebody is asked first")
  func prune() throws {
    try World.with { world in
      for name in ["one", "two"] { _ = try world.swrun("--name", name, "--", "true") }
      _ = try world.swrun("-d", "--name", "web", "--", "sleep", "1000")
      let unasked = try world.swrun("prune")
      #expect(unasked.code == 125 && unasked.errors.contains("give --force"), "\(unasked)")
      let asked = try world.swrunAtTerminal("prune")
      #expect(asked.shows("Remove one, two? [y/N]"))
      try asked.type("n\n")
      #expect(asked.finish() == 0)
      #expect(try world.swrun("ps", "-aq").lines.count == 3)
      #expect(try world.swrun("prune", "-f", "--filter", "until=1h").output == "")
      #expect(try world.swrun("prune", "-f", "--filter", "until=x").code == 125)
      #expect(try world.swrun("prune", "-f").lines == ["one", "two"])
      #expect(try world.swrun("ps", "-a").lines.count == 2)
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }
}
