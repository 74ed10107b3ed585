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

  /// Bytes of ``text``.
  static let length = 30

  /// RFC 3339 with nanoseconds, as Docker has it: `2026-11-25T03:16:53.000000001Z`.
  public var text: String {
    String(unsafeUninitializedCapacity: Self.length) { buffer in
      buffer.baseAddress.map(write)
      return Self.length
    }
  }

  /// Writes ``text`` to a place that has room for its ``length``.
  func write(to place: UnsafeMutablePointer<UInt8>) {
    let (days, time) = Self.divide(nanoseconds, 86_400_000_000_000)
    let date = Self.date(days)
    let seconds = time / 1_000_000_000
    var rest = place
    func put(_ value: Int64, _ digits: Int, _ after: UInt8) {
      var value = value
      for index in (0..<digits).reversed() {
        rest[index] = UInt8(truncatingIfNeeded: 0x30 + value % 10)
        value /= 10
      }
      rest[digits] = after
      rest += digits + 1
    }
    put(date.year, 4, UInt8(ascii: "-"))
    put(date.month, 2, UInt8(ascii: "-"))
    put(date.day, 2, UInt8(ascii: "T"))
    put(seconds / 3600, 2, UInt8(ascii: ":"))
    put(seconds / 60 % 60, 2, UInt8(ascii: ":"))
    put(seconds % 60, 2, UInt8(ascii: "."))
    put(time % 1_000_000_000, 9, UInt8(ascii: "Z"))
  }

  /// Quotient and remainder, the latter never negative.
  private static func divide(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
    let quotient = value >= 0 ? value / by : (value + 1) / by - 1
    let remainder = value % by
    return (quotient, remainder < 0 ? remainder + by : remainder)
  }

  /// The civil date of a day since 1970-01-01. Years begin in March, so that leap days end them.
  private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, day) = divide(days + 719_468, 146_097)
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365
    let dayOfYear = day - (365 * year + year / 4 - year / 100)
    let month = (5 * dayOfYear + 2) / 153
    return (
      era * 400 + year + (month < 10 ? 0 : 1), month < 10 ? month + 3 : month - 9,
      dayOfYear - (153 * month + 2) / 5 + 1
    )
  }

  /// The day since 1970-01-01 of a civil date.
  static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let (era, yearOfEra) = divide(year - (month <= 2 ? 1 : 0), 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  /// Reads RFC 3339, with up to nine digits of a second and any offset.
  ///
  /// - Returns: `nil` for what is none, or beyond what 64 bits hold (1677 to 2262).
  public init?(_ text: some StringProtocol) {
    guard let moment = DateFields(text, isComplete: true)?.moment else { return nil }
    self = moment
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
