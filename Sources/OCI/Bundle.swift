public import JSON
import Linux

/// A bundle that cannot be run: one line for each thing that is wrong, the first of which is shown
/// where there is room for one.
public struct BundleError: Error, Hashable, CustomStringConvertible {
  /// The file.
  public let file: String
  public let faults: [Fault]

  public var description: String {
    guard let first = faults.first else { return "\(file) cannot be read" }
    let more =
      faults.count > 1
      ? " (and \(faults.count - 1) more; swrun bundle validate lists them)" : ""
    return "\(file): \(first)\(more)"
  }
}

extension Spec {
  /// The most that a `config.json` may have, in bytes.
  private static let limit = 4 << 20

  /// Reads the `config.json` of a bundle, runtime-spec bundle.md.
  ///
  /// What it asks for beyond what swrun carries out is refused by name, and so is what is missing or
  /// contradicts itself: nothing of it is ignored, nothing made up.
  public init(bundle directory: String) throws(BundleError) {
    let file = "\(directory)/config.json"
    let bytes: [UInt8]
    do { bytes = try readFile(file, limit: Self.limit) } catch {
      throw BundleError(file: file, faults: [Fault("", "cannot be read: \(error.errno)")])
    }
    self = try Spec(config: bytes, file: file)
    let faults = self.faults()
    guard faults.isEmpty else { throw BundleError(file: file, faults: faults) }
    let place = (try? resolvedDirectory(directory)) ?? directory
    if !root.path.hasPrefix("/") { root.path = "\(place)/\(root.path)" }
    for (index, mount) in mounts.enumerated() where mount.isBind {
      if let source = mount.source, !source.hasPrefix("/") {
        mounts[index].source = "\(place)/\(source)"
      }
    }
  }

  /// Reads a `config.json` of which only the form is looked at: swrun's own record of an instance.
  ///
  /// - Parameter file: its name, for errors.
  public init(config bytes: [UInt8], file: String) throws(BundleError) {
    do { self = try JSON.value(Spec.self, from: bytes, strict: true) } catch {
      throw BundleError(file: file, faults: error.faults)
    }
  }
}
