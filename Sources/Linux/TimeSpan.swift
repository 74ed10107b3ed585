/// A span of time as Go's time.ParseDuration and thus Docker takes it: `300ms`, `1.5h`, `1h30m10s`.
public enum TimeSpan {
  private static let units: [(String, Double)] = [
    ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
  ]

  /// - Returns: nanoseconds, at least 0; `nil` for what is none, and for one without a unit.
  public static func parse(_ text: String) -> Int64? {
    if text == "0" { return 0 }
    var rest = Substring(text)
    var sum = 0.0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(digits.count)
      let name = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
      rest = rest.dropFirst(name.count)
      guard let number = Double(digits), let unit = units.first(where: { $0.0 == name })?.1 else {
        return nil
      }
      sum += number * unit
    }
    return text.isEmpty || sum >= 9.2e18 ? nil : Int64(sum)
  }
}
