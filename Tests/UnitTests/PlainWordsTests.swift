import ArgumentParser
import FoundationEssentials
import TestSupport
import Testing

@testable import swrun

/// What ``PlainWords`` reads by itself, ArgumentParser reads alike.
@Suite("the command lines of verbs that are started often")
struct PlainWordsTests {
  private static let verbs: [any PlainCommand.Type] = [Run.self, Exec.self, Ps.self]

  /// All values, those in groups included: `cgroup.memory: 5`. What was not set shows as a definition.
  private func values(_ value: Any, _ path: String = "") -> [String] {
    let children = Mirror(reflecting: value).children
    // The wrapped value of an option, a flag, an argument or a group.
    if let parsed = children.first(where: { $0.label == "_parsedValue" })?.value {
      guard let inner = Mirror(reflecting: parsed).children.first(where: { $0.label == "value" })
      else { return ["\(path): \(parsed)"] }
      return inner.value is any ParsableArguments
        ? values(inner.value, path) : ["\(path): \(inner.value)"]
    }
    return children.flatMap { values($0.value, "\(path).\($0.label ?? "?")") }
  }

  private func check(_ verb: any PlainCommand.Type, _ words: [String]) throws {
    let read = verb.plain(words)
    let plain = try #require(read, "\(words) is not read by itself")
    let parsed = try verb.parseAsRoot(words)
    let difference = Set(values(plain)).symmetricDifference(values(parsed))
    #expect(difference.isEmpty, "\(words)")
    #expect(values(plain).count > 5)
  }

  /// An option as ArgumentParser knows it.
  private struct Known: Decodable {
    struct Name: Decodable {
      let kind: String
      let name: String
      var text: String { (kind == "short" ? "-" : "--") + name }
    }
    let kind: String
    let names: [Name]?
    let allValues: [String]?

    /// Fits every option that takes text or a number.
    var value: String { allValues?.last ?? "5" }
  }

  private struct Tool: Decodable {
    struct Command: Decodable { let arguments: [Known] }
    let command: Command
  }

  private func options(of verb: any PlainCommand.Type) throws -> [Known] {
    let help = verb._dumpHelp()
    let known = try JSONDecoder().decode(Tool.self, from: Data(help.utf8)).command.arguments
      .filter { $0.names?.contains { ["help", "version"].contains($0.name) } == false }
    try #require(known.count >= 6)
    return known
  }

  @Test("every option in every spelling", arguments: 0..<3)
  func everyOption(verb index: Int) throws {
    let verb = Self.verbs[index]
    let rest = verb == Ps.self ? [] : ["true", "--name", "-x"]
    // All options in one line: short names and long ones, values beside and with an equals sign.
    let known = try options(of: verb)
    for (isLast, isJoined) in [(false, false), (true, false), (true, true)] {
      let words = known.flatMap { option -> [String] in
        let names = option.names ?? []
        guard let name = isLast ? names.last : names.first else { return [] }
        if option.kind == "flag" { return [name.text] }
        return isJoined && name.kind == "long"
          ? ["\(name.text)=\(option.value)"] : [name.text, option.value]
      }
      try check(verb, words + rest)
    }
  }

  @Test("whole lines")
  func lines() throws {
    try check(
      Run.self, ["--net", "ipvlan:eth0:l2,ip=10.0.0.2", "--rm", "-dit", "--", "sh", "-c", ""])
    try check(Run.self, ["-e", "A=1", "-e", "B", "--env=C=D=E", "true"])
    try check(Run.self, ["--bundle", "/x"])
    try check(Run.self, [])
    try check(Exec.self, ["-it", "-u", "nobody", "web", "sh", "-c", "exit 3"])
    try check(Ps.self, ["-aq"])
  }

  @Test(
    "what is not plain is left to ArgumentParser",
    arguments: [
      ["--help"], ["-h", "x"], ["--nmae", "x"], ["--name"], ["--name", "-x"], ["--rm=true", "x"],
      ["--name", "a", "--name", "b", "x"], ["--pids-limit", "-1", "x"], ["-eA=1", "x"], ["-", "x"],
      ["--cpu-shares", "many", "x"], ["--cgroupns", "ours", "x"], ["-dx", "x"], ["--version"],
    ])
  func otherwise(_ words: [String]) { #expect(Run.plain(words) == nil) }

  @Test("words at random: what is read is what ArgumentParser reads")
  func random() throws {
    var random = Fuzzer(seed: 7, corpus: [], words: [])
    let words = [
      "--name", "--name=x", "-d", "-it", "--rm", "--net", "none", "--env=A=", "-e", "-m", "5",
      "--memory=", "--", "--cpus", "sleep", "-v", "=", "", "-e=A", "--ip", "--no-init=x", "-t",
      "-td5",
      "--cgroupns", "host", "-c", "--cpu-shares=7", "--probe", "ö", "-ö", "--öl",
    ]
    var understood = 0
    for _ in 0..<150 {
      let line = (0..<random.below(6)).map { _ in words[random.below(words.count)] }
      guard Run.plain(line) != nil else { continue }
      understood += 1
      try check(Run.self, line)
    }
    #expect(understood > 15)
  }

  @Test("an unknown option is told, with what was meant")
  func suggestions() {
    #expect(Run.optionNames.contains("--device-write-bps"))
    #expect(Exec.optionNames.contains("--workdir"))
  }
}
