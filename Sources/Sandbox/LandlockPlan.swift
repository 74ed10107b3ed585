public import JSON
public import Linux
public import OCI

/// What a workload that sees the host's tree may write, said a second time: should a mount be writable
/// that is meant not to be, or come loose, Landlock still refuses. See ``Linux/Landlock``.
public struct LandlockPlan: Hashable, Sendable {
  /// Paths inside; what is below them counts as well.
  public let writable: [String]
  /// Whether abstract sockets of others are out of reach: only in the host's network namespace, since
  /// any other divides them already.
  public let scopesAbstractSockets: Bool

  /// All mounts that are not read-only.
  public init(_ spec: Spec) {
    let places = spec.mounts.filter { !$0.isReadOnly }.map(\.destination)
    // A place below another that can be written is left out. Nothing else than that other's rule counts
    // for it, and the workload could move a link to where it was, before an exec looks it up.
    writable = Set(places).filter { place in
      !places.contains { $0 != place && place.hasPrefix($0 == "/" ? "/" : "\($0)/") }
    }.sorted()
    scopesAbstractSockets = spec.networkNamespace == .host
  }
}

/// Whether Landlock is in force for an instance, and if not, why.
public struct LandlockRecord: Hashable, Sendable, Decodable {
  public let inForce: Bool
  /// The kernel's version of the interface; 0: it has none.
  public let abi: Int
  /// Why it is not in force.
  public let reason: String?

  /// - Parameters:
  ///   - isWanted: not `--security-opt landlock=off`.
  ///   - isHosting: the workload sees the host's tree, and not a bundle's.
  public init(
    _ spec: Spec, isWanted: Bool, isHosting: Bool, abi: Int = Landlock.abi
  ) {
    self.abi = abi
    reason =
      if !isHosting {
        "only for workloads that see the host's file system"
      } else if !isWanted {
        "switched off by --security-opt landlock=off"
      } else if !spec.root.readonly {
        "the root can be written"
      } else if spec.process.capabilities.bounding.contains("CAP_SYS_ADMIN") {
        "CAP_SYS_ADMIN is there to mount, and whoever is under Landlock cannot"
      } else if abi < Landlock.neededABI {
        Self.missing(abi)
      } else {
        nil
      }
    inForce = reason == nil
  }

  /// Why this kernel's is of no use.
  public static func missing(_ abi: Int) -> String {
    abi == 0
      ? "the kernel has no Landlock, or it is switched off (lsm= of its command line)"
      : "the kernel's Landlock has ABI \(abi); \(Landlock.neededABI) is needed, that of Linux 6.2"
  }
}

extension Spec.Mount {
  /// Whether nothing in it can be written, by its options.
  var isReadOnly: Bool {
    let read = MountOptions(self)
    return read.attributes.set.union(read.recursiveAttributes.set).contains(.readOnly)
      && !read.attributes.clear.contains(.readOnly)
  }
}

extension LandlockRecord: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("abi", abi)
    json.add("inForce", inForce)
    json.add("reason", reason)
  }
}
