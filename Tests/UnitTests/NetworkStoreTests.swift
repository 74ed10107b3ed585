import Glibc
import Linux
import Synchronization
import Testing

@testable import Netlink
@testable import Network

/// A store in a directory of its own, and what it reports.
private final class Place {
  let directory: String
  let store: NetworkStore
  private let lines: Reports

  private final class Reports: Sendable {
    let lines = Mutex<[String]>([])
  }

  init() throws {
    directory = "/tmp/swrun-store-\(UInt32.random(in: 0...UInt32.max))"
    let lines = Reports()
    self.lines = lines
    store = NetworkStore(stateDirectory: directory) { line in
      lines.lines.withLock { $0.append(line) }
    }
    try makeDirectories("\(directory)/run/one")
    try makeDirectories("\(directory)/run/two")
    _ = try store.hold()
  }

  deinit { try? removeTree(directory) }

  var reports: [String] { lines.lines.withLock { $0 } }

  func define(_ name: String, _ words: String = "--subnet 10.0.0.0/24") throws {
    try store.create(NetworkDefinitionTests.request(words, name: name))
  }

  func leased(_ name: String, living: Bool = false) throws -> [String] {
    try store.pools(of: store.network(name), living: living).flatMap(\.leased).map { "\($0)" }
      .sorted()
  }

  func write(_ text: String, to file: String) throws {
    try writeAtomically(Array(text.utf8), to: "\(directory)/\(file)")
  }

  var boot: String { (try? bootIdentity()) ?? "" }
  var one: String { "\(directory)/run/one" }
  var two: String { "\(directory)/run/two" }
}

@Suite("network store")
struct NetworkStoreTests {
  @Test("a definition comes back as it was made, and its name is taken until it is removed")
  func definitions() throws {
    let place = try Place()
    let words = "--subnet 10.0.0.0/24 --subnet fd00::/64 --ip-range 10.0.0.64/26 --opt mode=l2"
    try place.define("lan", words)
    let made = try NetworkDefinition(NetworkDefinitionTests.request(words, name: "lan"))
    #expect(try place.store.network("lan") == made)
    let error = #expect(throws: NetworkError.self) { try place.define("lan") }
    #expect(error?.description.contains("a network is called lan already") == true)
    let missing = #expect(throws: NetworkError.self) { try place.store.network("lam") }
    #expect(missing?.description.contains("(did you mean lan?): there is lan") == true)
    try place.store.remove("lan")
    #expect(place.store.all().networks.isEmpty)
    try place.define("lan")
  }

