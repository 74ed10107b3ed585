import JSON
import Linux
import Testing

@testable import OCI
@testable import Sandbox

@Suite("bundles")
struct BundleTests {
  /// Writes a config.json in which `from` is replaced, and reads it.
  private func read(replacing from: String, by to: String) throws -> Spec {
    let text = try readText("Tests/Fixtures/host-root/config.json")
    let parts = text.split(separator: from, maxSplits: 1, omittingEmptySubsequences: false)
    try #require(parts.count == 2)
    let directory = "/tmp/swrun-bundle-\(UInt32.random(in: 0...UInt32.max))"
    try makeDirectories(directory)
    defer { try? removeTree(directory) }
    try writeAtomically(Array("\(parts[0])\(to)\(parts[1])".utf8), to: "\(directory)/config.json")
    return try Spec(bundle: directory)
  }

  @Test("those that come with swrun are read", arguments: ["sleep", "web", "shell"])
  func shipped(_ name: String) throws {
    let spec = try Spec(bundle: "bundles/\(name)")
    #expect(spec.root.readonly)
    #expect(spec.root.path == "/" || spec.root.path.hasSuffix("/bundles/\(name)/rootfs"))
    _ = try LaunchPlan(spec, usesInit: true, seccomp: [])
  }

  @Test("what runc spec prints is taken, but for ambient capabilities that no kernel raises")
  func runc() throws {
    let spec = try Spec(bundle: "Tests/Fixtures/runc-spec")
    let plan = try LaunchPlan(spec, usesInit: true, seccomp: [])
    #expect(plan.workload.capabilities.ambient == CapabilitySet())
    #expect(
      plan.workload.capabilities.effective
        == CapabilitySet(names: spec.process.capabilities.effective))
  }

  @Test("what is not understood is refused by its place")
  func unknown() throws {
    let error = #expect(throws: BundleError.self) {
      try read(replacing: "\"linux\": {", by: "\"linux\": { \"intelRdt\": {},")
    }
    #expect(error?.description.contains("linux.intelRdt is not supported") == true)
  }

  @Test(
    "what is missing or of the wrong type is refused by its place",
    arguments: [
      ("\"cwd\"", "\"cwdx\"", "process.cwd is missing"),
      ("\"cwd\"", "\"cwdx\"", "process.cwdx is not a property"),
      (
        "\"readonly\": true", "\"readonly\": 1",
        "root.readonly has to be true or false, not a number"
      ),
      ("\"uid\": 0", "\"uid\": -1", "process.user.uid has to be a whole number from 0 to"),
      ("\"uid\": 0", "\"uid\": \"0\"", "process.user.uid has to be a whole number, not a string"),
      ("\"mounts\": [", "\"mounts\": [7, ", "mounts[0] has to be an object, not a number"),
      (
        "\"linux\": {", "\"linux\": { \"seccomp\": { \"defaultAction\": \"SCMP_ACT_X\" },",
        "linux.seccomp.defaultAction has the unknown value \"SCMP_ACT_X\""
      ),
      ("\"mounts\": [", "\"mounts\": [,", "not JSON"),
    ])
  func missing(_ from: String, _ to: String, _ fault: String) throws {
    let error = #expect(throws: BundleError.self) { try read(replacing: from, by: to) }
    let faults = error?.faults.map(\.description) ?? []
    #expect(faults.contains { $0.hasPrefix(fault) }, "\(faults)")
  }

  @Test("everything that is wrong is named, not only the first")
  func all() throws {
    let error = #expect(throws: BundleError.self) {
      try read(
        replacing: "\"process\": {",
        by: "\"hooks\": { \"prestart\": [{}] }, \"hostname\": 1, \"process\": { \"rlimits\": {},")
    }
    #expect(
      error?.faults.map(\.path).sorted() == [
        "hooks.prestart[0].path", "hostname", "process.rlimits",
      ])
    #expect(error?.description.contains("2 more") == true)
  }

  @Test("where a config.json is not JSON is said by line and column")
  func position() throws {
    let error = #expect(throws: BundleError.self) {
      try Spec(config: Array("{\n  \"ociVersion\": oops\n}".utf8), file: "x")
    }
    #expect(error?.description.contains("line 2") == true, "\(error?.description ?? "")")
  }

  @Test("what is not said is not there when it is printed")
  func absent() throws {
    let spec = try Spec(bundle: "Tests/Fixtures/host-root")
    let text = String(decoding: JSON.text(spec), as: UTF8.self)
    for key in ["rlimits", "hooks", "devices", "sysctl", "terminal"] {
      #expect(!text.contains("\"\(key)\""), "\(key)")
    }
    #expect(try Spec(config: Array(text.utf8), file: "x") == spec)
  }

  @Test("a bundle may share the host's network, or join one by its file")
  func network() throws {
    let entry = "{\n        \"type\": \"network\"\n      },"
    #expect(try read(replacing: entry, by: entry).networkNamespace == .new)
    #expect(try read(replacing: entry, by: "").networkNamespace == .host)
    let joined = try read(
      replacing: entry, by: "{ \"type\": \"network\", \"path\": \"/run/netns/x\" },")
    #expect(joined.networkNamespace == .joined(path: "/run/netns/x"))
    for wrong in [
      "{ \"type\": \"network\", \"path\": \"x\" },", entry + entry,
      "{ \"type\": \"network\", \"path\": \"/a\\u0000b\" },",
    ] {
      #expect(throws: BundleError.self, "\(wrong)") { try read(replacing: entry, by: wrong) }
    }
    let mount = "{\n        \"type\": \"mount\"\n      },"
    #expect(throws: BundleError.self) {
      try read(replacing: mount, by: "{ \"type\": \"mount\", \"path\": \"/proc/1/ns/mnt\" },")
    }
  }

  @Test(
    "what would weaken the sandbox is refused",
    arguments: [
      ("\"inheritable\": []", "\"inheritable\": [\"CAP_SYS_ADMIN\"]"),
      ("\"effective\": [", "\"effective\": [\"CAP_SYS_ADMIN\", "),
      ("\"bounding\": [", "\"bounding\": [\"CAP_NOT_ONE\", "),
      ("\"type\": \"network\"", "\"type\": \"user\""),
      ("\"ambient\": []", "\"ambient\": [\"CAP_SYS_ADMIN\"]"),
    ])
  func weak(_ from: String, _ to: String) {
    #expect(throws: BundleError.self) { try read(replacing: from, by: to) }
  }
}
