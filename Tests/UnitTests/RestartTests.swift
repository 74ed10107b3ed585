import Linux
import Testing

@testable import Supervisor

@Suite("restart policies")
struct RestartPolicyTests {
  @Test("the words are Docker's, and are written as they were read")
  func words() throws {
    for text in ["no", "on-failure", "on-failure:3", "always", "unless-stopped"] {
      #expect(try RestartPolicy(parsing: text).text == text)
    }
    #expect(try RestartPolicy(parsing: "on-failure:0") == .onFailure(most: nil))
  }

  @Test(
    "what is none of them is refused by name",
    arguments: [
      "", "never", "Always", "always:3", "no:1", "on-failure:", "on-failure:-1", "on-failure:x",
    ])
  func refused(_ text: String) {
    #expect {
      try RestartPolicy(parsing: text)
    } throws: {
      "\($0)".hasPrefix("--restart \(text.debugDescription): ")
    }
  }

  @Test("each policy launches again what it is for")
  func decisions() {
    for code in [Int32(0), 1, 137] {
      #expect(!RestartPolicy.no.restarts(after: code, count: 0))
      #expect(RestartPolicy.always.restarts(after: code, count: 1000))
      #expect(RestartPolicy.unlessStopped.restarts(after: code, count: 1000))
      #expect(RestartPolicy.onFailure(most: nil).restarts(after: code, count: 1000) == (code != 0))
    }
    #expect(RestartPolicy.onFailure(most: 3).restarts(after: 1, count: 2))
    #expect(!RestartPolicy.onFailure(most: 3).restarts(after: 1, count: 3))
    #expect(!RestartPolicy.onFailure(most: 3).restarts(after: 0, count: 0))
  }

  @Test("the delay doubles from 100 ms to a minute, and a run of 10 s begins anew")
  func delay() {
    var delay = RestartDelay()
    let milliseconds = (0..<12).map { _ in delay.next(afterRunOf: 5_000_000_000) / 1_000_000 }
    #expect(
      milliseconds == [
        100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000,
      ])
    #expect(delay.next(afterRunOf: 10_000_000_000) == 100_000_000)
    #expect(delay.next(afterRunOf: 0) == 200_000_000)
  }
}
