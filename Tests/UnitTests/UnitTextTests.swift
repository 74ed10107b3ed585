import Testing

@testable import Supervisor
@testable import swrun

@Suite("unit files")
struct UnitTextTests {
  @Test(
    "words are written so that systemd reads the same",
    arguments: [
      ("plain-1.2/x:y=z@", "plain-1.2/x:y=z@"), ("", "\"\""), ("a b", "\"a b\""), ("50%", "50%%"),
      ("$HOME", "\"$HOME\""), ("a\"b\\c", "\"a\\\"b\\\\c\""), ("a\nb\tc", "\"a\\nb\\tc\""),
      ("\u{1}", "\"\\x01\""), ("\u{7f}", "\"\\x7f\""), (";", "\";\""), ("ä", "\"ä\""),
    ])
  func words(_ word: String, _ text: String) { #expect(UnitText.word(word) == text) }

  @Test("options are taken out of a command line in all their forms, and nothing else")
  func options() {
    let words = OwnWords(
      [
        "-dit", "--name", "web", "--net=none", "--name=web", "-e", "A=b", "-d", "--restart",
        "always",
        "--rm", "--memory", "5m", "--", "sh", "-d", "--name",
      ], flags: Run.flags)
    #expect(
      words.options(without: ["-d", "-i", "--name", "--restart", "--rm"]) == [
        "-t", "--net=none", "-e", "A=b", "--memory", "5m",
      ])
    #expect(words.command == ["--", "sh", "-d", "--name"])
    #expect(OwnWords(["echo", "-d"], flags: Run.flags).command == ["echo", "-d"])
    #expect(OwnWords(["--bundle"], flags: Run.flags).options(without: []) == ["--bundle"])
  }
}
