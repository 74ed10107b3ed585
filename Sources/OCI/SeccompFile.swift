import CLinux
import JSON
public import Linux

/// A profile of seccomp in a file of the user's: as the OCI runtime specification writes it
/// (`linux.seccomp`), or as Docker and Podman do, with parts that count only with a capability, on an
/// architecture or from a kernel on.
///
/// Source: moby/profiles, seccomp/seccomp.go, and containers/common, pkg/seccomp/types.go.
public struct SeccompFile: Hashable, Sendable {
  /// What decides about the conditional parts.
  public struct Circumstances: Hashable, Sendable {
    /// The bounding set, as `CAP_SYS_ADMIN`.
    public var capabilities: Set<String>
    public var architecture: SeccompProfile.Architecture
    public var kernel: KernelVersion

    public init(
      capabilities: Set<String>, architecture: SeccompProfile.Architecture = .native,
      kernel: KernelVersion = .running
    ) {
      self.capabilities = capabilities
      self.architecture = architecture
      self.kernel = kernel
    }
  }

  /// A file that is no profile: one line.
  public struct Failure: Error, Hashable, CustomStringConvertible {
    public let description: String
  }

  private let text: SeccompText

  /// - Parameters:
  ///   - bytes: JSON.
  ///   - path: how errors name it.
  public init(parsing bytes: [UInt8], path: String) throws(Failure) {
    do {
      text = try JSON.value(SeccompText.self, from: bytes, strict: true)
      let faults = FaultList(faults: text.faults())
      if !faults.faults.isEmpty { throw faults }
    } catch { throw Failure(description: "\(path): \(error)") }
  }

  /// Reads a file of at most 1 MiB.
  public init(path: String) throws(Failure) {
    let bytes: [UInt8]
    do { bytes = try readFile(path, limit: 1 << 20) } catch {
      throw Failure(description: "the seccomp profile \(path) cannot be read: \(error.errno)")
    }
    try self.init(parsing: bytes, path: path)
  }

  /// The profile under these circumstances, with nothing conditional left.
  public func profile(_ now: Circumstances) -> SeccompProfile {
    var architectures = text.architectures ?? []
    // Docker takes the machine's entry, and none where it has none.
    if let entry = text.archMap?.first(where: { $0.architecture == now.architecture }) {
      architectures = [entry.architecture] + (entry.subArchitectures ?? [])
    }
    return SeccompProfile(
      defaultAction: text.defaultAction,
      defaultErrnoRet: text.defaultErrnoRet ?? text.defaultErrno?.number,
      architectures: architectures, flags: text.flags ?? [], listenerPath: text.listenerPath,
      listenerMetadata: text.listenerMetadata,
      syscalls: (text.syscalls ?? []).filter { $0.counts(now) }.map(\.rule))
  }
}

/// The file as it is written. The decoder refuses a property that none of the three formats has.
private struct SeccompText: Hashable, Sendable, Decodable {
  var defaultAction: SeccompProfile.Action
  var defaultErrnoRet: UInt32?
  var defaultErrno: ErrnoName?
  var architectures: [SeccompProfile.Architecture]?
  var archMap: [Entry]?
  var flags: [SeccompProfile.Flag]?
  var listenerPath: String?
  var listenerMetadata: String?
  var syscalls: [ConditionalRule]?
  var comment: String?

  struct Entry: Hashable, Sendable, Decodable {
    var architecture: SeccompProfile.Architecture
    var subArchitectures: [SeccompProfile.Architecture]?
  }

  /// What contradicts itself or has no sense.
  func faults() -> [Fault] {
    var faults: [Fault] = []
    if archMap?.isEmpty == false, architectures?.isEmpty == false {
      faults.append(Fault("archMap", "says what architectures says; take one of them out"))
    }
    faults += ErrnoName.faults(defaultErrno, defaultErrnoRet, "defaultErrno")
    for (index, rule) in (syscalls ?? []).enumerated() {
      faults += rule.faults("syscalls[\(index)]")
    }
    return faults
  }
}

/// An errno by its name, or its number in quotes, as Podman writes it beside the number.
private struct ErrnoName: Hashable, Sendable, Decodable {
  let text: String

