import Glibc
import Linux
import Sandbox
import SystemPackage

/// Where the workload's standard streams lead.
struct Streams: ~Copyable {
  private var input: Descriptor?
  /// What the monitor reads.
  private var output: Descriptor?
  private var errors: Descriptor?
  /// What the workload writes.
  private var outputEnd: Descriptor?
  private var errorsEnd: Descriptor?
  /// What is typed by who is attached goes here. Held open by the monitor, so that the workload waits
  /// for more and does not see an end.
  private var inputEnd: Descriptor?
  private var log: LogWriter?

  /// In the foreground the workload has our own output, and our input with `-i`. In the background
  /// its output goes through pipes into the log.
  init(_ options: RunOptions, terminal: Bool, _ record: InstanceRecord) throws {
    if options.detached {
      log = try LogWriter(options.log, record)
      FaultPoint.mark("the log")
      if !terminal {
        let outputs = try DescriptorPair.pipe()
        output = .some(outputs.first)
        outputEnd = .some(outputs.second)
        let errorPipe = try DescriptorPair.pipe()
        errors = .some(errorPipe.first)
        errorsEnd = .some(errorPipe.second)
      }
    }
    if !options.interactive {
      input = try Descriptor.null()
    } else if options.detached {
      let pair = try DescriptorPair.pipe()
      input = .some(pair.first)
      inputEnd = .some(pair.second)
    }
  }

  /// What the child side gets.
  var standard: StandardStreams {
    StandardStreams(
      input: view(input) ?? .standardInput, output: view(outputEnd) ?? .standardOutput,
      error: view(errorsEnd) ?? .standardError)
  }

  /// The monitor's ends.
  struct Ends: ~Copyable {
    var output: Descriptor?
    var errors: Descriptor?
    var log: LogWriter?
    var input: Descriptor?
  }

  /// Closes what belongs to the workload, so that the pipes end with it.
  consuming func intoMonitor() -> Ends {
    Ends(output: output, errors: errors, log: log, input: inputEnd)
  }
}
