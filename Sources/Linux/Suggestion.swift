/// The word of `words` that was most likely meant by `text`: the nearest by edits (insertion,
/// deletion, substitution, two neighbours swapped), where not more than half of it would have to change.
public func nearest(to text: String, in words: [String]) -> String? {
  let best = words.map { ($0, edits(text.lowercased(), $0.lowercased())) }.min { $0.1 < $1.1 }
  guard let best, best.1 <= max(1, best.0.count / 2) else { return nil }
  return best.0
}

/// ` (did you mean l2?)`, or nothing where no word is near.
public func suggestion(for text: String, in words: [String]) -> String {
  nearest(to: text, in: words).map { " (did you mean \($0)?)" } ?? ""
}

/// The Damerau-Levenshtein distance, each place changed once at most.
private func edits(_ one: String, _ other: String) -> Int {
  let one = Array(one.utf8.prefix(64))
  let other = Array(other.utf8.prefix(64))
  var beforeLast: [Int] = []
  var last = Array(0...other.count)
  for i in one.indices {
    var row = [i + 1]
    for j in other.indices {
      var least = min(last[j + 1] + 1, row[j] + 1, last[j] + (one[i] == other[j] ? 0 : 1))
      if i > 0, j > 0, one[i] == other[j - 1], one[i - 1] == other[j] {
        least = min(least, beforeLast[j - 1] + 1)
      }
      row.append(least)
    }
    beforeLast = last
    last = row
  }
  return last[other.count]
}
