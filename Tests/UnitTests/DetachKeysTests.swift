import Testing

@testable import Supervisor

@Suite("detach keys")
struct DetachKeysTests {
  private func take(_ keys: String, _ parts: [UInt8]...) throws -> ([UInt8], Bool) {
    var keys = try DetachKeys(parsing: keys)
    var passed: [UInt8] = []
    for part in parts {
      let (bytes, isComplete) = keys.take(part)
      passed += bytes
      if isComplete { return (passed, true) }
    }
    return (passed, false)
  }

  @Test("the keys are found in whatever parts they come")
  func found() throws {
    #expect(try take("ctrl-p,ctrl-q", [0x61, 0x10, 0x11, 0x62]) == ([0x61], true))
    #expect(try take("ctrl-p,ctrl-q", [0x61, 0x10], [0x11]) == ([0x61], true))
    #expect(try take("a,a,b", [0x61, 0x61, 0x61, 0x62]) == ([0x61], true))
    #expect(try take("ctrl-@,ctrl-_,ctrl-\\", [0, 0x1f, 0x1c]) == ([], true))
  }

  @Test("what only begins as they do is handed on, and nothing is lost")
  func passed() throws {
    #expect(try take("ctrl-p,ctrl-q", [0x10], [0x10, 0x61]) == ([0x10, 0x10, 0x61], false))
    #expect(try take("ctrl-p,ctrl-q", [0x10]) == ([], false))
    #expect(try take("", [0x10, 0x11]) == ([0x10, 0x11], false))
  }

  @Test(
    "what is no sequence of keys is refused",
    arguments: [",", "ctrl-", "ctrl-1", "ctrl-P", "ctrl-pq", "ab", "ä", " ", "ctrl-p,"])
  func refused(_ text: String) {
    #expect(throws: SupervisorError.self) { try DetachKeys(parsing: text) }
  }
}
