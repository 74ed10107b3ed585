/// The words of a command line of `run` that was understood, taken apart without knowing what each option
/// means.
struct OwnWords {
  private let options: [(name: String, words: [String])]
  /// From the first word that is no option, a separating `--` included.
  let command: [String]

  /// - Parameter flags: the options without a value.
  init(_ words: [String], flags: [String]) {
    var options: [(String, [String])] = []
    var index = 0
    while index < words.count, words[index].hasPrefix("-"), words[index] != "--" {
      let word = words[index]
      let letters = word.hasPrefix("--") ? [] : word.dropFirst().map { "-\($0)" }
      index += 1
      if flags.contains(word) {
        options.append((word, [word]))
      } else if word.contains("=") {
        options.append((String(word.prefix { $0 != "=" }), [word]))
      } else if letters.count > 1, letters.allSatisfy(flags.contains) {
        options += letters.map { ($0, [$0]) }
      } else {
        options.append((word, [word] + words[index..<min(index + 1, words.count)]))
        index += 1
      }
    }
    self.options = options
    command = Array(words[min(index, words.count)...])
  }

  func options(without names: Set<String>) -> [String] {
    options.filter { !names.contains($0.name) }.flatMap(\.words)
  }
}
