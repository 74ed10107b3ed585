import Glibc
import JSON
import Linux
import OCI
import Sandbox

/// Compiled filters, by what they were compiled from: libseccomp takes longer for one than all the
/// rest of a start.
///
/// A file's name is the digest of the profile, the capabilities' part in it included, and of the
/// versions of kernel and libseccomp; it holds the digest of the program and then the program.
struct SeccompCache {
  let directory: String

  /// That of a spec's workload; empty where it is to have none.
  func workloadProgram(_ spec: Spec) throws -> [UInt8] {
    if let profile = spec.linux.seccomp {
      return profile == .unconfined ? [] : try program(profile)
    }
    return try defaultProgram(capabilities: Set(spec.process.capabilities.bounding))
  }

  /// That of the default filter with what comes with capabilities.
  ///
  /// It follows from them and from this very executable; to put it together only to look it up would
  /// cost more than all else here.
  func defaultProgram(capabilities: Set<String>) throws -> [UInt8] {
    try program(named: capabilities.sorted().reduce(into: "default") { $0 += " \($1)" }) {
      .standard(capabilities: capabilities)
    }
  }

  /// That of an instance's own PID 1.
  func initProgram() throws -> [UInt8] { try program(named: "init") { .ofInit } }

  private func program(named name: String, _ profile: () -> SeccompProfile) throws -> [UInt8] {
    let source = "\(try identity(of: "/proc/self/exe")) \(name)"
    return try program(from: Array(source.utf8), profile)
  }

  /// The program of a profile, from the cache where it is there and whole.
  func program(_ profile: SeccompProfile) throws -> [UInt8] {
    try program(from: JSON.text(profile)) { profile }
  }

  private func program(
    from source: [UInt8], _ profile: () -> SeccompProfile
  ) throws -> [UInt8] {
    let path = "\(directory)/\(hexadecimal(sha256(Self.versions + source))).bpf"
    if let program = Self.read(path) { return program }
    let program = try profile().compile()
    try writeAtomically(sha256(program) + program, to: path)
    return program
  }

  /// Changes when the file does.
  private func identity(of path: String) throws(SystemError) -> String {
    var status = stat()
    try check("stat", path, stat(path, &status))
    return
      "\(status.st_dev):\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
  }

  /// `nil` also for a file that somebody else could have written, that is cut or has been changed: it
  /// is made anew.
  private static func read(_ path: String) -> [UInt8]? {
    guard let file = try? Descriptor.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) else {
      return nil
    }
    var status = stat()
    guard fstat(file.fd.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_uid == geteuid(), status.st_mode & 0o022 == 0,
      let bytes = try? readFile(
        file.fd, named: path, limit: digestLength + longest, size: Int(status.st_size))
    else { return nil }
    let program = Array(bytes.dropFirst(digestLength))
    guard !program.isEmpty, program.count % 8 == 0,
      sha256(program) == Array(bytes.prefix(digestLength))
    else { return nil }
    return program
  }

  private static let digestLength = 32
  /// 4096 instructions, all that the kernel takes.
  private static let longest = 4096 * 8

  /// Of libseccomp and the kernel, read once for all filters.
  private static let versions: [UInt8] = {
    let release = (try? readText("/proc/sys/kernel/osrelease"))?.filter { !$0.isWhitespace } ?? ""
    return Array("\(SeccompProfile.libraryVersion) \(release)\n".utf8)
  }()
}