  init(from decoder: any Decoder) throws {
    text = try decoder.singleValueContainer().decode(String.self)
  }

  /// `nil` for a name that there is not, and for an empty one.
  var number: UInt32? {
    if let number = UInt32(text) { return number }
    return (CInt(1)..<134).first { number in
      swrun_errno_name(number).map { String(cString: $0) == text } ?? false
    }.map(UInt32.init)
  }

  static func faults(_ name: ErrnoName?, _ number: UInt32?, _ path: String) -> [Fault] {
    guard let name, !name.text.isEmpty else { return [] }
    guard let named = name.number else {
      return [Fault(path, "is \(name.text.debugDescription), which is no errno such as EPERM")]
    }
    if let number, number != named {
      return [Fault(path, "is \(name.text), and \(path)Ret is another, \(number)")]
    }
    return []
  }
}

private struct ConditionalRule: Hashable, Sendable, Decodable {
  var name: String?
  var names: [String]?
  var action: SeccompProfile.Action
  var errnoRet: UInt32?
  var errno: ErrnoName?
  var args: [SeccompProfile.Argument]?
  var comment: String?
  var includes: SeccompCondition?
  var excludes: SeccompCondition?

  /// Docker's older profiles have `name`.
  private var allNames: [String] { (name.map { $0.isEmpty ? [] : [$0] } ?? []) + (names ?? []) }

  var rule: SeccompProfile.Rule {
    SeccompProfile.Rule(
      allNames, action: action, errnoRet: errnoRet ?? errno?.number, args: args)
  }

  func faults(_ path: String) -> [Fault] {
    var faults: [Fault] = []
    if name?.isEmpty == false, names?.isEmpty == false {
      faults.append(Fault("\(path).name", "says what names says; take one of them out"))
    }
    if allNames.isEmpty { faults.append(Fault("\(path).names", "names no system call")) }
    if let bad = allNames.first(where: { $0.isEmpty || $0.utf8.contains(0) }) {
      faults.append(Fault("\(path).names", "has \(bad.debugDescription), which is no system call"))
    }
    faults += ErrnoName.faults(errno, errnoRet, "\(path).errno")
    for (index, argument) in (args ?? []).enumerated() where argument.index > 5 {
      faults.append(Fault("\(path).args[\(index)].index", "is above 5; a call has six arguments"))
    }
    faults += includes?.faults("\(path).includes") ?? []
    faults += excludes?.faults("\(path).excludes") ?? []
    return faults
  }

  /// Whether all of `includes` holds and nothing of `excludes`.
  func counts(_ now: SeccompFile.Circumstances) -> Bool {
    let architecture = now.architecture.goName
    if let excludes {
      if !now.capabilities.isDisjoint(with: excludes.caps ?? []) { return false }
      if excludes.arches?.contains(architecture) == true { return false }
      if let kernel = excludes.kernel, now.kernel >= kernel { return false }
    }
    if let includes {
      if !now.capabilities.isSuperset(of: includes.caps ?? []) { return false }
      if let arches = includes.arches, !arches.isEmpty, !arches.contains(architecture) {
        return false
      }
      if let kernel = includes.kernel, now.kernel < kernel { return false }
    }
    return true
  }
}

private struct SeccompCondition: Hashable, Sendable, Decodable {
  var caps: [String]?
  var arches: [String]?
  var minKernel: String?

  var kernel: KernelVersion? { minKernel.flatMap(KernelVersion.init(parsing:)) }

  func faults(_ path: String) -> [Fault] {
    guard let minKernel, !minKernel.isEmpty, kernel == nil else { return [] }
    return [
      Fault("\(path).minKernel", "is \(minKernel.debugDescription), no version such as 4.8")
    ]
  }
}

extension SeccompProfile.Architecture {
  /// As Go names it, and with it Docker's and Podman's profiles.
  fileprivate var goName: String {
    switch self {
    case .aarch64: "arm64"
    case .amd64: "amd64"
    case .loongarch64: "loong64"
    default: String(rawValue.dropFirst("SCMP_ARCH_".count)).lowercased()
    }
  }
}
