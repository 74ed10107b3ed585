import Glibc
import Linux
import Netlink
import Network

/// Finds and removes what instances have left that are no more, however they went: `swrun gc`.
public struct Collector {
  private let store: InstanceStore

  public init(_ store: InstanceStore) { self.store = store }

  /// Something that nobody needs any more.
  public struct Garbage {
    /// `the lease of 10.20.20.2 …`
    public let text: String
    fileprivate let remove: () throws -> Void
  }

  /// What there is, without a lock and without changing anything.
  public func garbage() -> [Garbage] {
    swept() + logs() + names() + slaves() + leases() + drafts() + resources()
  }

  /// Removes it.
  ///
  /// - Parameter done: gets each thing that was removed.
  public func collect(_ done: (String) -> Void) throws {
    try Privilege.check()
    for item in swept() + logs() { done(item.text) }
    try store.prepare()
    let shared = try store.hold()
    try Sweeper(store).sweepHolding(shared)
    let networks = try store.networks.hold()
    try store.hostResources().check()
    // Looked for again: nobody comes or goes now.
    for item in names() + slaves() + leases() + drafts() + resources() {
      try item.remove()
      done(item.text)
    }
    extendLifetime(networks)
    extendLifetime(shared)
  }

  /// What the sweeper puts right.
  private func swept() -> [Garbage] {
    Sweeper(store).unfinished().map { id in
      Garbage(text: "the instance \(id.prefix(12)), whose monitor was killed") {}
    }
  }

  private func logs() -> [Garbage] {
    directoryEntries("\(store.stateDirectory)/logs")
      .filter { FileIdentity(path: store.directory($0)) == nil && !store.outlivesReboot($0) }
      .map { id in Garbage(text: "the log of \(id.prefix(12)), an instance that is no more") {} }
  }

  private func names() -> [Garbage] {
    directoryEntries("\(store.root)/names").compactMap { name in
      let path = "\(store.root)/names/\(name)"
      guard let id = try? readLink(path), FileIdentity(path: store.directory(id)) == nil else {
        return nil
      }
      return Garbage(text: "the name \(name), of an instance that is no more") {
        try check("unlink", path, unlink(path))
      }
    }
  }

  private func slaves() -> [Garbage] {
    let gone = Set(directoryEntries(store.slavesDirectory).map { String($0.prefix { $0 != "," }) })
      .filter { FileIdentity(path: store.directory($0)) == nil }
    return gone.sorted().map { id in
      Garbage(text: "what \(id.prefix(12)) had on parents, an instance that is no more") {
        store.forgetSlaves(of: id)
      }
    }
  }

  private func leases() -> [Garbage] {
    let networks = store.networks
    return networks.staleLeases { instance in
      // An instance under another --root is there as long as its directory is.
      guard let id = instance.split(separator: "/").last.map(String.init),
        store.directory(id) == instance
      else { return FileIdentity(path: instance) != nil }
      return store.isAlive(id)
    }.map { stale in
      Garbage(text: stale.text) { try removeTree(stale.path) }
    }
  }

  /// Files that were being written when their writer was killed.
  private func drafts() -> [Garbage] {
    let hosts = directoryEntries("\(store.root)/host").map { "\(store.root)/host/\($0)" }
    let places = ["\(store.stateDirectory)/networks", "\(store.root)/seccomp"] + hosts
    return places.flatMap(drafts(in:))
  }

  private func drafts(in directory: String) -> [Garbage] {
    directoryEntries(directory).filter { file in
      guard file.hasSuffix("~"), let writer = file.dropLast().split(separator: ".").last else {
        return false
      }
      guard let pid = Int32(writer) else { return false }
      // One that has ended and was not waited for yet has none either.
      do throws(SystemError) { _ = try readLink("/proc/\(pid)/exe") } catch {
        return error.errno == .noSuchFileOrDirectory
      }
      return false
    }.map { file in
      Garbage(text: "\(directory)/\(file), which was never finished") {
        try removeTree("\(directory)/\(file)")
      }
    }
  }

  private func resources() -> [Garbage] {
    guard let resources = try? store.hostResources() else { return [] }
    let unused = resources.records().filter { record in
      !record.users.contains { store.isAlive(String($0.prefix { $0 != "/" })) }
    }
    return unused.map { record in
      Garbage(
        text: "what was made on the host by: \(record.resource.title)"
      ) {
        var socket = try NetlinkSocket()
        resources.sweep(&socket, isAlive: store.isAlive)
      }
    }
  }
}
