import Linux
import Network

/// `--cap-add`, `--cap-drop` and `--privileged`: how the capabilities differ from the default ones.
public struct CapabilityRequest: Hashable, Sendable {
  /// `--cap-add`, in order: names with or without `CAP_`, in any case, or `ALL`.
  public var added: [String] = []
  /// `--cap-drop`, in the same spelling.
  public var dropped: [String] = []

  public init() {}

  /// The names that stay, as Docker decides: `ALL` of the kernel's without the dropped ones; after
  /// `--cap-drop ALL` the added ones alone; else the default ones without the dropped and with the
  /// added. What is both added and dropped is refused, as Podman does.
  ///
  /// - Parameters:
  ///   - privileged: the same as `--cap-add ALL`.
  ///   - kernel: what this kernel has.
  ///   - own: what swrun has itself and can hand on.
  /// - Returns: upper-case names with `CAP_`, in the kernel's order.
  func names(
    from standard: [String], privileged: Bool, kernel: CapabilitySet, own: CapabilitySet
  ) throws(SandboxError) -> [String] {
    let add = try Selection(added, "--cap-add", kernel)
    let drop = try Selection(dropped, "--cap-drop", kernel)
    if add.all, drop.all {
      throw SandboxError("--cap-add ALL and --cap-drop ALL say opposite things; leave one out")
    }
    if let name = add.set.intersection(drop.set).names.first {
      throw SandboxError("\(name) is both added and dropped; leave one out")
    }
    if let name = add.set.subtracting(own).names.first {
      throw SandboxError(
        "--cap-add \(name): swrun does not have it itself, and cannot give it; run it with more privilege"
      )
    }
    let basis: CapabilitySet =
      if privileged || add.all {
        kernel.intersection(own)
      } else if drop.all {
        CapabilitySet()
      } else {
        CapabilitySet(names: standard) ?? CapabilitySet()
      }
    if drop.all, !privileged { return add.set.names }
    return basis.subtracting(drop.all ? kernel : drop.set).union(add.set).names
  }

  /// The names of one option.
  private struct Selection {
    var set = CapabilitySet()
    var all = false

    init(_ names: [String], _ option: String, _ kernel: CapabilitySet) throws(SandboxError) {
      // Docker and Podman take several in one, too.
      for name in names.flatMap({ $0.split(separator: ",", omittingEmptySubsequences: false) }) {
        if ["ALL", "CAP_ALL"].contains(name.uppercased()) {
          all = true
          continue
        }
        guard let bit = CapabilitySet.bit(of: String(name)) else {
          let bare = name.uppercased().hasPrefix("CAP_") ? name.dropFirst(4) : name
          let known = CapabilitySet(bits: .max).names.map { String($0.dropFirst(4)) } + ["ALL"]
          throw SandboxError(
            "\(option): no capability is called \(String(name).debugDescription)\(suggestion(for: bare.uppercased(), in: known)); capabilities(7) lists them"
          )
        }
        guard kernel.bits & (1 << bit) != 0 else {
          throw SandboxError("\(option) \(name): this kernel has no such capability")
        }
        set.bits |= 1 << bit
      }
    }
  }
}
