import ArgumentParser
import Supervisor

/// The options of `run` about the log of an instance in the background.
struct LogArguments: PlainArguments {
  @Option(
    name: .customLong("log-driver"),
    help: ArgumentHelp(
      "Where output is kept with -d: json-file (the default), plain, journald or none.",
      valueName: "driver"))
  var driver: String?

  @Option(
    name: .customLong("log-opt"),
    help: ArgumentHelp(
      "max-size=SIZE, max-file=COUNT: when a log is followed by another, and how many are kept.",
      valueName: "key=value"))
  var options: [String] = []

  init() {}

  init(_ words: inout PlainWords) {
    driver = words.value("--log-driver")
    options = words.values("--log-opt")
  }

  func request(detached: Bool) throws -> LogOptions {
    if !detached, driver != nil || !options.isEmpty {
      let option = driver == nil ? "--log-opt" : "--log-driver"
      throw ValidationError(
        "\(option) is about an instance in the background; without -d its output goes to the terminal and is not logged. Add -d"
      )
    }
    return try LogOptions(driver: driver, options: options)
  }
}
