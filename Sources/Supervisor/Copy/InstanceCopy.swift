import Glibc
public import Linux
import SystemPackage

/// Copies files between the host and a running instance, as `docker cp` does.
///
/// The instance's tree is reached by a descriptor of its root, and all paths in it are looked up below
/// that by the kernel (`RESOLVE_IN_ROOT`). No program and no library is run in it (CVE-2019-14271).
public struct InstanceCopy {
  private let root: HeldDescriptor
  private let ids: UserNamespaceView
  private let keepsOwners: Bool
  private let followsLink: Bool
  private let report: (String) -> Void

  /// - Parameters:
  ///   - keepsOwners: `-a`: ids are kept; without, what is copied in is root's there, and what is copied
  ///     out is the caller's.
  ///   - followsLink: `-L`: a source that is a symbolic link stands for what it leads to.
  ///   - report: gets a line for each thing that is left out.
  public init(
    _ store: InstanceStore, _ state: InstanceState, keepsOwners: Bool, followsLink: Bool,
    report: @escaping (String) -> Void
  ) throws {
    try Rootless(store).obtain(in: state)
    guard store.isAlive(state.id), let identity = state.process, let process = identity.open()
    else {
      throw SupervisorError(
        "\(state.name) is not running, and its files have ended with it; swrun ps lists those that are"
      )
    }
    do {
      root = HeldDescriptor(
        try Descriptor.open("/proc/\(identity.pid)/root", pathOnly | O_DIRECTORY))
      ids = try UserNamespaceView(pid: identity.pid)
    } catch {
      throw SupervisorError("the root of \(state.name) cannot be opened: \(error.errno)")
    }
    // It still lives, so the pid was its until now.
    guard !process.waitForEnd(milliseconds: 0) else {
      throw SupervisorError("\(state.name) has just ended")
    }
    self.keepsOwners = keepsOwners
    self.followsLink = followsLink
    self.report = report
  }

  /// A path, on either side.
  private enum Side: Equatable { case host, instance }

  private func open(
    _ path: FileName, _ flags: CInt, _ side: Side
  ) throws(SystemError) -> HeldDescriptor {
    if side == .host { return HeldDescriptor(try Descriptor.open(path, flags)) }
    let absolute = path.isAbsolute ? path : FileName("/".utf8 + path.bytes)
    return HeldDescriptor(
      try Descriptor.open(absolute, flags, inRoot: root.descriptor.fd))
  }

  private static func text(_ path: FileName, _ side: Side) -> String {
    side == .host ? path.text : "\(path.text) in the instance"
  }

  /// Copies out of the instance.
  ///
  /// - Parameter target: a path of the host's, or `-` for a tar archive on the standard output.
  public func copyOut(_ path: FileName, to target: FileName) throws {
    let source = try openSource(path, .instance)
    let name = Self.name(path)
    if target == FileName("-") {
      var writer = TarWriter(output: .standardOutput, owner: insideOwner)
      try TreeReader(report: report).copy(
        source.descriptor.fd, as: name.map { [$0] } ?? [], to: &writer)
      return try writer.finish()
    }
    let (base, prefix) = try openTarget(
      target, .host, isDirectory: Self.isDirectory(source.descriptor.fd), name)
    let (uid, gid) = (geteuid(), getegid())
    let inside = insideOwner
    let keeps = keepsOwners
    // Somebody who may anything in the instance must not become the owner of a program that gives
    // rights here.
    var writer = TreeWriter(
      base: base.descriptor.fd, prefix: prefix, owner: { keeps ? inside($0, $1) : (uid, gid) },
      modes: 0o1777)
    try TreeReader(report: report).copy(source.descriptor.fd, as: [], to: &writer)
  }

  /// Copies into the instance.
  ///
  /// - Parameter source: a path of the host's, or `-` for a tar archive on the standard input.
  public func copyIn(_ source: FileName, to path: FileName) throws {
    let ids = ids
    let keeps = keepsOwners
    func outside(_ uid: uid_t, _ gid: gid_t) -> (uid: uid_t, gid: gid_t) {
      let root = (uid: ids.uids.outside(0) ?? 0, gid: ids.gids.outside(0) ?? 0)
      if !keeps { return root }
      return (ids.uids.outside(uid) ?? root.uid, ids.gids.outside(gid) ?? root.gid)
    }
    let modes: mode_t = keepsOwners ? 0o7777 : 0o1777
    if source == FileName("-") {
      let base: HeldDescriptor
      do { base = try open(path, pathOnly | O_DIRECTORY, .instance) } catch {
        throw SupervisorError(
          "\(path.text) is no directory of the instance's (\(error.errno)), into which a tar archive could go"
        )
      }
      var writer = TreeWriter(base: base.descriptor.fd, owner: outside, modes: modes)
      return try TarReader(input: .standardInput, report: report).copy(to: &writer)
    }
    let opened = try openSource(source, .host)
    let (base, prefix) = try openTarget(
      path, .instance, isDirectory: Self.isDirectory(opened.descriptor.fd), Self.name(source))
    var writer = TreeWriter(base: base.descriptor.fd, prefix: prefix, owner: outside, modes: modes)
    try TreeReader(report: report).copy(opened.descriptor.fd, as: [], to: &writer)
  }

  private var insideOwner: (uid_t, gid_t) -> (uid: uid_t, gid: gid_t) {
    let ids = ids
    return { (ids.uids.inside($0) ?? 65534, ids.gids.inside($1) ?? 65534) }
  }

  private func openSource(_ path: FileName, _ side: Side) throws -> HeldDescriptor {
    do { return try open(path, pathOnly | (followsLink ? 0 : O_NOFOLLOW), side) } catch {
      throw SupervisorError("\(Self.text(path, side)) cannot be copied: \(error.errno)")
    }
  }

  /// Where a copy goes: a directory, and what it is called there.
  ///
  /// - Parameters:
  ///   - isDirectory: whether the source is one.
  ///   - name: the source's; `nil`: only what is in it is copied.
  private func openTarget(
    _ path: FileName, _ side: Side, isDirectory: Bool, _ name: FileName?
  ) throws -> (HeldDescriptor, [FileName]) {
    let text = Self.text(path, side)
    do {
      if let there = try? open(path, pathOnly, side) {
        if Self.isDirectory(there.descriptor.fd) { return (there, name.map { [$0] } ?? []) }
        if isDirectory {
          throw SupervisorError("\(text) is no directory, and cannot become one; remove it first")
        }
      } else if path.endsWithSlash, !isDirectory {
        throw SupervisorError("\(text) is no directory; make it first, or leave the slash out")
      }
      guard let last = Self.name(path) else {
        throw SupervisorError("\(text) is not there; make it first")
      }
      let names = FileName(joining: path.components.dropLast())
      let parent = FileName((path.isAbsolute ? "/" : "./").utf8 + names.bytes)
      return (try open(parent, pathOnly | O_DIRECTORY, side), [last])
    } catch let error as SystemError {
      throw SupervisorError("the directory of \(text) cannot be opened: \(error.errno)")
    }
  }

  private static func isDirectory(_ fd: FileDescriptor) -> Bool {
    var status = stat()
    return fstat(fd.rawValue, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The last name of a path; `nil` where that is none, or `.`: what is in the directory is meant.
  private static func name(_ path: FileName) -> FileName? {
    guard let last = path.components.last, ![FileName("."), FileName("..")].contains(last) else {
      return nil
    }
    return last
  }
}
