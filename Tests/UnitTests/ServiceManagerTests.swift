import Testing

@testable import Supervisor

@Suite("service managers")
struct ServiceManagerMessageTests {
  @Test("what a workload says is passed on, but for what is not for it to say")
  func passed() {
    func lines(_ text: String) -> [String] { ServiceManager.passed(Array(text.utf8)) }
    #expect(
      lines("READY=1\nSTATUS=up\nMAINPID=1\nFDSTORE=1\nBARRIER=1") == ["READY=1", "STATUS=up"])
    #expect(lines("READY") == [] && lines("") == [] && lines("ready=1") == [])
    #expect(lines("STATUS=a\u{1b}[2J\nWATCHDOG=1") == ["WATCHDOG=1"])
    #expect(ServiceManager.passed([0xff, 0x0a, 0x52]) == [])
  }
}