  @Test("an address is leased once, and again once it was given back by who had it")
  func claims() throws {
    let place = try Place()
    try place.define("lan")
    try place.store.claim("10.0.0.2", of: "lan", for: place.one)
    #expect(throws: NetworkError.self) {
      try place.store.claim("10.0.0.2", of: "lan", for: place.two)
    }
    try place.store.release("10.0.0.2", of: "lan", from: place.two)
    #expect(try place.leased("lan") == ["10.0.0.2"])
    try place.store.release("10.0.0.2", of: "lan", from: place.one)
    #expect(try place.leased("lan") == [])
    try place.store.claim("10.0.0.2", of: "lan", for: place.two)
    #expect(try place.leased("lan") == ["10.0.0.2"])
  }

  @Test("the leases of an earlier boot count for nothing, and go with the first of this one")
  func reboot() throws {
    let place = try Place()
    try place.define("lan")
    try place.store.claim("10.0.0.2", of: "lan", for: place.one)
    let leases = "\(place.directory)/leases/lan"
    rename("\(leases)/\(place.boot)", "\(leases)/another-boot")
    #expect(try place.leased("lan") == [])
    #expect(try place.store.network("lan").name == "lan")
    try place.store.claim("10.0.0.2", of: "lan", for: place.two)
    #expect(directoryEntries(leases) == [place.boot])
  }

  @Test("the lease of an instance that is no more is replaced, where it stands in the way")
  func dangling() throws {
    let place = try Place()
    try place.define("lan", "--subnet 10.0.0.0/30")
    try place.store.claim("10.0.0.2", of: "lan", for: "\(place.directory)/run/gone")
    #expect(try place.leased("lan") == ["10.0.0.2"])
    #expect(try place.leased("lan", living: true) == [])
    let spec = try place.store.resolve(NetworkSpec(parsing: "lan"))
    #expect(spec.pools[0].lowestFree(avoiding: []).map { "\($0)" } == "10.0.0.2")
    try place.store.claim("10.0.0.2", of: "lan", for: place.one)
    #expect(try place.leased("lan", living: true) == ["10.0.0.2"])
  }

  static let broken: [(String, String)] = [
    ("", "it is not a definition in JSON"), ("{", "it is not a definition in JSON"),
    ("[]", "it is not a definition in JSON"), ("{\"version\":1}", "it is not a definition in JSON"),
    (String(repeating: "[", count: 100_000), "it is not a definition in JSON"),
    ("\u{0}\u{1}\u{2}", "it is not a definition in JSON"),
  ]

  @Test("a broken definition is named and kept aside, and the rest goes on", arguments: broken)
  func corrupt(_ text: String, _ reason: String) throws {
    let place = try Place()
    try place.define("good")
    for round in 1...2 {
      try place.write(text, to: "networks/bad.json")
      let aside = "\(place.directory)/networks/bad.json.corrupt" + (round == 1 ? "" : ".2")
      let (networks, faults) = place.store.all()
      #expect(networks.map(\.name) == ["good"])
      let path = "\(place.directory)/networks/bad.json"
      #expect(faults == ["\(path) cannot be used: \(reason); it is kept as \(aside)"])
      #expect(try readText(aside) == text)
      // It is told of once.
      #expect(place.store.all().faults == [])
    }
    try place.define("bad", "--subnet 10.1.0.0/24")
    #expect(place.store.all().networks.map(\.name) == ["bad", "good"])
  }

  @Test("a file is checked as a command is, and by its name")
  func unsound() throws {
    let place = try Place()
    try place.define("lan", "--subnet 10.0.0.0/24")
    let text = try readText("\(place.directory)/networks/lan.json")
    try place.write(text.replacing("10.0.0.0/24", with: "10.0.0.9/24"), to: "networks/lan.json")
    #expect(place.store.all().faults[0].contains("did you mean 10.0.0.0/24?"))
    try place.write(text, to: "networks/other.json")
    #expect(place.store.all().faults[0].contains("it defines \"lan\""))
  }

  @Test("the definition of a later swrun is told of each time, and left where it is")
  func later() throws {
    let place = try Place()
    try place.write("{\"version\":2}", to: "networks/new.json")
    for _ in 0..<2 { #expect(place.store.all().faults[0].contains("the layout 2")) }
    #expect(throws: NetworkError.self) { try place.define("new") }
    #expect(try readText("\(place.directory)/networks/new.json") == "{\"version\":2}")
  }

  @Test("a directory or a FIFO in a definition's place keeps nobody waiting")
  func strange() throws {
    let place = try Place()
    try place.define("good")
    try makeDirectories("\(place.directory)/networks/d.json")
    mkfifo("\(place.directory)/networks/f.json", 0o600)
    let (networks, faults) = place.store.all()
    #expect(networks.map(\.name) == ["good"] && faults.count == 2, "\(faults)")
  }

  @Test("what is no lease is named and kept aside, and the rest goes on")
  func oddLeases() throws {
    let place = try Place()
    try place.define("lan")
    try place.store.claim("10.0.0.2", of: "lan", for: place.one)
    let leases = "leases/lan/\(place.boot)"
    try place.write("x", to: "\(leases)/10.0.0.3")
    try place.write("x", to: "\(leases)/rubbish")
    symlink(place.one, "\(place.directory)/\(leases)/10.0.0.04")
    try makeDirectories("\(place.directory)/\(leases)/10.0.0.5")
    #expect(try place.leased("lan") == ["10.0.0.2"])
    try place.store.checkLeases("lan")
    #expect(place.reports.count == 4, "\(place.reports)")
    #expect(
      place.reports[0].hasSuffix(
        "is not a lease; it is kept as \(place.directory)/\(leases)/10.0.0.04.corrupt"))
    try place.store.checkLeases("lan")
    #expect(place.reports.count == 4)
    try place.store.claim("10.0.0.3", of: "lan", for: place.two)
    #expect(try place.leased("lan") == ["10.0.0.2", "10.0.0.3"])
  }

  @Test("readers at the same time as a writer take no good definition away")
  func race() async throws {
    let place = try Place()
    let store = place.store
    let path = "\(place.directory)/networks/lan.json"
    try place.define("lan")
    let good = try readFile(path)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<3 {
        group.addTask { for _ in 0..<200 { _ = store.all() } }
      }
      group.addTask {
        for _ in 0..<100 {
          try? writeAtomically([0x7b], to: path)
          // As who defines a network whose file was kept aside: under the store's lock.
          guard let lock = try? store.hold() else { continue }
          _ = store.all()
          try? store.create(NetworkDefinitionTests.request("--subnet 10.0.0.0/24", name: "lan"))
          extendLifetime(lock)
        }
      }
    }
    _ = store.all()
    #expect(try readFile(path) == good)
  }
}

