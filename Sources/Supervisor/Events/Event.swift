public import JSON

/// What has happened to an instance or to one of its interfaces, in the shape and with the names of
/// docker-events(1).
public struct Event: Hashable, Sendable, Decodable {
  public enum Kind: String, Hashable, Sendable, Decodable {
    /// An instance; tools that read Docker's events know it by this name.
    case container
    case network
  }

  public let kind: Kind
  /// `start`, `die`, `health_status: healthy` and so on.
  public let action: String
  /// The instance's id, or the network's name.
  public let id: String
  /// `name`, `exitCode` and so on.
  public let attributes: [String: String]
  public let time: Timestamp

  init(
    _ kind: Kind, _ action: String, id: String, _ attributes: [String: String], at time: Timestamp
  ) {
    self.kind = kind
    self.action = action
    self.id = id
    self.attributes = attributes
    self.time = time
  }

  private enum Key: String, CodingKey {
    case kind = "Type"
    case action = "Action"
    case actor = "Actor"
    case time, timeNano
  }

  private struct Actor: Decodable {
    let id: String
    let attributes: [String: String]

    enum CodingKeys: String, CodingKey {
      case id = "ID"
      case attributes = "Attributes"
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    kind = try container.decode(Kind.self, forKey: .kind)
    action = try container.decode(String.self, forKey: .action)
    let actor = try container.decode(Actor.self, forKey: .actor)
    id = actor.id
    attributes = actor.attributes
    time = Timestamp(nanoseconds: try container.decode(Int64.self, forKey: .timeNano))
  }

  /// The instance that it is about: its id and its name.
  public var instance: (id: String, name: String) {
    switch kind {
    case .container: (id, attributes["name"] ?? "")
    case .network: (attributes["container"] ?? "", attributes["containerName"] ?? "")
    }
  }
}

extension Event: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("Action", action)
    json.add("Actor") {
      $0.add("Attributes", attributes)
      $0.add("ID", id)
    }
    json.add("Type", kind.rawValue)
    json.add("time", time.nanoseconds / 1_000_000_000)
    json.add("timeNano", time.nanoseconds)
  }
}
