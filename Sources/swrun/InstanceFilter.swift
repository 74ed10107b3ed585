import ArgumentParser
import Supervisor

/// `--filter key=value` of `ps`.
struct InstanceFilter {
  private static let statuses = InstanceState.Status.allCases.map(\.rawValue)
  private let filter: ListFilter

  init(parsing texts: [String]) throws {
    filter = try ListFilter(parsing: texts, keys: ["id", "name", "network", "status"])
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
      default:
        state.shared?.contains(value) == true
          || state.networks.contains {
            $0.network.contains(value) || $0.name?.contains(value) == true
          }
      }
    }
  }
}