@Suite("network index")
struct NetworkIndexTests {
  @Test("a listing shows what the definitions say, by the index and without")
  func current() throws {
    let place = try Place()
    let path = "\(place.directory)/networks"
    try place.define("a", "--subnet 10.0.0.0/24 --subnet fd00::/64 --opt parent=eth0 --label k=v=w")
    try place.define("b", "--driver macvlan --subnet 10.0.0.0/24 --opt parent=eth1 --label bare")
    let fresh = place.store.all().networks.map(NetworkSummary.init)
    #expect(place.store.summaries().networks == fresh)
    let index = try readFile("\(path)/index")
    #expect(NetworkIndex(index).entries.count == 2)
    #expect(place.store.summaries().networks == fresh)
    // It is the index that was read: its words are shown, as long as the files are the same.
    let other = NetworkIndex(index).renamed("macvlan:eth1:bridge", to: "macvlan:eth1:marked")
    try writeAtomically(other, to: "\(path)/index")
    #expect(place.store.summaries().networks[1].network == "macvlan:eth1:marked")
    // A definition that has changed is read anew.
    try place.store.remove("b")
    try place.define("b", "--driver macvlan --subnet 10.1.0.0/24 --opt parent=eth1")
    #expect(place.store.summaries().networks[1].subnets == ["10.1.0.0/24"])
    try place.store.remove("a")
    #expect(place.store.summaries().networks.map(\.name) == ["b"])
    #expect(NetworkIndex(try readFile("\(path)/index")).entries.count == 1)
  }

  @Test("an index that is not one is as none, and is made anew")
  func broken() throws {
    let place = try Place()
    try place.define("a", "--subnet 10.0.0.0/24 --label odd=a\tb")
    try place.define("b", "--subnet 10.1.0.0/24")
    let fresh = place.store.all().networks.map(NetworkSummary.init)
    _ = place.store.summaries()
    let index = try readFile("\(place.directory)/networks/index")
    // A label with a tab has no place in it.
    #expect(NetworkIndex(index).entries.keys.sorted() == ["b"])
    for length in stride(from: 0, to: index.count, by: 7) {
      #expect(NetworkIndex(Array(index.prefix(length))).entries.isEmpty)
    }
    for position in index.indices.dropLast() {
      var changed = index
      changed[position] ^= 0x04
      #expect(NetworkIndex(changed).entries.isEmpty)
    }
    try place.write("rubbish", to: "networks/index")
    #expect(place.store.summaries().networks == fresh)
    #expect(try readFile("\(place.directory)/networks/index") == index)
  }
}

extension NetworkIndex {
  /// The index's bytes with other words for a network, sealed again.
  fileprivate func renamed(_ from: String, to: String) -> [UInt8] {
    let text = String(decoding: bytes, as: UTF8.self)
    let body = Array(text.dropLast(17).replacing(from, with: to).utf8)
    let digits = String(fingerprint(body), radix: 16)
    return body + Array((String(repeating: "0", count: 16 - digits.count) + digits + "\n").utf8)
  }
}
