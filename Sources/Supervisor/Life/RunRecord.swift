import Glibc
import JSON
import Linux
import OCI

/// What an instance was asked for, kept so that `swrun start` can ask for it again:
///
///     ROOT/instances/ID/run.json    as long as the instance is recorded
///     STATE/autostart/ID.json       the same of those that come back at boot
///
/// It is the words of the command line, so that all that is read from here is checked as what a user
/// types is, and what these words meant besides.
struct RunRecord: Sendable, Decodable {
  /// Of the file's format.
  private static let newest = 1

  private let version: Int
  let id: String
  var name: String
  let created: Timestamp
  /// After `swrun run`.
  let words: [String]
  /// The working directory, from which relative paths lead; `nil`: it had gone.
  let directory: String?
  /// The values of variables that are handed on by their name: `-e KEY`.
  let environment: [String: String]
  /// Limits that `swrun update` has changed.
  var resources: Spec.Resources?

  init(_ options: RunOptions, _ state: InstanceState) throws {
    version = Self.newest
    id = state.id
    name = state.name
    created = state.created
    words = options.words
    let place = getcwd(nil, 0)
    directory = place.map { String(cString: $0) }
    free(place)
    var values: [String: String] = [:]
    for entry in options.request.environment where !entry.contains("=") {
      if let value = getenv(entry) { values[entry] = String(cString: value) }
    }
    environment = values
  }

  /// Goes to the directory from which the words' relative paths lead.
  ///
  /// - Parameter nowhere: an empty directory, for one that has gone: what was relative to it is then
  ///   found nowhere, and nothing else in its place.
  func enter(orElse nowhere: String) throws(SystemError) {
    if directory.map({ chdir($0) == 0 }) != true {
      try check("chdir", nowhere, chdir(nowhere))
    }
  }

  /// Makes what the words say the instance's that this is of.
  func apply(to options: inout RunOptions) {
    options.request.id = id
    options.name = name
    options.words = words
    options.resources = resources
    options.request.environment = options.request.environment.compactMap { entry in
      entry.contains("=") ? entry : environment[entry].map { "\(entry)=\($0)" }
    }
  }

  /// Reads a file.
  ///
  /// - Throws: by name, what is of a newer swrun or damaged.
  init(path: String, id: String) throws(SupervisorError) {
    struct Stamp: Decodable { let version: Int }
    let bytes: [UInt8]
    do { bytes = try readFile(path) } catch {
      throw SupervisorError("\(path) cannot be read: \(error.errno)")
    }
    let stamp = try? JSON.value(Stamp.self, from: bytes)
    if let version = stamp?.version, version > Self.newest {
      throw SupervisorError(
        "\(path) is of a newer swrun (version \(version) of the format; this one knows \(Self.newest)). Start the instance with that one, or remove it"
      )
    }
    guard let record = try? JSON.value(RunRecord.self, from: bytes, strict: true),
      record.version == Self.newest, record.id == id,
      (record.words + [record.directory ?? "/", record.name]).allSatisfy({ !$0.utf8.contains(0) }),
      record.environment.allSatisfy({ !$0.key.isEmpty && !$0.key.contains("=") })
    else {
      throw SupervisorError(
        "\(path) is damaged, and what the instance was asked for is not known. Remove it and run it anew"
      )
    }
    self = record
  }
}

extension InstanceStore {
  private func runRecordPath(_ id: String) -> String { "\(directory(id))/run.json" }
  private var autostartDirectory: String { "\(stateDirectory)/autostart" }
  private func autostartPath(_ id: String) -> String { "\(autostartDirectory)/\(id).json" }

  /// What an instance was asked for.
  func runRecord(_ id: String) throws -> RunRecord {
    try RunRecord(path: runRecordPath(id), id: id)
  }

  func write(_ record: RunRecord) throws {
    try writeAtomically(JSON.text(record), to: runRecordPath(record.id))
  }

  /// Changes what is kept of an instance's request, here and for the next boot.
  func updateRunRecord(_ id: String, _ body: (inout RunRecord) -> Void) throws {
    // One that is removed when it ends has none.
    guard FileIdentity(path: runRecordPath(id)) != nil else { return }
    var record = try runRecord(id)
    body(&record)
    try write(record)
    if outlivesReboot(id) { try keepForReboot(id) }
  }

  /// Has an instance come back at the next boot.
  func keepForReboot(_ id: String) throws {
    try makeDirectories(autostartDirectory)
    try writeAtomically(try readFile(runRecordPath(id)), to: autostartPath(id))
  }

  func forgetForReboot(_ id: String) { unlink(autostartPath(id)) }

  func outlivesReboot(_ id: String) -> Bool { FileIdentity(path: autostartPath(id)) != nil }

  /// The ids of those that come back at boot.
  func autostartIDs() -> [String] {
    directoryEntries(autostartDirectory).compactMap { name in
      guard name.hasSuffix(".json") else { return nil }
      let id = String(name.dropLast(5))
      return Self.isID(id) ? id : nil
    }
  }

  func autostartRecord(_ id: String) throws -> RunRecord {
    try RunRecord(path: autostartPath(id), id: id)
  }
}

extension RunRecord: JSONWritable {
  func writeMembers(to json: inout JSONWriter) {
    json.add("created", created.text)
    json.add("directory", directory)
    json.add("environment", environment)
    json.add("id", id)
    json.add("name", name)
    json.add("resources", resources)
    json.add("version", version)
    json.add("words", words)
  }
}
