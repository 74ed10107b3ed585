public import Netlink

/// A hosts(5) file.
public struct HostsTable: Hashable, Sendable {
  public struct Line: Hashable, Sendable {
    public let address: IPAddress
    public let names: [String]

    public init(_ address: IPAddress, _ names: [String]) {
      self.address = address
      self.names = names
    }

    /// With its line feed.
    public var text: String { "\(address)\t\(names.joined(separator: " "))\n" }
  }

  /// Another instance on one of its networks, or the instance itself.
  public struct Member: Hashable, Sendable {
    /// Its name, its id's first digits: these are its own alone.
    public let names: [String]
    /// Its host name and the aliases that it was given: several members may have one.
    public let aliases: [String]
    public let addresses: [IPAddress]

    public init(names: [String], aliases: [String], addresses: [IPAddress]) {
      self.names = names
      self.aliases = aliases
      self.addresses = addresses
    }
  }

  public private(set) var lines: [Line] = []

  /// As Debian and Docker have it.
  private static let standard = """
    127.0.0.1\tlocalhost
    ::1\tlocalhost ip6-localhost ip6-loopback
    fe00::\tip6-localnet
    ff00::\tip6-mcastprefix
    ff02::1\tip6-allnodes
    ff02::2\tip6-allrouters

    """

  /// The file of an instance.
  ///
  /// A name has one meaning where it can: what the user says with `--add-host` goes before what an
  /// instance is called, and that before the host name or alias of another.
  ///
  /// - Parameters:
  ///   - host: its host name, the full one first where it has a domain.
  ///   - own: itself.
  ///   - extra: what `--add-host` says.
  ///   - others: who else is on its networks.
  public init(host: [String], own: Member, extra: [Line], others: [Member]) {
    let reader = Reader(host: host, extra: extra)
    var lines = extra
    // Debian's address for a host that has none of its own (Debian Reference 5.1.1).
    let addresses =
      own.addresses.isEmpty ? [IPAddress("127.0.1.1")].compactMap(\.self) : own.addresses
    let ownNames = Self.unique(host + own.names + own.aliases).filter { !reader.isSaid($0) }
    for address in addresses where !ownNames.isEmpty { lines.append(Line(address, ownNames)) }
    let taken = Set((own.names + others.flatMap(\.names)).map { $0.lowercased() })
    for member in others {
      let aliases = member.aliases.filter { !taken.contains($0.lowercased()) }
      lines += reader.lines(
        Member(names: member.names, aliases: aliases, addresses: member.addresses))
    }
    self.lines = lines
  }

  /// Whose file it is.
  public struct Reader {
    private let said: Set<String>
    private let hosts: Set<String>

    /// - Parameters: those of ``HostsTable/init(host:own:extra:others:)``.
    public init(host: [String], extra: [Line]) {
      said = Set(extra.flatMap(\.names).map { $0.lowercased() })
      hosts = Set(host.map { $0.lowercased() })
    }

    func isSaid(_ name: String) -> Bool {
      HostName.isReserved(name) || said.contains(name.lowercased())
    }

    /// The lines of another instance that shares none of its names with anybody.
    public func lines(_ member: Member) -> [Line] {
      // The instance itself is what it calls itself.
      let left = HostsTable.unique(member.names + member.aliases).filter {
        !isSaid($0) && !hosts.contains($0.lowercased())
      }
      return left.isEmpty ? [] : member.addresses.map { Line($0, left) }
    }
  }

  /// Each once; names are the same whatever the case of their letters: RFC 4343.
  private static func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0.lowercased()).inserted }
  }

  /// The file's text.
  public var text: String {
    Self.standard + lines.map(\.text).joined()
  }
}
