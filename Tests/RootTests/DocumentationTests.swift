import Linux
import TestSupport
import Testing

@Suite("documentation", .serialized)
struct DocumentationTests {
  /// The lines of the README's examples that call swrun.
  private func examples() throws -> [String] {
    let text = try readText("README.md")
    let start = try #require(text.firstRange(of: "## Examples"))
    let end = try #require(text[start.upperBound...].firstRange(of: "By hand"))
    return text[start.upperBound..<end.lowerBound].split(separator: "\n").map(String.init)
      .filter { $0.hasPrefix("    swrun ") }.map { String($0.dropFirst(10)) }
  }

  @Test("the README's examples do what they say; with macvlan where this kernel has no ipvlan")
  func readme() throws {
    let examples = try examples()
    #expect(examples.count >= 9)
    try World.with { world in
      for example in examples {
        var words = example.split(separator: " ").map(String.init)
        if let index = words.firstIndex(where: { $0.hasPrefix("ipvlan:") }) {
          let keys = words[index].drop { $0 != "," }
          words[index] = "macvlan:\(words[index].split(separator: ":")[1])\(keys)"
        }
        if words.prefix(2) == ["network", "create"] {
          words.insert(contentsOf: ["--driver", "macvlan"], at: 2)
        }
        // What would wait for a key or a hundred seconds.
        words = words.filter { $0 != "-it" }.map { $0 == "bash" ? "true" : $0 }
        let result = try world.swrun(words)
        #expect(result.code == 0, "swrun \(words.joined(separator: " ")): \(result)")
      }
    }
  }

  @Test(
    "each verb has help, and the manual tells of each option",
    arguments: ["run", "ps", "exec", "logs", "stop", "kill", "rm", "inspect", "wait", "port"])
  func help(_ verb: String) throws {
    let result = try command([World.binary, verb, "--help"])
    #expect(result.code == 0)
    #expect(result.output.contains("OVERVIEW: ") && result.output.contains("USAGE: swrun"))
    let manual = try readText("man/swrun.1").replacing("\\-", with: "-")
    #expect(manual.contains("swrun \(verb)") || verb == "run")
    guard verb == "run" else { return }
    for word in result.output.split(whereSeparator: { " ,<\n[]".contains($0) })
    where word.hasPrefix("--") && word.count > 2 && !["--help", "--version"].contains(word) {
      #expect(manual.contains(word), "\(word) is not in the manual")
    }
  }

  @Test("completions are made for the three shells", arguments: ["bash", "zsh", "fish"])
  func completions(_ shell: String) throws {
    let result = try command([World.binary, "--generate-completion-script", shell])
    #expect(result.code == 0 && result.output.contains("swrun"))
  }
}
