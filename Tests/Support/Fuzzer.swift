import Glibc

/// Mutated input for a parser: the same for the same seed, so that what it finds is found again.
public struct Fuzzer: Sendable {
  private var state: UInt64
  private let corpus: [[UInt8]]
  /// Words that mean something to the parser.
  private let words: [[UInt8]]

  public init(seed: UInt64, corpus: [String], words: [String]) {
    state = seed
    self.corpus = corpus.map { Array($0.utf8) }
    self.words = words.map { Array($0.utf8) }
  }

  /// How many inputs a test tries: `SWRUN_FUZZ_ROUNDS`, by default few enough for each run of the tests.
  public static var rounds: Int {
    getenv("SWRUN_FUZZ_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 3000
  }

  /// SplitMix64.
  private mutating func random() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return value ^ value >> 31
  }

  /// A number from 0 up to one less than the bound.
  public mutating func below(_ bound: Int) -> Int { Int(random() % UInt64(max(1, bound))) }

  /// The next input: one of the corpus, changed in one place to a few; now and then as it is.
  public mutating func next() -> [UInt8] {
    var bytes = corpus[below(corpus.count)]
    for _ in 0..<below(5) { mutate(&bytes) }
    // What grows by being copied into itself stays small enough to be tried often.
    return Array(bytes.prefix(1 << 14))
  }

  private mutating func mutate(_ bytes: inout [UInt8]) {
    let place = below(bytes.count + 1)
    let end = min(bytes.count, place + 1 + below(8))
    switch below(9) {
    case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(below(8))
    case 1 where place < bytes.count: bytes[place] = UInt8(below(256))
    case 2: bytes.removeSubrange(place..<max(place, end))
    case 3: bytes.insert(contentsOf: bytes[place..<max(place, end)], at: place)
    case 4: bytes.insert(contentsOf: words[below(words.count)], at: place)
    case 5: bytes.replaceSubrange(place..<max(place, end), with: words[below(words.count)])
    case 6: replaceNumber(&bytes, from: place)
    case 7: bytes.removeSubrange(place...)
    default:
      let other = corpus[below(corpus.count)]
      bytes = Array(bytes[..<place] + other[min(other.count, below(other.count + 1))...])
    }
  }

  private static let numbers: [String] = [
    "0", "-1", "1", "65535", "65536", "2147483648", "4294967295", "4294967296",
    "9223372036854775807", "18446744073709551615", "18446744073709551616", "1e99", "0.5", "-0",
    "99999999999999999999999999",
  ]

  private mutating func replaceNumber(_ bytes: inout [UInt8], from place: Int) {
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    guard let start = bytes[place...].firstIndex(where: isDigit) else { return }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
    bytes.replaceSubrange(start..<end, with: Self.numbers[below(Self.numbers.count)].utf8)
  }
}
