public import OCI

/// The users and groups of a root file system, read from its own passwd(5) and group(5).
public struct Accounts {
  private let users: [[Substring]]
  private let groups: [[Substring]]

  /// - Parameter root: the directory that is `/` for the workload.
  public init(root: String) {
    let view = RootView(root)
    users = Self.lines(view.text("/etc/passwd"), fields: 7)
    groups = Self.lines(view.text("/etc/group"), fields: 4)
  }

  private static func lines(_ text: String?, fields: Int) -> [[Substring]] {
    // A root file system without accounts is fine: numbers do.
    guard let text else { return [] }
    // By bytes: characters would cost more than the rest of a start's reading.
    return text.utf8.split(separator: UInt8(ascii: "\n"))
      .map { $0.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) }
      .filter { $0.count >= fields }
      .map { $0.map { Substring($0) } }
  }

  /// The number of a group, by its name or number.
  public func group(_ text: some StringProtocol) throws(SandboxError) -> UInt32 {
    let found = groups.first { $0[0] == text }.flatMap { UInt32($0[2]) } ?? UInt32(text)
    guard let found, found != .max else {
      throw SandboxError(
        "no group is called \(String(text).debugDescription) in /etc/group; give a name there, or a number"
      )
    }
    return found
  }

  /// What a user is called; `nil` for one that is not there.
  public func name(of uid: UInt32) -> String? {
    users.first { UInt32($0[2]) == uid }.map { String($0[0]) }
  }

  /// Who runs, with what groups, and the home directory.
  ///
  /// - Parameter text: `name`, `uid`, `name:group`, `uid:gid`; `nil` for root.
  public func resolve(
    _ text: String?
  ) throws(SandboxError) -> (ids: Spec.User, home: String) {
    let parts = (text ?? "0").split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = parts[0]
    let number = UInt32(name)
    let entry =
      users.first { $0[0] == name } ?? users.first { number != nil && UInt32($0[2]) == number }
    guard let uid = entry.flatMap({ UInt32($0[2]) }) ?? number, uid != .max, !name.isEmpty else {
      throw SandboxError(
        "no user is called \(String(name).debugDescription) in /etc/passwd; give a name there, or a number"
      )
    }
    var gid = entry.flatMap { UInt32($0[3]) } ?? 0
    var additional: [UInt32] = []
    if parts.count > 1 {
      let group = parts[1]
      gid = try self.group(group)
    } else if let user = entry?[0] {
      additional = groups.filter { $0[3].split(separator: ",").contains(user) }
        .compactMap { UInt32($0[2]) }
    }
    return (
      Spec.User(uid: uid, gid: gid, additionalGids: additional),
      entry.map { String($0[5]) } ?? "/"
    )
  }
}
