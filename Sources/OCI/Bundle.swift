import FoundationEssentials
import Linux

/// A bundle that cannot be run: one line that says what of it.
public struct BundleError: Error, Hashable, CustomStringConvertible {
  public let description: String
}

extension Spec {
  /// Reads the `config.json` of a bundle, runtime-spec bundle.md.
  ///
  /// What it asks for beyond the part that swrun carries out is refused by name, and so is what is
  /// missing: nothing of it is ignored, nothing made up.
  public init(bundle directory: String) throws(BundleError) {
    let path = "\(directory)/config.json"
    let bytes: [UInt8]
    do { bytes = try readFile(path, limit: 1 << 20) } catch {
      throw BundleError(description: "\(path) cannot be read: \(error.errno)")
    }
    do {
      let data = Data(bytes)
      self = try JSONDecoder().decode(Spec.self, from: data)
      let given = try JSONDecoder().decode(JSONValue.self, from: data)
      let known = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(self))
      if let extra = given.firstKey(beyond: known, at: "") {
        throw BundleError(description: "\(path): \(extra) is not supported; take it out")
      }
    } catch let error as BundleError {
      throw error
    } catch let error as DecodingError {
      throw BundleError(description: "\(path): \(Self.reason(error))")
    } catch {
      throw BundleError(description: "\(path): \(error)")
    }
    if !root.path.hasPrefix("/") { root.path = "\(directory)/\(root.path)" }
    try check(path)
  }

  private func check(_ path: String) throws(BundleError) {
    func refuse(_ text: String) throws(BundleError) {
      throw BundleError(description: "\(path): \(text)")
    }
    guard ociVersion.hasPrefix("1.") else {
      return try refuse("ociVersion \(ociVersion.debugDescription) is not 1.x")
    }
    let kinds = ["cgroup", "ipc", "mount", "pid", "uts"]
    let given = linux.namespaces.map(\.type).filter { $0 != "network" }
    guard given.sorted() == kinds, linux.namespaces.count <= kinds.count + 1 else {
      return try refuse(
        "linux.namespaces has to be \(kinds.joined(separator: ", ")) and, unless the host's is to be shared, network, each once"
      )
    }
    for namespace in linux.namespaces {
      guard let place = namespace.path else { continue }
      guard namespace.type == "network" else {
        return try refuse(
          "linux.namespaces: a path to the \(namespace.type) namespace is not supported; take it out"
        )
      }
      guard place.hasPrefix("/"), !place.utf8.contains(0) else {
        return try refuse("linux.namespaces: the path \(place.debugDescription) is not absolute")
      }
    }
    guard !process.terminal else { return try refuse("process.terminal has to be false") }
    guard process.noNewPrivileges else {
      return try refuse("process.noNewPrivileges has to be true")
    }
    let capabilities = process.capabilities
    guard capabilities.ambient.isEmpty, capabilities.inheritable.isEmpty,
      Set(capabilities.permitted) == Set(capabilities.effective)
    else {
      return try refuse(
        "process.capabilities: ambient and inheritable have to be empty, permitted as effective")
    }
  }

  private static func reason(_ error: DecodingError) -> String {
    func place(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
      (context.codingPath + (key.map { [$0] } ?? [])).map(\.stringValue).joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context): return "\(place(context, key)) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "\(place(context)) is of the wrong type"
    case .dataCorrupted(let context):
      let found = place(context)
      return found.isEmpty ? "not JSON" : "\(found): \(context.debugDescription)"
    @unknown default: return "\(error)"
    }
  }
}

/// Any JSON, for comparing what was given with what was understood.
private indirect enum JSONValue: Decodable {
  case object([String: JSONValue])
  case array([JSONValue])
  case other

  init(from decoder: any Decoder) throws {
    if let object = try? [String: JSONValue](from: decoder) {
      self = .object(object)
    } else if let array = try? [JSONValue](from: decoder) {
      self = .array(array)
    } else {
      self = .other
    }
  }

  /// The first key, with its path, that `known` does not have.
  func firstKey(beyond known: JSONValue, at path: String) -> String? {
    switch (self, known) {
    case (.object(let given), .object(let understood)):
      for key in given.keys.sorted() {
        let place = path.isEmpty ? key : "\(path).\(key)"
        guard let value = given[key], let twin = understood[key] else { return place }
        if let extra = value.firstKey(beyond: twin, at: place) { return extra }
      }
    case (.array(let given), .array(let understood)):
      for (index, (value, twin)) in zip(given, understood).enumerated() {
        if let extra = value.firstKey(beyond: twin, at: "\(path)[\(index)]") { return extra }
      }
    default: break
    }
    return nil
  }
}
