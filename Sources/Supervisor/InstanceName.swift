import Linux

/// Names and ids of instances.
public enum InstanceName {
  private static let adjectives = [
    "amber", "brave", "bright", "calm", "clear", "clever", "cool", "crisp", "eager", "early",
    "fair", "fast", "fine", "fresh", "gentle", "glad", "golden", "happy", "honest", "keen", "kind",
    "light", "lively", "lucky", "mellow", "merry", "mild", "neat", "nimble", "noble", "open",
    "patient", "plain", "proud", "quick", "quiet", "rapid", "ready", "rich", "royal", "sharp",
    "shiny", "silent", "silver", "simple", "smart", "smooth", "solid", "steady", "still", "sunny",
    "swift", "tidy", "true", "vivid", "warm", "wise", "young",
  ]
  private static let nouns = [
    "badger", "bear", "beaver", "bison", "cat", "crane", "crow", "deer", "dolphin", "dove", "eagle",
    "falcon", "finch", "fox", "gecko", "goose", "hare", "hawk", "heron", "horse", "ibis", "jay",
    "koala", "lark", "lemur", "lion", "lynx", "magpie", "marten", "mole", "moose", "newt", "orca",
    "otter", "owl", "panda", "pike", "puffin", "quail", "rabbit", "raven", "robin", "salmon",
    "seal",
    "shrew", "sparrow", "stork", "swallow", "swan", "swift", "tern", "tiger", "toad", "trout",
    "turtle", "viper", "vole", "walrus", "weasel", "whale", "wolf", "wren", "yak", "zebra",
  ]

  /// A name such as `quick_otter`; may be taken.
  static func random() -> String {
    "\(adjectives.randomElement() ?? "plain")_\(nouns.randomElement() ?? "wren")"
  }

  /// 64 random hex digits.
  public static func randomID() -> String {
    var random = SystemRandomNumberGenerator()
    return hexadecimal(
      (0..<4).flatMap { _ in withUnsafeBytes(of: random.next() as UInt64, Array.init) })
  }

  /// Refuses what is not `[a-zA-Z0-9][a-zA-Z0-9_.-]*`, at most 128 characters.
  static func check(_ name: String) throws(SupervisorError) {
    func isPlain(_ byte: UInt8) -> Bool {
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
    let bytes = Array(name.utf8)
    guard let first = bytes.first, isPlain(first), bytes.count <= 128,
      bytes.allSatisfy({ isPlain($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d })
    else {
      throw SupervisorError(
        "\(name.debugDescription) is not a name: it is [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 128 characters"
      )
    }
  }
}
