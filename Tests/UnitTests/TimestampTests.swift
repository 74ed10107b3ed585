import Glibc
import Linux
import Testing

@testable import Supervisor

@Suite("moments")
struct TimestampTests {
  @Test(
    "a moment is written and read as RFC 3339",
    arguments: [
      (0, "1970-01-01T00:00:00.000000000Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
      (951_782_400_000_000_001, "2000-02-29T00:00:00.000000001Z"),
      (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
      (Int64.max, "2262-04-11T23:47:16.854775807Z"), (.min, "1677-09-21T00:12:43.145224192Z"),
    ] as [(Int64, String)])
  func text(_ nanoseconds: Int64, _ text: String) {
    #expect(Timestamp(nanoseconds: nanoseconds).text == text)
    #expect(Timestamp(text)?.nanoseconds == nanoseconds || nanoseconds == .min)
  }

  @Test("each day of eight centuries is the one before it and one more")
  func days() {
    var expected = Timestamp.days(1700, 1, 1)
    for year in Int64(1700)...2250 {
      for (month, length) in zip(Int64(1)..., [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
        let leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 1 : 0
        for day in 1...Int64(length + leap) {
          #expect(Timestamp.days(year, month, day) == expected)
          expected += 1
        }
      }
    }
  }

  @Test("a time is read from RFC 3339")
  func time() throws {
    for (text, nanoseconds) in [
      ("2023-11-14T22:13:20.123Z", 1_700_000_000_123_000_000),
      ("2023-11-15 00:13:20.000000001+02:00", 1_700_000_000_000_000_001),
      ("2023-11-14t20:43:20-01:30", 1_700_000_000_000_000_000),
      ("1969-12-31T23:59:59Z", -1_000_000_000),
      ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
    ] { #expect(Timestamp(text)?.nanoseconds == Int64(nanoseconds), "\(text)") }
  }

  @Test(
    "what is no time is refused",
    arguments: [
      "", "2023", "2023-11-14", "2023-11-14T22:13:20", "2023-02-29T00:00:00Z",
      "2023-13-01T00:00:00Z",
      "2023-11-14T24:00:00Z", "2023-11-14T22:60:00Z", "2023-11-14T22:13:60Z",
      "2300-01-01T00:00:00Z",
      "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20.1234567890Z", "2023-11-14T22:13:20+2:00",
      "2023-11-14T22:13:20Zx", "2023-11-14T22:13:20+24:00", "-023-11-14T22:13:20Z",
    ])
  func noTime(_ text: String) {
    #expect(Timestamp(text) == nil)
  }

  @Test(
    "--since takes Docker's forms",
    arguments: [
      ("10m", 1_000_000 - 600), ("1h30m", 1_000_000 - 5400), ("1.5s", 999_998.5), ("0", 1_000_000),
      ("500000", 500_000), ("500000.25", 500_000.25), ("500000.000000001", 500_000.000000001),
      ("1970-01-02T00:00:00Z", 86400), ("1970-01-02T01:00:00+01:00", 86400),
      ("1970-01-01T23:00:00.5-01:00", 86400.5), ("1970-01-02Z", 86400),
      ("1970-01-02T03:00Z", 97200),
    ] as [(String, Double)])
  func asked(_ text: String, _ seconds: Double) throws {
    let now = Timestamp(nanoseconds: 1_000_000_000_000_000)
    let moment = try Timestamp(asked: text, by: "--since", now: now)
    #expect(moment.nanoseconds == Int64((seconds * 1e9).rounded()))
  }

  @Test("without a zone it is this machine's")
  func local() throws {
    let moment = try Timestamp(asked: "2023-11-14T22:13:20", by: "--since")
    #expect(moment.localText.hasPrefix("2023-11-14T22:13:20.000000000"))
    #expect(Timestamp(moment.localText) == moment)
    #expect(try Timestamp(asked: "2023-11-14", by: "--since").localText.contains("-14T00:00:00"))
  }

  @Test(
    "other texts are refused in one line",
    arguments: [
      "", "x", "-10m", "10x", "1h-", "m", "1.2.3", "2023-1-1", "1..5s", "99999999h", "+5",
    ])
  func notAsked(_ text: String) {
    let error = #expect(throws: SupervisorError.self) { try Timestamp(asked: text, by: "--since") }
    #expect("\(error as Any)".contains("is no time"))
  }
}
