/// The forms in which a cgroup's files say something, Documentation/admin-guide/cgroup-v2.rst.
public enum CgroupText {
  /// Lines of `KEY VALUE`, as `memory.events` and `cpu.stat` have them.
  public static func flatKeys(_ text: String) -> [String: UInt64] {
    var found: [String: UInt64] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, let value = UInt64(words[1]) { found[String(words[0])] = value }
    }
    return found
  }

  /// Lines of `NAME KEY=VALUE KEY=VALUE`, as `io.stat` has them for devices; the values of each key
  /// added up.
  public static func nestedSums(_ text: String) -> [String: UInt64] {
    var found: [String: UInt64] = [:]
    for line in text.split(separator: "\n") {
      for pair in line.split(separator: " ").dropFirst() {
        let parts = pair.split(separator: "=")
        if parts.count == 2, let value = UInt64(parts[1]) {
          found[String(parts[0]), default: 0] += value
        }
      }
    }
    return found
  }

  /// A number, or `nil` for `max`: no limit.
  public static func limit(_ text: String) -> UInt64? {
    UInt64(text.prefix { !$0.isWhitespace })
  }
}
