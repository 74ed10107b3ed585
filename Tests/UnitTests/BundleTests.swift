import Linux
import Testing

@testable import OCI
@testable import Sandbox

@Suite("bundles")
struct BundleTests {
  /// Writes a config.json in which `from` is replaced, and reads it.
  private func read(replacing from: String, by to: String) throws -> Spec {
    let text = try readText("bundles/sleep/config.json")
    let parts = text.split(separator: from, maxSplits: 1, omittingEmptySubsequences: false)
    try #require(parts.count == 2)
    let directory = "/tmp/swrun-bundle-\(UInt32.random(in: 0...UInt32.max))"
    try makeDirectories(directory)
    defer { try? removeTree(directory) }
    try writeAtomically(Array("\(parts[0])\(to)\(parts[1])".utf8), to: "\(directory)/config.json")
    return try Spec(bundle: directory)
  }

  @Test("those that come with swrun are read", arguments: ["sleep", "web"])
  func shipped(_ name: String) throws {
    let spec = try Spec(bundle: "bundles/\(name)")
    #expect(spec.root.path == "/")
    _ = try LaunchPlan(spec, usesInit: true, seccomp: [])
  }

  @Test("what is not understood is refused by its place")
  func unknown() throws {
    let error = #expect(throws: BundleError.self) {
      try read(replacing: "\"uid\": 0", by: "\"umask\": 18, \"uid\": 0")
    }
    #expect(error?.description.contains("process.user.umask is not supported") == true)
  }

  @Test("what is missing or of the wrong type is refused by its place")
  func missing() throws {
    let missing = #expect(throws: BundleError.self) {
      try read(replacing: "\"cwd\"", by: "\"cwdx\"")
    }
    #expect(missing?.description.contains("process.cwd is missing") == true)
    let wrong = #expect(throws: BundleError.self) {
      try read(replacing: "\"readonly\": true", by: "\"readonly\": 1")
    }
    #expect(wrong?.description.contains("root.readonly is of the wrong type") == true)
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
    let pid = "{\n        \"type\": \"pid\"\n      },"
    #expect(throws: BundleError.self) {
      try read(replacing: pid, by: "{ \"type\": \"pid\", \"path\": \"/proc/1/ns/pid\" },")
    }
  }

  @Test(
    "what would weaken the sandbox is refused",
    arguments: [
      ("\"noNewPrivileges\": true", "\"noNewPrivileges\": false"),
      ("\"type\": \"network\"", "\"type\": \"user\""),
      ("\"ambient\": []", "\"ambient\": [\"CAP_KILL\"]"),
    ])
  func weak(_ from: String, _ to: String) {
    #expect(throws: BundleError.self) { try read(replacing: from, by: to) }
  }
}
