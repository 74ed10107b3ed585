import Linux
public import Netlink

/// What a resolv.conf(5) says.
public struct ResolverConfiguration: Hashable, Sendable {
  public var servers: [IPAddress] = []
  public var search: [String] = []
  public var options: [String] = []
  /// Whence it is and what is missing in it: the file's first lines, for who looks into it.
  public var notes: [String] = []

  public init() {}

  /// Reads what another has written. As the resolver does, it takes of it what it understands: the
  /// servers, the last `search` or `domain`, and all options.
  ///
  /// - Parameter keepsLocal: also servers on a loopback address, and those that are reached by one
  ///   interface alone (`fe80::1%eth0`): they mean something only in the namespace of the file.
  public init(parsing text: String, keepsLocal: Bool) {
    for line in text.split(whereSeparator: \.isNewline) {
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
      // The keyword begins the line: resolv.conf(5).
      guard let key = words.first, line.hasPrefix(key) else { continue }
      switch key {
      case "nameserver":
        guard words.count > 1, let address = IPAddress(words[1]) else { continue }
        if !keepsLocal, address.isLocal { continue }
        if servers.count < ResolverRequest.mostServers, !servers.contains(address) {
          servers.append(address)
        }
      case "search", "domain":
        let domains = key == "domain" ? words.dropFirst().prefix(1) : words.dropFirst()
        search = domains.filter { (try? HostName.check($0, "")) != nil }
        search = Array(search.prefix(ResolverRequest.mostDomains))
      case "options":
        options += words.dropFirst().filter {
          ResolverRequest.fault(ofOption: $0) == nil && !options.contains($0)
        }
      default: break
      }
    }
  }

  /// The file's text.
  public var text: String {
    var lines = notes.map { "# \($0)" }
    lines += servers.map { "nameserver \($0)" }
    if !search.isEmpty { lines.append("search \(search.joined(separator: " "))") }
    if !options.isEmpty { lines.append("options \(options.joined(separator: " "))") }
    return lines.map { "\($0)\n" }.joined()
  }
}

extension ResolverConfiguration {
  /// What a DHCP lease or a router's advertisement says of name servers.
  public struct Learned: Hashable, Sendable {
    public var servers: [IPAddress]
    public var search: [String]

    /// - Parameter search: from the LAN, and so from anybody: what is no name is left out.
    public init(servers: [IPAddress], search: [String] = []) {
      self.servers = servers.filter { !$0.isUnspecified && !$0.isMulticast && !$0.isLocal }
      self.search = search.filter { (try? HostName.check($0, "")) != nil }
    }
  }

  /// The resolver of an instance: what the user has said, else what was learned on its network, else
  /// what the host has.
  ///
  /// - Parameters:
  ///   - learned: `nil` where the network tells nothing.
  ///   - sharesHost: the instance is in the host's network namespace, where the host's own servers on
  ///     the loopback are reached.
  ///   - files: the host's, the one to look into first; the second is that of systemd-resolved, which
  ///     has the servers themselves where the first has only its own address (as Docker does it).
  public init(
    for request: ResolverRequest, learned: Learned?, sharesHost: Bool,
    files: [String] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]
  ) {
    var host = ResolverConfiguration()
    for file in files {
      // A host without one is as one with an empty one: resolv.conf(5).
      let text = (try? readFile(file, limit: 1 << 16)).map { String(decoding: $0, as: UTF8.self) }
      let found = ResolverConfiguration(parsing: text ?? "", keepsLocal: sharesHost)
      if host.notes.isEmpty || !found.servers.isEmpty {
        host = found
        host.notes = ["Made by swrun from the host's \(file)."]
      }
      if !host.servers.isEmpty || sharesHost { break }
    }
    self = host
    if let learned {
      servers = Array(learned.servers.prefix(ResolverRequest.mostServers))
      search = Array(learned.search.prefix(ResolverRequest.mostDomains))
      options = []
      notes = ["Made by swrun from what the network says (DHCP)."]
    }
    if !request.servers.isEmpty {
      servers = request.servers.compactMap { IPAddress($0) }
      notes = ["Made by swrun from its options."]
    }
    if !request.search.isEmpty { search = request.search.filter { $0 != "." } }
    if !request.options.isEmpty { options = request.options }
    if servers.isEmpty {
      notes.append(
        learned == nil && !sharesHost
          ? "No name server: the host has none that can be reached from here. Give one with --dns."
          : "No name server. Give one with --dns.")
    }
  }
}

extension IPAddress {
  /// Whether it means something in one network namespace, or on one link, alone.
  fileprivate var isLocal: Bool {
    isLoopback || isLinkLocalIPv6 || isUnspecified || (isIPv4 && bytes[0] == 127)
  }
}
