/// The text format of Prometheus, version 0.0.4
/// (prometheus.io/docs/instrumenting/exposition_formats).
struct MetricsText {
  enum Kind: String {
    case counter, gauge
  }

  private(set) var text = ""
  private var name = ""

  /// Begins a metric; its samples follow.
  ///
  /// - Parameter name: without the common beginning; that of a counter ends in `_total`.
  mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
    self.name = "swrun_\(name)"
    text += "# HELP \(self.name) \(Self.escape(help, quotes: false))\n"
    text += "# TYPE \(self.name) \(kind.rawValue)\n"
  }

  mutating func add(_ labels: KeyValuePairs<String, String>, _ value: some BinaryInteger) {
    add(labels, "\(value)")
  }

  mutating func add(_ labels: KeyValuePairs<String, String>, _ value: Double) {
    add(labels, value.isNaN ? "NaN" : value.isInfinite ? value < 0 ? "-Inf" : "+Inf" : "\(value)")
  }

  private mutating func add(_ labels: KeyValuePairs<String, String>, _ value: String) {
    let pairs = labels.map { "\($0.key)=\"\(Self.escape($0.value, quotes: true))\"" }
    text += "\(name){\(pairs.joined(separator: ","))} \(value)\n"
  }

  private static func escape(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
