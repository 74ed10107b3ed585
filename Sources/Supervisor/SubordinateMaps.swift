import CLinux
import Glibc
import Linux
import Sandbox
import SystemPackage

/// The ids that root lets a user give to what it runs, and newuidmap(1) and newgidmap(1), which have the
/// privilege to map them.
struct SubordinateMaps {
  let maps: (uids: IDMap, gids: IDMap)
  private let programs: (uids: String, gids: String)

  private static let directories = ["/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"]

  /// `nil` where the files have nothing for the user, or the programs are not installed: then there is
  /// the user's own id alone.
  init?(uid: UInt32, gid: UInt32) throws(SupervisorError) {
    let accounts = [Accounts(root: "/").name(of: uid), "\(uid)"].compactMap(\.self)
    guard let uids = try Self.map("/etc/subuid", of: accounts, own: uid),
      let gids = try Self.map("/etc/subgid", of: accounts, own: gid),
      let first = Self.program("newuidmap"), let second = Self.program("newgidmap")
    else { return nil }
    maps = (uids, gids)
    programs = (first, second)
  }

  private static func map(
    _ file: String, of accounts: [String], own: UInt32
  ) throws(SupervisorError) -> IDMap? {
    let subordinate = try SubordinateIDs(path: file).ranges(of: accounts)
    if subordinate.isEmpty { return nil }
    var ranges = [IDMap.Range(inside: 0, outside: own, size: 1)]
    var inside: UInt32 = 1
    for range in subordinate.prefix(IDMap.mostRanges - 1) {
      let size = range.upperBound - range.lowerBound + 1
      ranges.append(.init(inside: inside, outside: range.lowerBound, size: size))
      inside += size
    }
    return IDMap(ranges)
  }

  private static func program(_ name: String) -> String? {
    directories.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  /// Starts a process that stays where it is, and can map the ids of this one once that has gone into
  /// its user namespace.
  func begin() throws -> Waiting {
    let pipe = try DescriptorPair.pipe()
    let commands = [(programs.uids, maps.uids), (programs.gids, maps.gids)].map { program, map in
      [program, "\(getpid())"]
        + map.ranges.flatMap { ["\($0.inside)", "\($0.outside)", "\($0.size)"] }
    }
    let pid = try check("fork", "", swrun_fork())
    if pid == 0 {
      close(pipe.second.release().rawValue)
      guard let go = try? pipe.first.fd.readSome(1), !go.isEmpty else { _exit(1) }
      for command in commands where Self.run(command) != 0 { _exit(1) }
      _exit(0)
    }
    return Waiting(pid: pid, start: pipe.second)
  }

  struct Waiting: ~Copyable {
    let pid: pid_t
    let start: Descriptor

    func finish() throws {
      try start.fd.writeEverything([1])
      var status: CInt = 0
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
      guard ExitStatus(waitStatus: status).code == 0 else {
        throw SupervisorError(
          "newuidmap or newgidmap has refused your ids of /etc/subuid and /etc/subgid, for the reason above"
        )
      }
    }
  }

  private static func run(_ command: [String]) -> Int32 {
    let pid = swrun_fork()
    if pid == 0 {
      execv(command[0], command.map { strdup($0) } + [nil])
      _exit(127)
    }
    var status: CInt = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return pid < 0 ? -1 : ExitStatus(waitStatus: status).code
  }
}
