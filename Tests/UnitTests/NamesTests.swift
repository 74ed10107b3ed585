import Glibc
import Linux
import Testing

@testable import Netlink
@testable import Network

@Suite("names")
struct NamesTests {
  private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

  @Test(
    "what is no host name is refused, above all what would be another line",
    arguments: [
      "", ".", "a.", ".a", "a..b", "-a", "a-", "a b", "a\tb", "a\n10.0.0.1 b", "a#b", "ä", "a/b",
      "a\0b", "10.0.0.1", "a.-b", String(repeating: "a", count: 64),
      Array(repeating: "abcdefghi", count: 26).joined(separator: "."),
    ])
  func hostile(_ name: String) {
    #expect(throws: NetworkError.self) { try HostName.check(name, "--hostname") }
    #expect(throws: NetworkError.self) { try ExtraHost(parsing: "\(name):10.0.0.1") }
    var request = ResolverRequest()
    if name != "." { #expect(throws: NetworkError.self) { try request.addSearch(name) } }
    var spec = NetworkSpec(kind: .named("lan"))
    #expect(throws: NetworkError.self) { try spec.addAlias(name) }
  }

  @Test(
    "names are taken as people write them", arguments: ["web", "WEB-1", "a_b", "1a", "x.y-z.w"])
  func good(_ name: String) throws { try HostName.checkOwn(name, "--hostname") }

  @Test("a machine is not called localhost, nor more than the kernel keeps")
  func own() {
    for name in [
      "localhost", "IP6-Loopback",
      String(repeating: "a", count: 40) + "." + String(repeating: "b", count: 24),
    ] {
      #expect(throws: NetworkError.self) { try HostName.checkOwn(name, "--hostname") }
    }
  }

  @Test("--add-host is read in Docker's forms")
  func extra() throws {
    #expect(try ExtraHost(parsing: "db:10.0.0.9").target == .address(try address("10.0.0.9")))
    #expect(try ExtraHost(parsing: "db=10.0.0.9").name == "db")
    #expect(try ExtraHost(parsing: "db:fd00::9").target == .address(try address("fd00::9")))
    #expect(try ExtraHost(parsing: "db:[fd00::9]").target == .address(try address("fd00::9")))
    #expect(try ExtraHost(parsing: "up.stream:host-gateway").target == .host)
    for text in [
      "db", "db:", "db:host", "db:10.0.0", "db:10.0.0.9\n", "db:10.0.0.9 x", ":10.0.0.9",
    ] {
      #expect(throws: NetworkError.self) { try ExtraHost(parsing: text) }
    }
  }

  @Test("resolv.conf gets no more than it takes")
  func limits() throws {
    var request = ResolverRequest()
    for text in [
      "", "x", "10.0.0", "10.0.0.1\noptions rotate", "fe80::1%eth0", "0.0.0.0", "224.0.0.1",
    ] {
      #expect(throws: NetworkError.self) { try request.addServer(text) }
    }
    for text in ["10.0.0.1", "10.0.0.2", "fd00:0::3"] { try request.addServer(text) }
    #expect(request.servers == ["10.0.0.1", "10.0.0.2", "fd00::3"])
    let fourth = #expect(throws: NetworkError.self) { try request.addServer("10.0.0.4") }
    #expect(fourth?.description.contains("at most 3") == true)
    for text in [
      "", "ndots", "ndots:", "ndots:16", "ndots:-1", "ndots:1 rotate", "rotate:1", "timeout:31",
      "edns0\nnameserver 1.1.1.1", "ndots:٣",
    ] {
      #expect(throws: NetworkError.self, "\(text)") { try request.addOption(text) }
    }
    let near = #expect(throws: NetworkError.self) { try request.addOption("rotat") }
    #expect(near?.description.contains("did you mean rotate?") == true)
    for text in ["ndots:2", "rotate", "attempts:5"] { try request.addOption(text) }
    for number in 0..<32 { try request.addSearch("d\(number)") }
    #expect(throws: NetworkError.self) { try request.addSearch("one.more") }
    #expect(throws: NetworkError.self) { try request.addSearch(".") }
  }

  /// Files of a host, in a directory of the test's own.
  private func withFiles(_ texts: [String], _ body: ([String]) throws -> Void) throws {
    let directory = "/tmp/swrun-names-\(UInt32.random(in: 0...UInt32.max))"
    try makeDirectories(directory)
    defer { try? removeTree(directory) }
    var paths: [String] = []
    for (number, text) in texts.enumerated() {
      paths.append("\(directory)/\(number)")
      try writeAtomically(Array(text.utf8), to: paths[number])
    }
    try body(paths)
  }

  @Test("the host's servers are taken, without those that only it can reach")
  func host() throws {
    try withFiles([
      "; comment\n nameserver 9.9.9.9\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\nnameserver\t10.0.0.1 x\nnameserver 10.0.0.1\ndomain one\nsearch two three bad/name\noptions edns0 hostile ndots:99 rotate\nsortlist 1.2.3.4\n"
    ]) { files in
      let configuration = ResolverConfiguration(
        for: ResolverRequest(), learned: nil, sharesHost: false, files: files)
      #expect(
        configuration.text
          == "# Made by swrun from the host's \(files[0]).\nnameserver 10.0.0.1\nsearch two three\noptions edns0 rotate\n"
      )
    }
  }

