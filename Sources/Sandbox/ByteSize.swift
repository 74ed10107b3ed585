/// A size as Docker's options take it: `512m`, `1.5g`, `64KiB`, bytes without a unit; units are
/// powers of 1024.
public enum ByteSize {
  /// - Returns: bytes; `nil` for what is no size.
  public static func parse(_ text: String) -> Int64? {
    let lower = text.lowercased()
    let digits = lower.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let number = Double(digits), number.isFinite, number >= 0 else { return nil }
    var unit = lower.dropFirst(digits.count)
    if unit.first == " " { unit = unit.dropFirst() }
    if unit.hasSuffix("ib"), unit.count == 3 { unit = unit.dropLast(2) }
    if unit.hasSuffix("b") { unit = unit.dropLast() }
    let powers = ["": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5]
    guard let power = powers[String(unit)] else { return nil }
    var bytes = number
    for _ in 0..<power { bytes *= 1024 }
    return bytes < 9.2e18 ? Int64(bytes) : nil
  }

  /// In units of 1024 with four digits at most, as docker-stats(1) has it: `12.5MiB`.
  public static func text(_ bytes: UInt64) -> String {
    text(bytes, step: 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
  }

  /// In units of 1000, as docker-stats(1) has traffic: `1.24kB`.
  public static func decimalText(_ bytes: UInt64) -> String {
    text(bytes, step: 1000, ["B", "kB", "MB", "GB", "TB", "PB"])
  }

  private static func text(_ bytes: UInt64, step: Double, _ units: [String]) -> String {
    var value = Double(bytes)
    var unit = 0
    while value >= step, unit + 1 < units.count {
      value /= step
      unit += 1
    }
    let places = unit == 0 || value >= 100 ? 1.0 : value >= 10 ? 10 : 100
    let rounded = (value * places).rounded() / places
    let text = "\(rounded)"
    return (text.hasSuffix(".0") ? String(text.dropLast(2)) : text) + units[unit]
  }
}
