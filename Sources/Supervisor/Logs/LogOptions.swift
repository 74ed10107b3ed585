public import JSON
import Sandbox

/// Where what an instance in the background prints is kept: `--log-driver` and `--log-opt`.
public struct LogOptions: Hashable, Sendable, Decodable {
  public enum Driver: String, Hashable, Sendable, Decodable, CaseIterable {
    /// Docker's: a JSON object a line.
    case jsonFile = "json-file"
    /// Text lines with time and stream before them, as CRI and Podman's `k8s-file` have them.
    case plain
    /// systemd's journal.
    case journald
    case none
  }

  /// What a driver's file is called; `nil` for one without.
  var fileName: String? {
    switch driver {
    case .jsonFile: "log.json"
    case .plain: "log.txt"
    case .journald, .none: nil
    }
  }

  public private(set) var driver = Driver.jsonFile
  /// Bytes after which a further file is begun; `nil`: never.
  public private(set) var maxSize: Int64?
  /// How many files there are at most, that which is written to among them.
  public private(set) var maxFile = 1

  public init() {}

  /// - Parameters:
  ///   - driver: `nil` for `json-file`.
  ///   - options: `max-size=10m`, `max-file=3`.
  public init(driver name: String?, options: [String]) throws(SupervisorError) {
    if let name {
      guard let driver = Driver(rawValue: name) else {
        let names = Driver.allCases.map(\.rawValue)
        throw SupervisorError(
          "unknown log driver \(name.debugDescription): they are \(names.joined(separator: ", "))")
      }
      self.driver = driver
    }
    var hasCount = false
    for option in options {
      let pair = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        .map(String.init)
      guard pair.count == 2, ["max-size", "max-file"].contains(pair[0]) else {
        throw SupervisorError(
          "--log-opt \(option.debugDescription): there are max-size=SIZE and max-file=COUNT")
      }
      guard fileName != nil else {
        throw SupervisorError(
          "--log-opt \(option): the log driver \(driver.rawValue) has no files of its own")
      }
      if pair[0] == "max-size" {
        guard let size = ByteSize.parse(pair[1]), size > 0 else {
          throw SupervisorError(
            "--log-opt \(option): it is a size in bytes, or with a unit such as 10m")
        }
        maxSize = size
      } else {
        guard let count = Int(pair[1]), (1...1000).contains(count) else {
          throw SupervisorError("--log-opt \(option): it is a number from 1 to 1000")
        }
        maxFile = count
        hasCount = true
      }
    }
    if hasCount, maxSize == nil {
      throw SupervisorError("--log-opt max-file needs max-size, which says when a file is full")
    }
  }
}

extension LogOptions: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("driver", driver.rawValue)
    json.add("maxFile", maxFile)
    json.add("maxSize", maxSize)
  }
}