  @Test("where the host asks a resolver of its own, those are taken that this asks")
  func stub() throws {
    let stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n"
    try withFiles([stub, "nameserver 10.0.0.53\nsearch lan\n"]) { files in
      #expect(
        ResolverConfiguration(
          for: ResolverRequest(), learned: nil, sharesHost: false, files: files
        ).text
          == "# Made by swrun from the host's \(files[1]).\nnameserver 10.0.0.53\nsearch lan\n")
      // In the host's own namespace the stub is reached.
      #expect(
        ResolverConfiguration(
          for: ResolverRequest(), learned: nil, sharesHost: true, files: files
        ).servers.map { "\($0)" } == ["127.0.0.53"])
    }
    try withFiles([stub, "nameserver ::1\n"]) { files in
      let text = ResolverConfiguration(
        for: ResolverRequest(), learned: nil, sharesHost: false, files: files
      ).text
      #expect(!text.contains("nameserver "))
      #expect(text.contains("# No name server: the host has none that can be reached from here."))
      #expect(text.contains("search lan\n"))
    }
  }

  @Test("what the user says goes before the network, and that before the host")
  func order() throws {
    try withFiles(["nameserver 10.0.0.1\nsearch host\noptions rotate\n"]) { files in
      let learned = ResolverConfiguration.Learned(
        servers: try ["10.9.9.9", "127.0.0.1", "0.0.0.0", "10.9.9.8", "10.9.9.7", "10.9.9.6"].map(
          address), search: ["lan", "evil\nnameserver 6.6.6.6", "b ad"])
      #expect(
        ResolverConfiguration(
          for: ResolverRequest(), learned: learned, sharesHost: false, files: files
        ).text
          == "# Made by swrun from what the network says (DHCP).\nnameserver 10.9.9.9\nnameserver 10.9.9.8\nnameserver 10.9.9.7\nsearch lan\n"
      )
      var request = ResolverRequest()
      try request.addServer("10.1.1.1")
      #expect(
        ResolverConfiguration(for: request, learned: learned, sharesHost: false, files: files).text
          == "# Made by swrun from its options.\nnameserver 10.1.1.1\nsearch lan\n")
      try request.addSearch(".")
      try request.addOption("ndots:2")
      #expect(
        ResolverConfiguration(for: request, learned: nil, sharesHost: false, files: files).text
          == "# Made by swrun from its options.\nnameserver 10.1.1.1\noptions ndots:2\n")
    }
  }

  private static let standard =
    "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"

  @Test("a hosts file has its own names, those of --add-host and the members'")
  func table() throws {
    let own = HostsTable.Member(
      names: ["web", "aaaaaaaaaaaa"], aliases: ["aaaaaaaaaaaa", "www"],
      addresses: try ["10.0.0.2", "fd00::2"].map(address))
    let db = HostsTable.Member(
      names: ["db", "bbbbbbbbbbbb"], aliases: ["DB", "store"],
      addresses: [try address("10.0.0.3")])
    #expect(
      HostsTable(
        host: ["aaaaaaaaaaaa"], own: own,
        extra: [HostsTable.Line(try address("10.9.9.9"), ["printer"])], others: [db]
      ).text == Self.standard
        + "10.9.9.9\tprinter\n10.0.0.2\taaaaaaaaaaaa web www\nfd00::2\taaaaaaaaaaaa web www\n10.0.0.3\tdb bbbbbbbbbbbb store\n"
    )
    #expect(
      HostsTable(
        host: ["box.lan", "box"],
        own: HostsTable.Member(names: ["web", "cccccccccccc"], aliases: [], addresses: []),
        extra: [], others: []
      ).text == Self.standard + "127.0.1.1\tbox.lan box web cccccccccccc\n")
  }

  @Test("a name has one meaning: the user's, then an instance's name, then another's alias")
  func precedence() throws {
    let own = HostsTable.Member(
      names: ["web", "aaaaaaaaaaaa"], aliases: [], addresses: [try address("10.0.0.2")])
    let db = HostsTable.Member(
      names: ["db", "bbbbbbbbbbbb"], aliases: ["shared"], addresses: [try address("10.0.0.3")])
    let liar = HostsTable.Member(
      names: ["localhost", "dddddddddddd"], aliases: ["DB", "web", "shared", "printer", "box"],
      addresses: [try address("10.0.0.4")])
    let lines = HostsTable(
      host: ["box"], own: own, extra: [HostsTable.Line(try address("10.9.9.9"), ["Printer"])],
      others: [db, liar]
    ).lines
    #expect(lines[1].names == ["box", "web", "aaaaaaaaaaaa"])
    #expect(lines[2].names == ["db", "bbbbbbbbbbbb", "shared"])
    // What two have as an alias, both have.
    #expect(lines[3].names == ["dddddddddddd", "shared"])
  }

  @Test("a file is rewritten in place, shorter and longer, and is the same file")
  func inPlace() throws {
    try withFiles(["one\ntwo\nthree\n"]) { files in
      let before = FileIdentity(path: files[0])
      for text in ["one\n", "one\ntwo\nthree\nfour\n", "", "x\n"] {
        #expect(try rewriteInPlace(Array(text.utf8), of: files[0]))
        #expect(try readText(files[0]) == text)
        #expect(try !rewriteInPlace(Array(text.utf8), of: files[0]))
      }
      #expect(FileIdentity(path: files[0]) == before)
      try check("symlink", "", symlink(files[0], files[0] + ".link"))
      #expect(throws: SystemError.self) { try rewriteInPlace([0x0a], of: files[0] + ".link") }
    }
  }
}
