/// The text format of Prometheus, read as strictly as it is written down.
public struct Exposition {
  public struct Sample: Hashable {
    public let name: String
    public let labels: [String: String]
    public let value: Double
  }

  public private(set) var types: [String: String] = [:]
  public private(set) var samples: [Sample] = []

  /// - Throws: what is wrong.
  public init(_ text: String) throws {
    guard text.hasSuffix("\n") else { throw TestFailure("the last line does not end") }
    var helped: Set<String> = []
    var current = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
      if line.hasPrefix("# HELP ") {
        guard words.count == 4, Self.isName(words[2]), helped.insert(String(words[2])).inserted
        else { throw TestFailure("HELP: \(line)") }
        current = String(words[2])
      } else if line.hasPrefix("# TYPE ") {
        guard words.count == 4, words[2] == current, types[current] == nil,
          ["counter", "gauge"].contains(words[3])
        else { throw TestFailure("TYPE: \(line)") }
        types[current] = String(words[3])
      } else {
        let sample = try Self.sample(line)
        guard sample.name == current, let type = types[current],
          (type == "counter") == current.hasSuffix("_total"),
          !samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels })
        else { throw TestFailure("not in its place, or twice: \(line)") }
        samples.append(sample)
      }
    }
  }

  private static func isName(_ text: Substring) -> Bool {
    text.first?.isNumber == false
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
          || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ":")
      }
  }

  private static func sample(_ line: Substring) throws -> Sample {
    var rest = line
    func take(_ text: String) throws {
      guard rest.hasPrefix(text) else { throw TestFailure("\(text) is missing: \(line)") }
      rest = rest.dropFirst(text.count)
    }
    let name = rest.prefix { $0 != "{" }
    rest = rest.dropFirst(name.count)
    var labels: [String: String] = [:]
    try take("{")
    while !rest.hasPrefix("}") {
      if !labels.isEmpty { try take(",") }
      let label = rest.prefix { $0 != "=" }
      guard isName(label), labels[String(label)] == nil else { throw TestFailure("\(line)") }
      rest = rest.dropFirst(label.count)
      try take("=\"")
      var value = ""
      while let next = rest.popFirst(), next != "\"" {
        guard next == "\\" else {
          value.append(next)
          continue
        }
        switch rest.popFirst() {
        case "n": value.append("\n")
        case "\\": value.append("\\")
        case "\"": value.append("\"")
        default: throw TestFailure("escape: \(line)")
        }
      }
      labels[String(label)] = value
    }
    try take("} ")
    guard isName(name), let value = Double(rest) else { throw TestFailure("value: \(line)") }
    return Sample(name: String(name), labels: labels, value: value)
  }

  /// Of the first sample that has these labels, and maybe others.
  public func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
    samples.first { sample in
      sample.name == "swrun_\(name)" && labels.allSatisfy { sample.labels[$0.key] == $0.value }
    }?.value
  }
}
