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
    let prepared = try command(["bundles/sleep/prepare"])
    try #require(prepared.code == 0, "\(prepared)")
    try World.with { world in
      let server = try Dnsmasq(world, "--dhcp-range=10.20.20.200,10.20.20.220,255.255.255.0,2m")
      defer { server.stop() }
      for example in examples {
        var words = example.split(separator: " ").map(String.init)
        if let index = words.firstIndex(where: { $0.hasPrefix("ipvlan:") }) {
          let keys = words[index].drop { $0 != "," }
          words[index] = "macvlan:\(words[index].split(separator: ":")[1])\(keys)"
        }
        if words.prefix(2) == ["network", "create"] {
          words.insert(contentsOf: ["--driver", "macvlan"], at: 2)
        }
        // Where version 1 has the controllers there are no limits.
        if CgroupHierarchy.current?.controllers.contains("memory") != true {
          if words.first == "update" { continue }
          for option in ["--memory", "--cpus", "--pids-limit"] {
            if let index = words.firstIndex(of: option) { words.removeSubrange(index...index + 1) }
          }
        }
        // What would wait for a key or a hundred seconds.
        words = words.filter { $0 != "-it" }.map { $0 == "bash" ? "true" : $0 }
        let result = try world.swrun(words)
        #expect(result.code == 0, "swrun \(words.joined(separator: " ")): \(result)")
      }
    }
  }

  /// Each verb, and each verb's own verbs, as their help lists them.
  private func verbs(_ path: [String] = []) throws -> [[String]] {
    let help = try command([World.binary] + path + ["--help"]).output
    guard let start = help.firstRange(of: "SUBCOMMANDS:") else { return [] }
    var found: [[String]] = []
    // What follows the list is a hint of the parser's.
    let list = help[start.upperBound...].prefix(
      upTo: help.firstRange(of: "\n\n  See")?.lowerBound ?? help.endIndex)
    for line in list.split(separator: "\n") {
      guard line.hasPrefix("  "), !line.hasPrefix("   "),
        let name = line.split(whereSeparator: { " ,".contains($0) }).first
      else { continue }
      let verb = path + [String(name)]
      found.append(verb)
      found += try verbs(verb)
    }
    return found
  }

  @Test("each verb has help, and the manual tells of it and of each of its options")
  func help() throws {
    let verbs = try verbs()
    #expect(verbs.contains(["run"]) && verbs.contains(["network", "create"]) && verbs.count >= 15)
    let manual = try readText("man/swrun.1").replacing("\\-", with: "-")
    for verb in verbs where verb != ["help"] {
      let name = verb.joined(separator: " ")
      let result = try command([World.binary] + verb + ["--help"])
      #expect(result.code == 0, "\(name)")
      #expect(result.output.contains("OVERVIEW: ") && result.output.contains("USAGE: swrun"))
      #expect(manual.contains("swrun \(name)") || name == "run", "\(name) is not in the manual")
      for word in result.output.split(whereSeparator: { " ,<\n[]".contains($0) })
      where word.hasPrefix("--") && word.count > 2 && !["--help", "--version"].contains(word) {
        let option = String(word.prefix { $0.isLetter || $0 == "-" })
        #expect(manual.contains(option), "\(option) of \(name) is not in the manual")
      }
    }
  }

  @Test("completions are made for the three shells", arguments: ["bash", "zsh", "fish"])
  func completions(_ shell: String) throws {
    let result = try command([World.binary, "--generate-completion-script", shell])
    #expect(result.code == 0 && result.output.contains("swrun"))
  }
}
