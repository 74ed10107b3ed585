import Glibc
import Linux
import Netlink
import Network
import OCI

/// Which files of names an instance gets, decided before anything is made.
struct NamePlan {
  private(set) var files: [NameFile] = []
  private let options: NameOptions
  private let hostname: String
  private let domainname: String?
  private let sharing: NetworkSharing?
  /// Whether the host's name was said, where it is otherwise that of who has the namespace.
  private let isNamed: Bool

  /// - Parameters:
  ///   - spec: without the files' mounts.
  ///   - sharing: whose network it has, where that is not its own.
  init(
    _ options: RunOptions, _ spec: Spec, _ sharing: NetworkSharing?
  ) throws(SupervisorError) {
    self.options = options.names
    self.sharing = sharing
    hostname = spec.hostname ?? ""
    domainname = spec.domainname
    isNamed = options.request.hostname != nil
    try refuseForOwner(options)
    var asked: Set<NameFile> = []
    if !options.names.resolver.isEmpty { asked.insert(.resolver) }
    if !options.names.extraHosts.isEmpty { asked.insert(.hosts) }
    if isNamed { asked.insert(.hostname) }
    for file in NameFile.allCases {
      let covered = file.isCovered(in: spec)
      if asked.contains(file) {
        if options.request.mounts.contains(where: { $0.destination == file.destination }) {
          throw SupervisorError(
            "a mount on \(file.destination) and an option that decides what is in it exclude each other; leave one out"
          )
        }
        files.append(file)
      } else if !covered, file.hasPlace(in: spec),
        isGivenUnasked(file, isBundle: options.bundle != nil, options.networks)
      {
        files.append(file)
      }
    }
  }

  /// As with Docker, who shares an instance's network has its names.
  private func refuseForOwner(_ options: RunOptions) throws(SupervisorError) {
    guard let owner = sharing?.owner else { return }
    let given: [(String, Bool)] = [
      ("--dns, --dns-search, --dns-option", !options.names.resolver.isEmpty),
      ("--add-host", !options.names.extraHosts.isEmpty),
      ("--hostname", isNamed), ("--domainname", options.request.domainname != nil),
    ]
    if let option = given.first(where: \.1)?.0 {
      throw SupervisorError(
        "\(option): with --net container:\(owner.name) the names are those of \(owner.name). Give it there"
      )
    }
  }

  private func isGivenUnasked(
    _ file: NameFile, isBundle: Bool, _ networks: [NetworkSpec]
  ) -> Bool {
    if isBundle {
      return file == .hosts
        && networks.contains { if case .named = $0.kind { true } else { false } }
    }
    guard let sharing else { return true }
    if sharing.owner != nil { return sharing.ownerHas(file) }
    if sharing.network == .host {
      // The host's own files are there, but for what is in its /run.
      return file == .resolver || (file == .hosts && isNamed)
    }
    return true
  }

  /// What the state says of it.
  ///
  /// - Parameter hostGateway: the host's addresses, where `host-gateway` was asked for.
  func record(hostGateway: [IPAddress]) -> NameRecord {
    let extra = options.extraHosts.flatMap { extra -> [NameRecord.Extra] in
      switch extra.target {
      case .address(let address): [NameRecord.Extra(address: "\(address)", name: extra.name)]
      case .host: hostGateway.map { NameRecord.Extra(address: "\($0)", name: extra.name) }
      }
    }
    return NameRecord(
      hostname: hostname, domainname: domainname, resolver: options.resolver, extraHosts: extra,
      followsNetworks: files.contains(.hosts) && sharing?.followsOther != true,
      hasResolver: files.contains(.resolver) && sharing?.followsOther != true)
  }

  var asksForHost: Bool { options.extraHosts.contains { $0.target == .host } }

  /// Makes the files of an instance that has none yet.
  func make(_ state: InstanceState, in store: InstanceStore) throws {
    let directory = store.directory(state.id)
    for file in files {
      let path = "\(directory)/\(file.rawValue)"
      if let owner = sharing?.owner {
        // The same file: what changes for the owner changes here, also where its record goes first.
        if link("\(store.directory(owner.id))/\(file.rawValue)", path) != 0 {
          throw SupervisorError("\(owner.name) has ended meanwhile")
        }
        continue
      }
      try Self.create(path, text(file, state))
    }
  }

  private static func create(_ path: String, _ text: String) throws(SystemError) {
    let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644)
    // Whatever the umask is: others than root read it inside.
    try check("fchmod", path, fchmod(file.fd.rawValue, 0o644))
    try file.fd.writeEverything(Array(text.utf8), named: path)
  }

  private func text(_ file: NameFile, _ state: InstanceState) -> String {
    let sharesHost = sharing?.network == .host
    switch file {
    case .hostname: return "\(hostname)\n"
    case .resolver:
      if sharesHost, options.resolver.isEmpty,
        let bytes = try? readFile("/etc/resolv.conf", limit: 1 << 16)
      {
        return String(decoding: bytes, as: UTF8.self)
      }
      if let files = sharing?.resolverFiles {
        return ResolverConfiguration(
          for: options.resolver, learned: nil, sharesHost: true, files: files
        ).text
      }
      return ResolverConfiguration(
        for: options.resolver, learned: nil, sharesHost: sharesHost
      ).text
    case .hosts:
      guard sharesHost, let names = state.names else {
        return HostsFiles.text(state, among: []) ?? ""
      }
      var lines = names.extraLines
      if isNamed, let own = IPAddress("127.0.1.1") {
        lines.append(HostsTable.Line(own, names.hostNames))
      }
      let bytes = (try? readFile("/etc/hosts", limit: 1 << 20)) ?? []
      let host = String(decoding: bytes, as: UTF8.self)
      let end = host.isEmpty || host.hasSuffix("\n") ? "" : "\n"
      // Before the host's, of which the first that fits is taken.
      return lines.map { "\($0.address)\t\($0.names.joined(separator: " "))\n" }.joined() + host
        + end
    }
  }
}
