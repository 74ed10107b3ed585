/// Names of DNS domains that come from a network and go into a file: nothing but letters, digits,
/// `-`, `_` and dots.
enum DomainNames {
  /// Whether `text` is a domain's name without a dot at its end, RFC 1035 section 2.3.4.
  static func isName(_ text: String) -> Bool {
    (1...253).contains(text.utf8.count)
      && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy {
        isLabel(ArraySlice(Array($0.utf8)))
      }
  }

  private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
    (1...63).contains(label.count)
      && label.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
          || $0 == 0x2d || $0 == 0x5f
      }
  }

  /// Reads the names of option 119, RFC 3397: labels as on the wire of DNS, with pointers to what
  /// was there before. Those that are no names are left out; what is broken ends the list.
  static func list(_ bytes: [UInt8]) -> [String] {
    var names: [String] = []
    var position = 0
    while position < bytes.count, names.count < 32 {
      guard let (name, next) = read(bytes, at: position) else { break }
      if isName(name), !names.contains(name) { names.append(name) }
      position = next
    }
    return names
  }

  /// One name and where the next begins. A pointer leads back only, so that there is no circle.
  private static func read(_ bytes: [UInt8], at start: Int) -> (String, Int)? {
    var labels: [String] = []
    var position = start
    var limit = start
    var next: Int?
    while position < bytes.count {
      let length = Int(bytes[position])
      switch length {
      case 0:
        return (labels.joined(separator: "."), next ?? position + 1)
      case 1...63:
        guard position + 1 + length <= bytes.count, labels.count < 128 else { return nil }
        labels.append(
          String(decoding: bytes[position + 1..<position + 1 + length], as: UTF8.self))
        position += 1 + length
      case 0xc0...:
        guard position + 1 < bytes.count else { return nil }
        let target = (length & 0x3f) << 8 | Int(bytes[position + 1])
        guard target < limit else { return nil }
        next = next ?? position + 2
        limit = target
        position = target
      default: return nil
      }
    }
    return nil
  }
}
