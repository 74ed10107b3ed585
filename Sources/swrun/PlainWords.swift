import ArgumentParser

/// A command line that is read without ArgumentParser, which takes more time than the rest of a start.
///
/// Only what is plain is read: `--name value`, `--name=value`, `-n value`, flags, `-abc` of short flags, and
/// then the words from the first that is no option. With anything else (help, a mistake, a rarer
/// spelling) ``isUnderstood`` is false, and ArgumentParser reads it all from the beginning; so it alone
/// says what is wrong. What both understand, both understand alike: the tests hold them together.
struct PlainWords {
  private var options: [(name: String, value: String?)] = []
  private var remaining: [String] = []
  private var isPlain = true
  /// The names that were asked for, of an empty line.
  private(set) var names: [String] = []
  private let isRecorded: Bool

  /// - Parameter flags: the options without a value.
  init(_ words: [String], flags: [String]) {
    isRecorded = words.isEmpty
    var index = 0
    while index < words.count, isPlain {
      let word = words[index]
      guard word.utf8.first == UInt8(ascii: "-"), word != "--" else { break }
      index += 1
      if flags.contains(word) {
        options.append((word, nil))
      } else if let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")), word.hasPrefix("--") {
        let value = word.utf8[equals...].dropFirst()
        isPlain = !value.isEmpty
        options.append((String(word[..<equals]), String(Substring(value))))
      } else if word.hasPrefix("--") || word.utf8.count == 2 {
        guard index < words.count, words[index].utf8.first != UInt8(ascii: "-") else {
          isPlain = false
          break
        }
        options.append((word, words[index]))
        index += 1
      } else {
        let letters = word.dropFirst().map { "-\($0)" }
        isPlain = !letters.isEmpty && letters.allSatisfy(flags.contains)
        for letter in letters { options.append((letter, nil)) }
      }
    }
    remaining = Array(words[index...])
  }

  /// Whether everything was asked for, and had the form that was asked for.
  var isUnderstood: Bool { isPlain && options.isEmpty && remaining.isEmpty }

  /// The words from the first that is no option, a separating `--` included.
  mutating func rest() -> [String] {
    defer { remaining = [] }
    return remaining
  }

  mutating func flag(_ names: String...) -> Bool {
    let given = take(names)
    if given.contains(where: { $0 != nil }) { isPlain = false }
    return !given.isEmpty
  }

  mutating func values(_ names: String...) -> [String] { taken(names) }

  mutating func value(_ names: String...) -> String? { single(names, { $0 }) }

  mutating func value<Number: FixedWidthInteger>(_ names: String...) -> Number? {
    single(names) { Number($0) }
  }

  mutating func value<Choice: RawRepresentable<String>>(
    _ name: String, default fallback: Choice
  ) -> Choice {
    single([name], Choice.init(rawValue:)) ?? fallback
  }

  private mutating func single<Value>(_ names: [String], _ make: (String) -> Value?) -> Value? {
    let given = taken(names)
    guard let text = given.first else { return nil }
    let value = make(text)
    if given.count > 1 || value == nil { isPlain = false }
    return value
  }

  private mutating func taken(_ names: [String]) -> [String] {
    let given = take(names)
    if given.contains(nil) { isPlain = false }
    return given.compactMap { $0 }
  }

  private mutating func take(_ names: [String]) -> [String?] {
    if isRecorded { self.names += names }
    if options.isEmpty { return [] }
    let given = options.filter { names.contains($0.name) }.map(\.value)
    if !given.isEmpty { options.removeAll { names.contains($0.name) } }
    return given
  }
}

/// A group of options that ``PlainWords`` can be asked for.
protocol PlainArguments: ParsableArguments {
  /// Asks for each option.
  init(_ words: inout PlainWords)
}

/// A verb that is started often.
protocol PlainCommand: ParsableCommand, PlainArguments {
  /// The options without a value.
  static var flags: [String] { get }
}

extension PlainCommand {
  /// The long options, for suggestions.
  static var optionNames: [String] {
    var words = PlainWords([], flags: flags)
    _ = Self(&words)
    return words.names.filter { $0.hasPrefix("--") } + ["--help", "--version"]
  }

  /// `nil` where ArgumentParser has to look.
  static func plain(_ words: [String]) -> (any ParsableCommand)? {
    var words = PlainWords(words, flags: flags)
    let command = Self(&words)
    return words.isUnderstood ? command : nil
  }
}
