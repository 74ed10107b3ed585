import Glibc
public import Linux
public import Netlink

/// An interface that hangs on a parent of the host, wherever it is.
public struct Slave: Hashable, Sendable {
  /// Who has it, for an error's line: an instance's name, an interface, a process.
  public let owner: String
  /// `ipvlan`, `macvlan` or `macvtap`.
  public let kind: String
  /// The parent's index in the host's network namespace.
  public let parent: Int32
  public let ipvlanMode: UInt16?
  public let ipvlanFlags: UInt16?
  public let addresses: [IPAddress]
  /// The network namespace it is in, where that is known.
  public let namespace: FileIdentity?

  /// The slave that an instance of ours has made from `spec`.
  public init(
    owner: String, spec: NetworkSpec, parent: Int32, addresses: [IPAddress],
    namespace: FileIdentity?
  ) {
    self.owner = owner
    self.parent = parent
    self.addresses = addresses
    self.namespace = namespace
    kind = spec.driver?.kind ?? "none"
    if case .ipvlan(let ipvlan) = spec.kind {
      ipvlanMode = ipvlan.mode.number
      ipvlanFlags = ipvlan.flag.number
    } else {
      ipvlanMode = nil
      ipvlanFlags = nil
    }
  }

  /// What a record tells of slaves that instances of ours have made.
  public init(
    owner: String, kind: String, parent: Int32, ipvlanMode: UInt16?, ipvlanFlags: UInt16?,
    addresses: [IPAddress]
  ) {
    self.owner = owner
    self.kind = kind
    self.parent = parent
    self.ipvlanMode = ipvlanMode
    self.ipvlanFlags = ipvlanFlags
    self.addresses = addresses
    namespace = nil
  }

  /// As `--net` writes the mode; a later kernel's by its number.
  public var modeName: String { Ipvlan.name(ofMode: ipvlanMode) }
  public var flagName: String { Ipvlan.name(ofFlag: ipvlanFlags) }

  /// A slave that was found on the system.
  init(owner: String, link: Link, parent: Int32, namespace: FileIdentity?) {
    self.owner = owner
    self.parent = parent
    self.namespace = namespace
    kind = link.kind ?? ""
    ipvlanMode = link.ipvlanMode
    ipvlanFlags = link.ipvlanFlags
    addresses = []
  }
}

/// Looks for slaves that other tools have made. The kernel has no list of a parent's slaves in other
/// network namespaces, so each namespace that a process or a file holds is asked.
public struct SlaveSearch {
  /// Kinds to look for.
  let kinds: Set<String>

  public init(kinds: Set<String>) { self.kinds = kinds }

  /// - Parameters:
  ///   - parent: the parent's index in the host's network namespace, this process's own.
  ///   - known: namespaces whose slaves are known already.
  public func slaves(
    of parent: Int32, host: inout NetlinkSocket, except known: Set<FileIdentity>
  ) -> [Slave] {
    var found: [Slave] = []
    for link in (try? host.links()) ?? [] {
      guard let kind = link.kind, kinds.contains(kind), link.parent == parent,
        link.parentNamespace == nil
      else { continue }
      found.append(Slave(owner: link.name, link: link, parent: parent, namespace: nil))
    }
    guard let home = try? Namespace(path: "/proc/self/ns/net"), let own = FileIdentity(home.fd)
    else { return found }
    for (identity, place) in otherNamespaces(except: known.union([own])) {
      found += slaves(of: parent, home: home, in: place, identity)
    }
    return found
  }

  private func slaves(
    of parent: Int32, home: borrowing Namespace, in place: Place, _ identity: FileIdentity
  ) -> [Slave] {
    // It may have gone since it was listed, or be closed to us: then there is nothing to find.
    guard let namespace = try? Namespace(path: place.path),
      var socket = try? NetlinkSocket.inside(namespace),
      let homeID = try? socket.namespaceID(of: home.fd), let links = try? socket.links()
    else { return [] }
    return links.compactMap { link in
      guard let kind = link.kind, kinds.contains(kind), link.parent == parent,
        link.parentNamespace == homeID
      else { return nil }
      return Slave(
        owner: "\(link.name) in \(place.name)", link: link, parent: parent, namespace: identity)
    }
  }

  private struct Place {
    let path: String
    let name: String
  }

  private func otherNamespaces(except known: Set<FileIdentity>) -> [FileIdentity: Place] {
    var places: [FileIdentity: Place] = [:]
    for directory in ["/run/netns", "/run/docker/netns"] {
      for name in directoryEntries(directory) {
        let path = "\(directory)/\(name)"
        guard let identity = FileIdentity(path: path), !known.contains(identity) else { continue }
        places[identity] = Place(path: path, name: "network namespace \(name)")
      }
    }
    for name in directoryEntries("/proc") {
      guard let pid = Int32(name) else { continue }
      let path = "/proc/\(pid)/ns/net"
      guard let identity = FileIdentity(path: path), !known.contains(identity),
        places[identity] == nil
      else { continue }
      let command = (try? readText("/proc/\(pid)/comm"))?.prefix { $0 != "\n" } ?? "?"
      places[identity] = Place(path: path, name: "the namespace of process \(pid) (\(command))")
    }
    return places
  }
}
