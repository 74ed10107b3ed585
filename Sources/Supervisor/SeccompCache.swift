import FoundationEssentials
import Glibc
import Linux
import OCI
import Sandbox

/// Compiled filters, by what they were compiled from: libseccomp takes longer for one than all the
/// rest of a start.
struct SeccompCache {
  let directory: String

  /// The program of a spec's filter, or of the default one, from the cache where it is there.
  ///
  /// Only the default filter is cached: a bundle could bring one that has the same digest.
  func program(_ spec: Spec) throws -> [UInt8] {
    let profile = SeccompProfile.standard(capabilities: Set(spec.process.capabilities.bounding))
    if let own = spec.linux.seccomp, own != profile { return try own.compile() }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let path =
      "\(directory)/\(String(fingerprint(Array(try encoder.encode(profile))), radix: 16)).bpf"
    // The directory is root's alone; a program is still only taken whole.
    if let program = try? readFile(path), !program.isEmpty, program.count % 8 == 0 {
      return program
    }
    let program = try profile.compile()
    try writeAtomically(program, to: path)
    return program
  }
}
