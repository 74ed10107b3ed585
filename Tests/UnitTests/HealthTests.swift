import Testing

@testable import Supervisor

@Suite("health")
struct HealthRecordTests {
  private func check(_ code: Int32?) -> HealthRecord.Check {
    HealthRecord.Check(started: .now, ended: .now, exitCode: code, output: "")
  }

  @Test("failures in a row make it unhealthy once, and a success makes it well")
  func failures() {
    var health = HealthRecord()
    var turned: [Bool] = []
    for code in [Int32(1), 0, 1, 1, nil, 1, 0, nil, nil, nil] as [Int32?] {
      turned.append(health.note(check(code), retries: 3, isStarting: false))
    }
    #expect(turned == [false, false, false, false, true, false, false, false, false, true])
    #expect(health.status == .unhealthy && health.failures == 3 && health.checks.count == 5)
  }

  @Test("the start period ends with the first success")
  func starting() {
    var health = HealthRecord()
    for _ in 0..<10 {
      let isWorse = health.note(check(1), retries: 1, isStarting: true)
      #expect(!isWorse && health.status == .starting && health.failures == 0)
    }
    _ = health.note(check(0), retries: 1, isStarting: true)
    #expect(health.status == .healthy)
    let isWorse = health.note(check(1), retries: 1, isStarting: true)
    #expect(isWorse)
  }
}
