import FoundationEssentials
import Glibc
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
    let profile =
      spec.linux.seccomp ?? .standard(capabilities: Set(spec.process.capabilities.bounding))
    return profile == .unconfined ? [] : try program(profile)
  }

  /// The program of a profile, from the cache where it is there and whole.
  func program(_ profile: SeccompProfile) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let versions = "\(SeccompProfile.libraryVersion) \(kernelRelease())\n"
    let key = sha256(Array(versions.utf8) + Array(try encoder.encode(profile)))
    let path = "\(directory)/\(hexadecimal(key)).bpf"
    if let program = Self.read(path) { return program }
    let program = try profile.compile()
    try writeAtomically(sha256(program) + program, to: path)
    return program
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
      let bytes = try? readFile(file.fd, named: path, limit: digestLength + longest)
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

  private func kernelRelease() -> String {
    (try? readText("/proc/sys/kernel/osrelease"))?.filter { !$0.isWhitespace } ?? ""
  }

  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
