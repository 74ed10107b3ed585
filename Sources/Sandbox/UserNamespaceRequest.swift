public import Linux
import OCI

/// What `--userns`, `--uidmap`, `--gidmap`, `--subuidname` and `--subgidname` ask for.
public enum UserNamespaceRequest: Hashable, Sendable {
  /// None of its own.
  case host
  /// Ids that no other instance has.
  case auto(size: UInt32)
  /// The caller is the same inside, everybody else is nobody of the host.
  case keepID
  /// The caller is not there inside.
  case noMap
  case maps(uids: IDMap, gids: IDMap)
  /// The ids that `/etc/subuid` and `/etc/subgid` give to accounts.
  case accounts(uids: String, gids: String)
  case joined(path: String)
  /// That of another instance.
  case instance(String)

  /// As many as a system has whose accounts are in `/etc/passwd`.
  public static let standardSize: UInt32 = 65536

  private static let kinds =
    "auto[:size=N], keep-id, nomap, host, container:NAME, ns:PATH or INSIDE:OUTSIDE:SIZE"

  /// Reads the text of `--userns`.
  public init(parsing text: String) throws(SandboxError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      .map(String.init)
    switch parts[0] {
    case "host" where parts.count == 1: self = .host
    case "keep-id" where parts.count == 1: self = .keepID
    case "nomap" where parts.count == 1: self = .noMap
    case "auto":
      guard parts.count == 2 else {
        self = .auto(size: Self.standardSize)
        return
      }
      guard parts[1].hasPrefix("size="), let size = UInt32(parts[1].dropFirst(5)), size > 0 else {
        throw SandboxError("--userns \(text.debugDescription): write it as auto or auto:size=N")
      }
      self = .auto(size: size)
    case "ns" where parts.count == 2:
      guard parts[1].hasPrefix("/"), !parts[1].utf8.contains(0) else {
        throw SandboxError("--userns \(text.debugDescription): the path is not absolute")
      }
      self = .joined(path: parts[1])
    case "container" where parts.count == 2 && !parts[1].isEmpty: self = .instance(parts[1])
    default:
      guard text.utf8.first.map({ (0x30...0x39).contains($0) }) == true else {
        throw SandboxError("--userns \(text.debugDescription): it is one of \(Self.kinds)")
      }
      let map = try Self.map(text.split(separator: ",").map(String.init), "--userns")
      self = .maps(uids: map, gids: map)
    }
  }

  /// Reads `INSIDE:OUTSIDE:SIZE`, each from one option.
  public static func map(_ texts: [String], _ option: String) throws(SandboxError) -> IDMap {
    var mappings: [Spec.IDMapping] = []
    for text in texts {
      let numbers = text.split(separator: ":", omittingEmptySubsequences: false)
        .map { UInt32($0) }
      guard (2...3).contains(numbers.count), let inside = numbers[0], let outside = numbers[1],
        let size = numbers.count == 3 ? numbers[2] : 1
      else {
        throw SandboxError(
          "\(option) \(text.debugDescription): write it as INSIDE:OUTSIDE:SIZE, for example 0:100000:65536"
        )
      }
      mappings.append(Spec.IDMapping(containerID: inside, hostID: outside, size: size))
    }
    if let fault = Spec.faults(of: mappings, option).first { throw SandboxError("\(fault)") }
    return IDMap(mappings)
  }
}
