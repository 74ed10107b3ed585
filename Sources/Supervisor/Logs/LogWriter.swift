import Glibc
import Linux
import SystemPackage

/// Logs what an instance in the background prints. Where the disk is full, or the journal busy, nothing
/// is lost and no memory filled: what has been read waits, no more is read, and with the pipe full the
/// workload waits as well.
final class LogWriter {
  private enum Target {
    case file(LogFile, LogEncoding)
    case journal(Journal)
  }

  private let target: Target
  private let inputs: [LogInput]
  /// Encoded lines that are not in the file yet.
  private let pages: PageMemory
  private var lines: UnsafeMutablePointer<UInt8> {
    pages.start.assumingMemoryBound(to: UInt8.self)
  }
  private var count = 0
  /// Room for the encoded lines of one reading of a pipe, as lines usually are, and for the longest.
  private static let capacity = 128 << 10
  private let report: (String) -> Void
  private var reported: Set<Errno> = []
  private var clock: Pause?

  /// - Parameters:
  ///   - record: gets a warning when something keeps the log from being written.
  /// - Returns: `nil` with `--log-driver none`.
  convenience init?(_ options: LogOptions, _ record: InstanceRecord) throws {
    try self.init(
      options, id: record.state.id, name: record.state.name,
      directory: record.store.logDirectory(record.state.id), report: record.warn)
  }

  init?(
    _ options: LogOptions, id: String, name: String, directory: String,
    report: @escaping (String) -> Void
  ) throws {
    self.report = report
    inputs = [try LogInput(.output), try LogInput(.errors)]
    pages = try PageMemory(Self.capacity)
    if let file = options.fileName {
      try makeDirectories(directory)
      target = .file(
        try LogFile("\(directory)/\(file)", options), options.driver == .plain ? .plain : .json)
    } else if options.driver == .journald {
      target = .journal(try Journal(id: id, name: name))
    } else {
      return nil
    }
  }

  /// Whether it waits for room: nothing is to be read from the workload until ``retry()`` was called,
  /// which is of use when ``room`` is readable (writable for the journal).
  private(set) var isBlocked = false

  /// What to wait for while it is blocked.
  func room() throws -> (fd: FileDescriptor, forOutput: Bool) {
    if case .journal(let journal) = target, isJournalBusy { return (journal.fd, true) }
    let clock = try clock ?? Pause()
    self.clock = clock
    return (clock.timer.fd, false)
  }

  private var isJournalBusy = false

  /// Gives back memory that nothing is in now.
  func releaseIdleMemory() {
    for input in inputs { input.releaseIdleMemory() }
    if count == 0 { pages.release() }
  }

  /// Nobody tells when a disk has room: it is tried each second.
  private final class Pause {
    let timer: Timer
    init() throws { timer = try Timer(first: 1_000_000_000, interval: 1_000_000_000) }
  }

  /// Reads from a stream and logs the lines that are whole.
  ///
  /// - Returns: what has come; empty at the end.
  func take(
    from fd: FileDescriptor, _ stream: LogStream
  ) throws(SystemError) -> UnsafeRawBufferPointer {
    let input = inputs[stream == .output ? 0 : 1]
    let bytes = try input.read(from: fd)
    if log(input) { flush() }
    return bytes
  }

  /// Goes on where it was blocked.
  func retry() {
    clock?.timer.acknowledge()
    isBlocked = false
    write(all: false)
    if !isBlocked { clock = nil }
  }

  /// Logs what has no line feed as well, now that the workload has ended.
  func finish() {
    if !isBlocked { write(all: true) }
  }

  /// Waits until there may be room again, where that is soon: for the journal, not for a disk.
  ///
  /// - Returns: false where what is left will never be logged.
  func waitForRoom() -> Bool {
    if case .journal(let journal) = target, isJournalBusy,
      poll(journal.fd, for: Int16(POLLOUT), milliseconds: 10_000)
    {
      return true
    }
    report("its last lines are not in its log, which cannot be written")
    return false
  }

  private func write(all: Bool) {
    for input in inputs where !log(input, all: all) { return }
    flush()
  }

  /// - Returns: whether all that is there has been encoded.
  private func log(_ input: LogInput, all: Bool = false) -> Bool {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Timestamp.length) { time in
      guard let time = time.baseAddress else { return false }
      Timestamp.now.write(to: time)
      while let line = input.next(all: all) {
        guard put(line, input.stream, time) else { return false }
        input.take(line.count)
      }
      return true
    }
  }

  private func put(
    _ line: UnsafeRawBufferPointer, _ stream: LogStream, _ time: UnsafePointer<UInt8>
  ) -> Bool {
    switch target {
    case .journal(let journal):
      guard let error = journal.send(line, stream) else { return true }
      isJournalBusy = error.errno == .resourceTemporarilyUnavailable
      return block(isJournalBusy ? nil : error)
    case .file(let file, let encoding):
      if count + LogEncoding.bound(line.count) > Self.capacity, !flush() { return false }
      let length = encoding.write(line, stream, time: time, to: lines + count)
      if file.isFull(after: count, for: length) {
        guard flush() else { return false }
        if file.isFull(after: 0, for: length) {
          do throws(SystemError) { try file.rotate() } catch { return block(error) }
        }
        // It is where it was, behind what flush has written.
        return put(line, stream, time)
      }
      count += length
      return true
    }
  }

  /// Writes the lines that are encoded.
  @discardableResult
  private func flush() -> Bool {
    guard case .file(let file, _) = target, count > 0 else { return true }
    let (written, error) = file.append(UnsafeRawBufferPointer(start: lines, count: count))
    count -= written
    guard let error else { return true }
    memmove(lines, lines + written, count)
    return block(error)
  }

  private func block(_ error: SystemError?) -> Bool {
    isBlocked = true
    if let error, reported.insert(error.errno).inserted {
      report("its log waits, and so does what it prints: \(error)")
    }
    return false
  }
}
