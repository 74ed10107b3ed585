import ArgumentParser
import Supervisor

/// `--filter key=value` of `ps`.
struct InstanceFilter {
  private static let statuses = InstanceState.Status.allCases.map(\.rawValue)
  private let filter: ListFilter

  init(parsing texts: [String]) throws {
    filter = try ListFilter(
      parsing: texts, keys: ["exited", "health", "id", "label", "name", "network", "status"])
    let health = HealthRecord.Status.allCases.map(\.rawValue) + ["none"]
    for word in filter.wanted["health"] ?? [] where !health.contains(word) {
      throw ValidationError(
        "unknown health \(word.debugDescription)\(didYouMean(word, health)): it is \(health.joined(separator: ", "))"
      )
    }
    for code in filter.wanted["exited"] ?? [] where Int32(code) == nil {
      throw ValidationError("--filter exited=\(code): it is an exit code, such as 0 or 137")
    }
    for status in filter.wanted["status"] ?? [] where !Self.statuses.contains(status) {
      throw ValidationError(
        "unknown status \(status.debugDescription)\(didYouMean(status, Self.statuses)): they are \(Self.statuses.joined(separator: ", "))"
      )
    }
  }

  /// Whether it says itself whether those that have ended are meant.
  var namesStatus: Bool { filter.wanted["status"] != nil || filter.wanted["exited"] != nil }

  func fits(_ state: ListedInstance) -> Bool {
    filter.fits { key, value in
      switch key {
      case "id": state.id.hasPrefix(value)
      case "exited": state.status == .exited && state.exitCode == Int32(value)
      case "label": ListFilter.has(state.labels ?? [:], value)
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
