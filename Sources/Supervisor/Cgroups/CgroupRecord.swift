public import JSON
import Linux
import SystemPackage

/// Which cgroup is an instance's: its place, and once it is made what names it for good.
public struct CgroupRecord: Hashable, Sendable, Decodable {
  /// From the root of the hierarchy.
  public let path: String
  public var device: UInt64?
  public var inode: UInt64?

  init(path: String) { self.path = path }

  mutating func identify(_ identity: FileIdentity) {
    device = identity.device
    inode = identity.inode
  }

  /// Whether a path can be nobody else's: the instance's id is in it.
  static func isOwn(_ path: String) -> Bool { path.hasPrefix("\(CgroupPlacement.parent)/") }

  /// Opens it; `nil` where it has gone, or another has its place.
  func open() throws -> Cgroup? {
    guard let hierarchy = CgroupHierarchy.current else { return nil }
    let cgroup: Cgroup
    do { cgroup = try Cgroup(opening: path, in: hierarchy) } catch {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw error
    }
    let identity = try cgroup.identity()
    if device == nil {
      // Its maker was killed before it wrote this down.
      return Self.isOwn(path) ? .some(cgroup) : nil
    }
    return identity.device == device && identity.inode == inode ? .some(cgroup) : nil
  }

  /// Ends what is still in it and removes it.
  func remove() throws {
    switch try open() {
    case .some(let cgroup): try cgroup.remove(emptyParent: CgroupPlacement.emptyParent(of: path))
    case .none: return
    }
  }
}

/// A borrowed view of a cgroup that may not be there.
func view(_ cgroup: borrowing Cgroup?) -> FileDescriptor? {
  switch cgroup {
  case .some(let cgroup): cgroup.fd
  case .none: nil
  }
}

/// What one uses that may not be there.
func usage(_ cgroup: borrowing Cgroup?) -> CgroupUsage {
  switch cgroup {
  case .some(let cgroup): cgroup.usage()
  case .none: CgroupUsage()
  }
}

extension CgroupRecord: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("device", device)
    json.add("inode", inode)
    json.add("path", path)
  }
}
