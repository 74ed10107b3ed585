import ArgumentParser

/// `--filter key=value` of a listing: values of one key are alternatives, all keys have to hold.
struct ListFilter {
  private(set) var wanted: [String: [String]] = [:]

  init(parsing texts: [String], keys: [String]) throws {
    let known = keys.joined(separator: ", ")
    for text in texts {
      let pair = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        .map(String.init)
      guard pair.count == 2 else {
        throw ValidationError(
          "--filter \(text.debugDescription): write it as key=value; the keys are \(known)")
      }
      guard keys.contains(pair[0]) else {
        throw ValidationError(
          "unknown filter \(pair[0].debugDescription)\(didYouMean(pair[0], keys)): the keys are \(known)"
        )
      }
      wanted[pair[0], default: []].append(pair[1])
    }
  }

  /// Whether labels have `KEY` or `KEY=VALUE`.
  static func has(_ labels: [String: String], _ wanted: String) -> Bool {
    let pair = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let held = labels[String(pair[0])] else { return false }
    return pair.count < 2 || held == pair[1]
  }

  func fits(_ holds: (_ key: String, _ value: String) -> Bool) -> Bool {
    wanted.allSatisfy { key, values in values.contains { holds(key, $0) } }
  }
}
