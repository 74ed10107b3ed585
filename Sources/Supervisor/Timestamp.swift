import Glibc
import Linux

/// A moment, in JSON as RFC 3339 text in UTC.
public struct Timestamp: Hashable, Comparable, Sendable, Codable {
  /// Nanoseconds since 1970-01-01 UTC.
  public let nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static var now: Timestamp { Timestamp(nanoseconds: Clock.realtime()) }

  public static func < (one: Timestamp, other: Timestamp) -> Bool {
    one.nanoseconds < other.nanoseconds
  }

  /// RFC 3339 with milliseconds: `2026-11-25T08:30:00.123Z`.
  public var text: String {
    let milliseconds = nanoseconds.divided(by: 1_000_000).quotient
    let (seconds, rest) = milliseconds.divided(by: 1000)
    var moment = time_t(seconds)
    var date = tm()
    gmtime_r(&moment, &date)
    func digits(_ number: Int32, _ count: Int) -> String {
      let text = "\(number)"
      return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
    }
    let day =
      "\(digits(date.tm_year + 1900, 4))-\(digits(date.tm_mon + 1, 2))-\(digits(date.tm_mday, 2))"
    let time = "\(digits(date.tm_hour, 2)):\(digits(date.tm_min, 2)):\(digits(date.tm_sec, 2))"
    return "\(day)T\(time).\(digits(Int32(rest), 3))Z"
  }

  /// Reads RFC 3339, with up to nine digits of a second and any offset.
  ///
  /// - Returns: `nil` for what is none, or beyond what 64 bits hold (1677 to 2262).
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    var place = 0
    func number(_ count: Int, _ after: String = "") -> Int32? {
      guard bytes[place...].starts(with: after.utf8) else { return nil }
      let digits = bytes.dropFirst(place + after.utf8.count).prefix(count)
      guard digits.count == count, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
        return nil
      }
      place += after.utf8.count + count
      return digits.reduce(0) { $0 * 10 + Int32($1 - 0x30) }
    }
    guard let year = number(4), let month = number(2, "-"), let day = number(2, "-"),
      let hour = number(2, "T") ?? number(2, "t") ?? number(2, " "), let minute = number(2, ":"),
      let second = number(2, ":")
    else { return nil }
    var date = tm()
    (date.tm_year, date.tm_mon, date.tm_mday) = (year - 1900, month - 1, day)
    (date.tm_hour, date.tm_min, date.tm_sec) = (hour, minute, second)
    var seconds = Int64(timegm(&date))
    // What timegm(3) has put right was no date.
    guard date.tm_mon == month - 1, date.tm_mday == day, hour < 24, minute < 60, second < 60
    else { return nil }
    var fraction: Int64 = 0
    if place < bytes.count, bytes[place] == UInt8(ascii: ".") {
      let digits = bytes[(place + 1)...].prefix { (0x30...0x39).contains($0) }
      guard (1...9).contains(digits.count) else { return nil }
      place += 1 + digits.count
      fraction = digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
      for _ in digits.count..<9 { fraction *= 10 }
    }
    let zone = bytes[place...]
    if zone.count == 1, zone.first == UInt8(ascii: "Z") || zone.first == UInt8(ascii: "z") {
      place += 1
    } else {
      let isWest = zone.first == UInt8(ascii: "-")
      guard let hours = number(2, isWest ? "-" : "+"), let minutes = number(2, ":"), hours < 24,
        minutes < 60
      else { return nil }
      seconds -= Int64(hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
    }
    guard place == bytes.count else { return nil }
    let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, overflowsToo) = whole.addingReportingOverflow(fraction)
    guard !overflows, !overflowsToo else { return nil }
    nanoseconds = sum
  }

  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let moment = Timestamp(text) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "\(text.debugDescription) is no time of RFC 3339"))
    }
    self = moment
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

extension Int64 {
  /// Division that rounds down, with a rest that is not negative.
  fileprivate func divided(by divisor: Int64) -> (quotient: Int64, rest: Int64) {
    let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
    return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
  }
}
