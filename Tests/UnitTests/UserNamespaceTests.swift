import Linux
import Testing

@testable import OCI
@testable import Sandbox
@testable import Supervisor

@Suite("user namespaces")
struct UserNamespaceTests {
  private static func map(_ ranges: (UInt32, UInt32, UInt32)...) -> IDMap {
    IDMap(ranges.map { .init(inside: $0.0, outside: $0.1, size: $0.2) })
  }

  @Test("the kernel's table is read and written, and leads both ways")
  func table() throws {
    let map = try #require(
      IDMap(parsing: "         0     100000      65536\n     70000       5 1\n"))
    #expect(map == Self.map((0, 100000, 65536), (70000, 5, 1)))
    #expect(IDMap(parsing: map.text) == map)
    #expect(map.outside(0) == 100000 && map.outside(65535) == 165535 && map.outside(70000) == 5)
    #expect(map.outside(65536) == nil && map.outside(.max) == nil)
    #expect(map.inside(100000) == 0 && map.inside(5) == 70000 && map.inside(0) == nil)
    for wrong in ["0 1", "0 1 x", "-1 0 1", "0 1 4294967296", "a b c"] {
      #expect(IDMap(parsing: wrong) == nil, "\(wrong)")
    }
  }

  @Test(
    "--userns has podman's words",
    arguments: [
      ("host", .host), ("auto", .auto(size: 65536)), ("auto:size=1000", .auto(size: 1000)),
      ("keep-id", .keepID), ("nomap", .noMap),
      ("ns:/proc/7/ns/user", .joined(path: "/proc/7/ns/user")),
      ("container:web", .instance("web")),
      ("0:100000:65536", .maps(uids: map((0, 100000, 65536)), gids: map((0, 100000, 65536)))),
      ("0:1:2,5:9", .maps(uids: map((0, 1, 2), (5, 9, 1)), gids: map((0, 1, 2), (5, 9, 1)))),
    ] as [(String, UserNamespaceRequest)])
  func words(_ text: String, _ request: UserNamespaceRequest) throws {
    #expect(try UserNamespaceRequest(parsing: text) == request)
  }

  @Test(
    "what is no user namespace is refused",
    arguments: [
      "", "private", "auto:", "auto:size=0", "auto:size=x", "auto:uid=5", "keep-id:uid=5", "ns:x",
      "ns:", "container:", "host:1", "0", "0:1:0", "0:1:4294967295", "0:1:2,1:9:1", "0:5:3,9:7:2",
      "0:-1:1", "0:1:2:3", "4294967295:1:1", "99999999999:1:1", "0:1:2,,",
    ])
  func refused(_ text: String) {
    #expect(throws: SandboxError.self) {
      try UserNamespaceRequest(parsing: text == "0:1:2,," ? "0:1:2,:" : text)
    }
  }

  private func spec(
    _ uids: [Spec.IDMapping], _ gids: [Spec.IDMapping], _ change: (inout Spec) -> Void = { _ in }
  ) throws -> Spec {
    let request = RunRequest(id: String(repeating: "a", count: 64), command: ["true"])
    var spec = try Spec(hosting: request)
    spec.linux.namespaces.append(Spec.Namespace(type: "user"))
    spec.linux.uidMappings = uids
    spec.linux.gidMappings = gids
    change(&spec)
    return spec
  }

  private static func line(_ inside: UInt32, _ outside: UInt32, _ size: UInt32) -> Spec.IDMapping {
    Spec.IDMapping(containerID: inside, hostID: outside, size: size)
  }

  @Test("the rules of the kernel are told before, each with its place")
  func rules() throws {
    let good = [Self.line(0, 100_000, 65536)]
    #expect(try spec(good, good).faults() == [])
    func paths(_ uids: [Spec.IDMapping]) throws -> [String] {
      try spec(uids, good).faults().map(\.path)
    }
    #expect(try paths([]) == ["linux.uidMappings"])
    #expect(try paths([Self.line(0, 1, 0)]) == ["linux.uidMappings[0].size"])
    #expect(
      try paths([Self.line(0, 1, 10), Self.line(9, 100, 1)]) == ["linux.uidMappings[1].containerID"]
    )
    #expect(
      try paths([Self.line(0, 1, 10), Self.line(20, 10, 5)]) == ["linux.uidMappings[1].hostID"])
    #expect(try paths([Self.line(0, .max - 1, 2)]) == ["linux.uidMappings[0].hostID"])
    #expect(try paths((0..<340).map { Self.line($0, $0 * 2 + 1, 1) }) == [])
    #expect(try paths((0..<341).map { Self.line($0, $0 * 2 + 1, 1) }) == ["linux.uidMappings"])
  }

  @Test("ids of the process and of mounts have to be in the maps")
  func mapped() throws {
    let few = [Self.line(0, 100_000, 5)]
    let faults = try spec(few, few) {
      $0.process.user = Spec.User(uid: 5, gid: 6, additionalGids: [1, 7])
    }.faults().map(\.path)
    // The group of the terminals is 5.
    #expect(
      faults == [
        "process.user.uid", "process.user.gid", "process.user.additionalGids[1]",
        "mounts[\(try devpts())].options[5]",
      ])
    let request = RunRequest(id: String(repeating: "a", count: 64), command: ["true"])
    var narrow = request
    narrow.userNamespace = .new(uids: IDMap(few), gids: IDMap(few))
    #expect(try Spec(hosting: narrow).faults() == [])
    narrow.user = "5"
    #expect(throws: SandboxError.self) { try Spec(hosting: narrow) }
  }

  private func devpts() throws -> Int {
    try #require(try spec([], []).mounts.firstIndex { $0.type == "devpts" })
  }

  @Test("mappings belong to a new user namespace, and to no other")
  func belongs() throws {
    let good = [Self.line(0, 100_000, 65536)]
    let shared = try spec(good, good) { $0.linux.namespaces.removeAll { $0.type == "user" } }
    #expect(shared.faults().map(\.path) == ["linux.uidMappings"])
    let joined = try spec([], good) {
      $0.userNamespace = .joined(path: "/proc/7/ns/user")
      $0.linux.gidMappings = good
    }
    #expect(joined.faults().map(\.path) == ["linux.gidMappings"])
    #expect(joined.userNamespace == .joined(path: "/proc/7/ns/user"))
    let twice = try spec(good, good) { $0.linux.namespaces.append(Spec.Namespace(type: "user")) }
    #expect(twice.faults().map(\.path) == ["linux.namespaces[7].type"])
  }

  @Test("/etc/subuid gives whole ranges of ids, and never the host's root")
  func subordinate() {
    let text = """
      containers:100000:65536
      # containers:1:1
      containers:200000:10
      other:300000:5
      root:0:65536
      root:x:5
      root:5
      root:7:0
      root:4294967290:10
      root:-5:10
      root:99999999999999999999:1
      root::
      \u{0}\u{fffd}:::::
      root:400000:100:7
      root:500000:3
      1000:600000:2
      """
    let file = SubordinateIDs(path: "x", text: text)
    #expect(file.ranges(of: ["containers", "root"]) == [100000...165535, 200000...200009])
    #expect(file.ranges(of: ["nobody", "root"]) == [500000...500002])
    #expect(file.ranges(of: ["user", "1000"]) == [600000...600001])
    #expect(file.ranges(of: ["nobody"]) == [])
    #expect(SubordinateIDs(path: "x", text: "").ranges(of: ["root"]) == [])
  }

  @Test("free ids are the lowest that nobody has")
  func free() {
    let ranges: [ClosedRange<UInt32>] = [1000...1999, 5000...5099]
    func first(_ size: UInt32, _ taken: ClosedRange<UInt32>...) -> UInt32? {
      FreeIDs.first(size, in: ranges, taken: taken)
    }
    #expect(first(1000) == 1000)
    #expect(first(1001) == nil)
    #expect(first(100, 1000...1099) == 1100)
    #expect(first(100, 1050...1059) == 1060)
    #expect(first(50, 1050...1059) == 1000)
    #expect(first(100, 900...1950) == 5000)
    #expect(first(100, 0...4_294_967_294) == nil)
    #expect(FreeIDs.first(1, in: [], taken: []) == nil)
  }

  @Test("keep-id leaves one id as it is and maps others around it")
  func around() {
    #expect(
      UserNamespacePlan.around(1000, is: 1000, others: (100000, 65536))
        == Self.map((0, 100000, 1000), (1000, 1000, 1), (1001, 101000, 64536)))
    #expect(UserNamespacePlan.around(1000, is: 0, others: (0, 0)) == Self.map((1000, 0, 1)))
    #expect(
      UserNamespacePlan.around(70000, is: 0, others: (1, 65536))
        == Self.map((0, 1, 65536), (70000, 0, 1)))
  }

  private func plan(_ request: UserNamespaceRequest?, own: IDMap) -> UserNamespacePlan {
    UserNamespacePlan(
      request, of: "", in: InstanceStore(root: "/nonexistent", stateDirectory: "/nonexistent"),
      own: UserNamespaceView(uids: own, gids: own))
  }

  private func namespace(_ map: IDMap) -> Spec.UserNamespace { .new(uids: map, gids: map) }

  private static let all = map((0, 0, .max))
  /// The caller is 1000, with further ids.
  private static let caller = map((0, 1000, 1), (1, 100000, 65536))

  @Test("root has none unasked; who is not has one with all that is there")
  func unasked() throws {
    #expect(try plan(nil, own: Self.all).namespace() == .shared)
    #expect(
      try plan(nil, own: Self.caller).namespace() == namespace(Self.map((0, 0, 1), (1, 1, 65536))))
    #expect(
      try plan(.host, own: Self.map((0, 1000, 1))).namespace() == namespace(Self.map((0, 0, 1))))
    #expect(
      try plan(.noMap, own: Self.caller).namespace() == namespace(Self.map((0, 1, 65536))))
    #expect(throws: SupervisorError.self) { try plan(.noMap, own: Self.all).namespace() }
    #expect(throws: SupervisorError.self) {
      try plan(.noMap, own: Self.map((0, 1000, 1))).namespace()
    }
    let kept = plan(.keepID, own: Self.caller)
    #expect(try kept.user() == "1000:1000")
    #expect(
      try kept.namespace()
        == namespace(Self.map((0, 1, 1000), (1000, 0, 1), (1001, 1001, 64536))))
    #expect(
      try plan(.auto(size: 100), own: Self.caller).namespace() == namespace(Self.map((0, 1, 100))))
  }

  @Test("without root a bundle's ids are the host's, and have to be the caller's")
  func translated() throws {
    func translate(_ mappings: Spec.IDMapping...) throws -> Spec.UserNamespace {
      try plan(nil, own: Self.caller).namespace(ofBundle: try spec(mappings, mappings))
    }
    #expect(try translate(Self.line(0, 1000, 1)) == namespace(Self.map((0, 0, 1))))
    #expect(
      try translate(Self.line(0, 1000, 1), Self.line(1, 100_010, 5))
        == namespace(Self.map((0, 0, 1), (1, 11, 5))))
    for wrong in [Self.line(0, 0, 1), Self.line(0, 1000, 2), Self.line(0, 165_535, 2)] {
      #expect(throws: SupervisorError.self) { try translate(wrong) }
    }
    let root = plan(nil, own: Self.all)
    let mapping = [Self.line(0, 5, 7)]
    #expect(
      try root.namespace(ofBundle: try spec(mapping, mapping)) == namespace(Self.map((0, 5, 7))))
  }

  @Test("--explain says it as unshare does")
  func explained() throws {
    var request = RunRequest(id: String(repeating: "a", count: 64), command: ["true"])
    request.userNamespace = namespace(Self.map((0, 100000, 65536)))
    let lines = Explanation.lines(try Spec(hosting: request), [], usesInit: true)
    #expect(
      lines.contains {
        $0.hasPrefix(
          "ip netns exec INSTANCE unshare --user --map-users 0:100000:65536 --map-groups 0:100000:65536 --mount"
        )
      }, "\(lines)")
  }

  @Test("a system that forbids user namespaces is named by its sysctl")
  func forbidden() throws {
    let directory = "/tmp/swrun-sysctl-\(UInt32.random(in: 0...UInt32.max))"
    defer { try? removeTree(directory) }
    let error = SystemError("unshare", "", errno: .notPermitted)
    #expect("\(Rootless.explain(error, root: directory))".contains("does not allow (unshare"))
    for (path, value, other) in [
      ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
      ("user/max_user_namespaces", "0", "10"), ("kernel/unprivileged_userns_clone", "0", "1"),
    ] {
      let file = "\(directory)/\(path)"
      try makeDirectories(String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)]))
      try writeAtomically(Array("\(other)\n".utf8), to: file)
      let name = path.split(separator: "/").joined(separator: ".")
      #expect(!"\(Rootless.explain(error, root: directory))".contains(name))
      try writeAtomically(Array("\(value)\n".utf8), to: file)
      #expect("\(Rootless.explain(error, root: directory))".contains("sysctl \(name) is \(value)"))
    }
  }
}
