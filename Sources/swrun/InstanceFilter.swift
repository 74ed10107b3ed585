import ArgumentParser
import Supervisor

/// `--filter key=value` of `ps`.
struct InstanceFilter {
  private static let statuses = InstanceState.Status.allCases.map(\.rawValue)
  private let filter: ListFilter

  init(parsing texts: [String]) throws {
    filter = try ListFilter(parsing: texts, keys: ["health", "id", "name", "network", "status"])
    let health = HealthRecord.Status.allCases.map(\.rawValue) + ["none"]
    for word in filter.wanted["health"] ?? [] where !health.contains(word) {
      throw ValidationError(
        "unknown health \(word.debugDescription)\(didYouMean(word, health)): it is \(health.joined(separator: ", "))"
      )
    }
    for status in filter.wanted["status"] ?? [] where !Self.statuses.contains(status) {
      throw ValidationError(
        "unknown status \(status.debugDescription)\(didYouMean(status, Self.statuses)): they are \(Self.statuses.joined(separator: ", "))"
      )
    }
  }

  var namesStatus: Bool { filter.wanted["status"] != nil }

  func fits(_ state: InstanceState) -> Bool {
    filter.fits { key, value in
      switch key {
      case "id": state.id.hasPrefix(value)
      case "name": state.name.contains(value)
      case "status": state.status.rawValue == value
      case "health": (state.isRunning ? state.health?.status.rawValue : nil) ?? "none" == value
      default:
        state.shared?.contains(value) == true
          || state.networks.contains {
            $0.network.contains(value) || $0.name?.contains(value) == true
          }
      }
    }
  }
}
