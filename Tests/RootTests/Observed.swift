import JSON
import Supervisor
import TestSupport

extension World {
  /// The state of an instance as `swrun inspect` gives it.
  func state(_ name: String) throws -> InstanceState {
    let result = try swrun("inspect", name)
    guard
      let state = try? JSON.value([InstanceState].self, from: result.output.utf8).first
    else { throw TestFailure("inspect \(name): \(result)") }
    return state
  }

  /// Waits until an instance has come to something.
  func reaches(_ name: String, _ condition: (InstanceState) -> Bool) throws -> Bool {
    try eventually { condition(try self.state(name)) }
  }
}
