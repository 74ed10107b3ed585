/// A network that cannot be had: one line that says what, why, and what to do.
public struct NetworkError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// The word of `words` that was most likely meant by `text`: the nearest by edits (insertion,
/// deletion, substitution), where not more than half of it would have to change.
public func nearest(to text: String, in words: [String]) -> String? {
  let best = words.map { ($0, edits(text.lowercased(), $0.lowercased())) }.min { $0.1 < $1.1 }
  guard let best, best.1 <= max(1, best.0.count / 2) else { return nil }
  return best.0
}

/// ` (did you mean l2?)`, or nothing where no word is near.
public func suggestion(for text: String, in words: [String]) -> String {
  nearest(to: text, in: words).map { " (did you mean \($0)?)" } ?? ""
}

/// The Levenshtein distance.
private func edits(_ one: String, _ other: String) -> Int {
  let one = Array(one.utf8.prefix(64))
  let other = Array(other.utf8.prefix(64))
  var row = Array(0...other.count)
  for (i, a) in one.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, b) in other.enumerated() {
      let substituted = diagonal + (a == b ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
    }
  }
  return row[other.count]
}
