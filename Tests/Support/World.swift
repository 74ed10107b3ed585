import Glibc
import Linux

/// A host and a LAN of the test's own: two network namespaces with a veth pair between them, and
/// directories for swrun's state. `host` has `eth0` (10.20.20.5/24, its default route by 10.20.20.1)
/// and `eth1` (up, without address); `lan` has the other ends, `p0` (10.20.20.1/24) and `p1`.
public final class World {
  public let hostName: String
  public let lanName: String
  public let directory: String
  let before: Kept

  public init() throws {
    let tag = String(UInt32.random(in: 0...UInt32.max), radix: 16)
    hostName = "swt\(tag)h"
    lanName = "swt\(tag)l"
    directory = "/tmp/swt\(tag)"
    before = Kept()
    try makeDirectories(directory)
    // As few processes as can be: under emulation each takes a tenth of a second.
    try batch([], "netns add \(hostName)\nnetns add \(lanName)")
    try batch(
      ["-n", hostName],
      """
      link add eth0 type veth peer name p0 netns \(lanName)
      link add eth1 type veth peer name p1 netns \(lanName)
      link set lo up
      link set eth0 up
      link set eth1 up
      addr add 10.20.20.5/24 dev eth0
      route add default via 10.20.20.1
      """)
    try batch(
      ["-n", lanName],
      "link set lo up\nlink set p0 up\nlink set p1 up\naddr add 10.20.20.1/24 dev p0")
  }

  private func batch(_ words: [String], _ lines: String) throws {
    let result = try command(["ip"] + words + ["-batch", "-"], input: lines)
    guard result.code == 0 else { throw TestFailure("ip \(words): \(lines): \(result)") }
  }

  /// Ends what still runs and removes the namespaces.
  public func tearDown() {
    if let ids = try? swrun("ps", "-aq").lines, !ids.isEmpty { _ = try? swrun(["rm", "-f"] + ids) }
    for name in [hostName, lanName] { _ = try? command(["ip", "netns", "del", name]) }
    try? removeTree(directory)
  }

  public static func with(_ body: (World) throws -> Void) throws {
    let world = try World()
    defer { world.tearDown() }
    try body(world)
  }

  /// Runs ip(8), which has to succeed.
  @discardableResult
  public func ip(_ words: String...) throws -> CommandResult {
    let result = try command(["ip"] + words)
    guard result.code == 0 else { throw TestFailure("ip \(words): \(result)") }
    return result
  }

  public func host(_ words: String...) throws -> CommandResult { try host(words) }

  public func host(_ words: [String]) throws -> CommandResult {
    try command(Self.inside(hostName) + words, environment: environment)
  }

  public func lan(_ words: String...) throws -> CommandResult {
    try command(Self.inside(lanName) + words, environment: environment)
  }

  public func swrun(_ words: String...) throws -> CommandResult { try swrun(words) }

  public func swrun(_ words: [String], input: String = "") throws -> CommandResult {
    try command(prefix + words, environment: environment, input: input)
  }

  /// swrun where `/etc/subuid` and `/etc/subgid` say something else.
  public func swrun(
    _ words: [String], subordinates text: String, environment more: [String: String] = [:]
  ) throws -> CommandResult {
    let file = "\(directory)/subid"
    try writeAtomically(Array("\(text)\n".utf8), to: file, mode: 0o644)
    let script =
      "mount --bind \(file) /etc/subuid && mount --bind \(file) /etc/subgid && exec \"$@\""
    return try command(
      Self.inside(hostName) + ["unshare", "-m", "sh", "-c", script, "sh", Self.binary] + words,
      environment: environment.merging(more) { $1 })
  }

  public func startSwrun(_ words: String...) throws -> StartedCommand {
    try start(prefix + words, environment: environment)
  }

  private var prefix: [String] { Self.inside(hostName) + [Self.binary] }

  /// The words before a command in a network namespace. `ip netns exec` also makes a mount namespace, in
  /// which `/sys` is another; that the root tier has, and the guest is spared, where it takes longer than
  /// most of what is run in it.
  public static func inside(_ name: String) -> [String] {
    getenv("SWRUN_GUEST") == nil
      ? ["ip", "netns", "exec", name] : ["nsenter", "--net=/run/netns/\(name)"]
  }

  public var environment: [String: String] {
    ["SWRUN_ROOT": "\(directory)/run", "SWRUN_STATE_DIR": "\(directory)/lib"]
  }

  /// The program under test, `$SWRUN`.
  public static var binary: String {
    getenv("SWRUN").map { String(cString: $0) } ?? "swrun"
  }

  /// The state of an instance as `swrun ps` gives it.
  public func pid(_ name: String) throws -> Int32 {
    let row = try swrun("ps", "--filter", "name=\(name)").lines.dropFirst().first ?? ""
    guard let pid = row.split(separator: " ").last.flatMap({ Int32($0) }) else {
      throw TestFailure("\(name) is not running: \(row)")
    }
    return pid
  }
}

/// A test's world that could not be made.
public struct TestFailure: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
