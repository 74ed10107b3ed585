import TestSupport
import Testing

@Suite("names on ipvlan", .serialized)
struct NameTests {
  @Test("instances on a network reach each other by name, and one in another's network too")
  func names() throws {
    try World.with { world in
      let made = try world.swrun(
        "network", "create", "--subnet", "10.20.20.0/24", "--subnet", "fd20::/64", "--opt",
        "parent=eth0", "lan")
      try #require(made.code == 0, "\(made)")
      for (name, alias) in [("web", "www"), ("db", "store")] {
        let started = try world.swrun(
          "-d", "--rm", "--name", name, "--net", "lan,alias=\(alias)", "--", "sleep", "1000")
        try #require(started.code == 0, "\(started)")
      }
      let seen = try world.swrun(
        "--rm", "--net", "container:web", "--", "sh", "-c",
        """
        ping -c 1 -W 5 -4 db >/dev/null && echo db
        ping -c 1 -W 5 -4 store >/dev/null && echo store
        ping -c 1 -W 5 -6 db >/dev/null && echo six
        ip -br addr show eth0
        """)
      #expect(seen.lines.prefix(3) == ["db", "store", "six"], "\(seen)")
      #expect(seen.output.contains("10.20.20.2/24"), "\(seen)")
      let back = try world.swrun("exec", "db", "ping", "-c", "1", "-W", "5", "-4", "www")
      #expect(back.code == 0 && back.output.contains("10.20.20.2"), "\(back)")
      #expect(try world.swrun("stop", "-t", "0", "web").code == 0)
      let gone = try world.swrun("exec", "db", "cat", "/etc/hosts").output
      #expect(!gone.contains("web") && gone.contains("10.20.20.3\t"), "\(gone)")
      #expect(try world.swrun("stop", "-t", "0", "db").code == 0)
      #expect(try world.leftovers() == [])
    }
  }
}
