import Glibc
import Linux

/// The numbers of a date as RFC 3339 writes it, or of a beginning of one.
struct DateFields {
  private var year: Int64 = 0
  private var month: Int64 = 1
  private var day: Int64 = 1
  private var hour: Int64 = 0
  private var minute: Int64 = 0
  private var second: Int64 = 0
  private var nanosecond: Int64 = 0
  /// Seconds east of UTC; `nil`: it does not say.
  private var zone: Int64?
  private let text: [UInt8]
  private var place = 0

  /// - Parameter isComplete: the time of day, to the second, and the zone have to be there. Otherwise
  ///   they may be missing from the right, as for `docker logs --since`.
  init?(_ text: some StringProtocol, isComplete: Bool) {
    self.text = Array(text.utf8)
    guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2)
    else { return nil }
    (self.year, self.month, self.day) = (year, month, day)
    if take("T") || take("t") || take(" ") {
      guard let hour = number(2) else { return nil }
      self.hour = hour
      if take(":") {
        guard let minute = number(2) else { return nil }
        self.minute = minute
        if take(":") {
          guard let second = number(2) else { return nil }
          self.second = second
          if take(".") {
            guard let fraction = fraction() else { return nil }
            nanosecond = fraction
          }
        } else if isComplete {
          return nil
        }
      } else if isComplete {
        return nil
      }
    } else if isComplete {
      return nil
    }
    guard takeZone(), next == nil, !isComplete || zone != nil, isPossible else { return nil }
  }

  private var isPossible: Bool {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return (1...12).contains(month) && (1...lengths[Int(month) - 1]).contains(day) && hour < 24
      && minute < 60 && second < 60
  }

  private var next: UInt8? { place < text.count ? text[place] : nil }

  private mutating func take(_ wanted: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: wanted) else { return false }
    place += 1
    return true
  }

  private mutating func digit() -> Int64? {
    guard let byte = next, (0x30...0x39).contains(byte) else { return nil }
    place += 1
    return Int64(byte - 0x30)
  }

  private mutating func number(_ digits: Int) -> Int64? {
    var value: Int64 = 0
    for _ in 0..<digits {
      guard let digit = digit() else { return nil }
      value = value * 10 + digit
    }
    return value
  }

  /// Nanoseconds, of nine digits at most.
  private mutating func fraction() -> Int64? {
    var value: Int64 = 0
    var count = 0
    while let digit = digit() {
      count += 1
      if count > 9 { return nil }
      value = value * 10 + digit
    }
    for _ in count..<9 { value *= 10 }
    return count > 0 ? value : nil
  }

  /// - Returns: false for half a zone.
  private mutating func takeZone() -> Bool {
    if take("Z") || take("z") {
      zone = 0
      return true
    }
    let isWest = next == UInt8(ascii: "-")
    guard take("+") || take("-") else { return true }
    guard let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60 else {
      return false
    }
    zone = (isWest ? -1 : 1) * (hours * 3600 + minutes * 60)
    return true
  }

  /// What they mean; without a zone, in this machine's own.
  var moment: Timestamp? {
    let seconds: Int64
    if let zone {
      seconds =
        Timestamp.days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone
    } else {
      var local = tm()
      local.tm_year = Int32(year - 1900)
      local.tm_mon = Int32(month - 1)
      local.tm_mday = Int32(day)
      local.tm_hour = Int32(hour)
      local.tm_min = Int32(minute)
      local.tm_sec = Int32(second)
      local.tm_isdst = -1
      seconds = Int64(mktime(&local))
    }
    return Timestamp(seconds: seconds, nanoseconds: nanosecond)
  }
}

extension Timestamp {
  /// `nil` for what 64 bits of nanoseconds do not hold.
  init?(seconds: Int64, nanoseconds: Int64) {
    let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, overflowsToo) = product.addingReportingOverflow(nanoseconds)
    if overflows || overflowsToo { return nil }
    self.init(nanoseconds: sum)
  }

  /// What `--since` and `--until` are given, in Docker's forms: RFC 3339, of which a part may be missing
  /// from the right and the zone is then this machine's; seconds since 1970, with a fraction; or how
  /// long ago it was, such as `10m` or `1h30m`.
  ///
  /// - Throws: one line that says what is allowed.
  public init(
    asked text: String, by option: String, now: Timestamp = .now
  ) throws(SupervisorError) {
    if let span = TimeSpan.parse(text) {
      self.init(nanoseconds: now.nanoseconds - span)
    } else if let moment = DateFields(text, isComplete: false)?.moment ?? Timestamp(unix: text) {
      self = moment
    } else {
      throw SupervisorError(
        "\(option) \(text.debugDescription) is no time: write 2026-01-31T12:00:00Z, seconds since 1970, or how long ago, such as 10m or 1h30m"
      )
    }
  }

  /// `1136073600.000000001`
  private init?(unix text: String) {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    func isDigits(_ part: Substring) -> Bool {
      !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
    guard parts.allSatisfy(isDigits), let seconds = Int64(parts[0]) else { return nil }
    let digits = parts.count > 1 ? parts[1].prefix(9) : ""
    let fraction = Int64(digits + String(repeating: "0", count: 9 - digits.count)) ?? 0
    self.init(seconds: seconds, nanoseconds: fraction)
  }

  /// As `docker events` prints it: in this machine's zone, `2026-11-25T03:16:53.000000001+01:00`.
  public var localText: String {
    var seconds = time_t(nanoseconds / 1_000_000_000)
    var local = tm()
    localtime_r(&seconds, &local)
    let there = Timestamp(nanoseconds: nanoseconds + Int64(local.tm_gmtoff) * 1_000_000_000).text
    let minutes = abs(local.tm_gmtoff) / 60
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return
      "\(there.dropLast())\(local.tm_gmtoff < 0 ? "-" : "+")\(two(minutes / 60)):\(two(minutes % 60))"
  }
}
