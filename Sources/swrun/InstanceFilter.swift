import ArgumentParser
import Supervisor

/// `--filter key=value`
struct InstanceFilter {
  private static let keys = ["id", "name", "network", "status"]
  private static let statuses = ["creating", "running", "exited"]
  private var wanted: [String: [String]] = [:]

  init(parsing texts: [String]) throws {
    for text in texts {
      let pair = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        .map(String.init)
      guard pair.count == 2 else {
        throw ValidationError(
          "--filter \(text.debugDescription): write it as key=value; the keys are \(Self.keys.joined(separator: ", "))"
        )
      }
      guard Self.keys.contains(pair[0]) else {
        throw ValidationError(
          "unknown filter \(pair[0].debugDescription)\(didYouMean(pair[0], Self.keys)): the keys are \(Self.keys.joined(separator: ", "))"
        )
      }
      if pair[0] == "status", !Self.statuses.contains(pair[1]) {
        throw ValidationError(
          "unknown status \(pair[1].debugDescription)\(didYouMean(pair[1], Self.statuses)): they are \(Self.statuses.joined(separator: ", "))"
        )
      }
      wanted[pair[0], default: []].append(pair[1])
    }
  }

  var namesStatus: Bool { wanted["status"] != nil }

  func fits(_ state: InstanceState) -> Bool {
    wanted.allSatisfy { key, values in
      values.contains { value in
        switch key {
        case "id": state.id.hasPrefix(value)
        case "name": state.name.contains(value)
        case "status": state.status.rawValue == value
        default: state.networks.contains { $0.network.contains(value) }
        }
      }
    }
  }
}
