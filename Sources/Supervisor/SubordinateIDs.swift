import Linux

/// The ids that an account may give to what it runs: subuid(5), subgid(5).
struct SubordinateIDs {
  /// `/etc/subuid`
  let path: String
  private let text: String

  /// - Parameter path: a file that is not there gives nobody anything.
  init(path: String) throws(SupervisorError) {
    self.path = path
    do { text = String(decoding: try readFile(path, limit: 1 << 20), as: UTF8.self) } catch {
      guard error.errno == .noSuchFileOrDirectory else {
        throw SupervisorError("\(path) cannot be read: \(error.errno)")
      }
      text = ""
    }
  }

  init(path: String, text: String) {
    self.path = path
    self.text = text
  }

  /// The ranges of the first account that has some, by name or number. What is no range of ids, or has
  /// the host's root in it, is none.
  func ranges(of accounts: [String]) -> [ClosedRange<UInt32>] {
    for account in accounts {
      var found: [ClosedRange<UInt32>] = []
      for line in text.split(separator: "\n") {
        let fields = line.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 3, fields[0] == account, let first = UInt32(fields[1]),
          let count = UInt32(fields[2]), first > 0, count > 0,
          let last = UInt32(exactly: UInt64(first) + UInt64(count) - 1), last < .max
        else { continue }
        found.append(first...last)
      }
      if !found.isEmpty { return found }
    }
    return []
  }
}

/// Looks for ids that nobody has.
enum FreeIDs {
  /// The lowest `size` ids that follow each other, lie in one of `ranges` and in none of `taken`.
  static func first(
    _ size: UInt32, in ranges: [ClosedRange<UInt32>], taken: [ClosedRange<UInt32>]
  ) -> UInt32? {
    let starts = ranges.map { UInt64($0.lowerBound) } + taken.map { UInt64($0.upperBound) + 1 }
    for start in starts.sorted() {
      let end = start + UInt64(size) - 1
      let fits = ranges.contains { $0.lowerBound <= start && end <= $0.upperBound }
      let isFree = !taken.contains { $0.lowerBound <= end && start <= $0.upperBound }
      if fits && isFree { return UInt32(start) }
    }
    return nil
  }
}
