import FoundationEssentials
import JSON
import Linux
import TestSupport
import Testing

@testable import Network
@testable import OCI
@testable import Supervisor

/// Whatever a file or an option holds: it is read, or refused in one line, and what was read and is
/// written again is read as the same.
@Suite("broken input")
struct FuzzTests {
  private struct Undecodable: Error {}

  private func isOneLine(_ error: any Error) -> Bool {
    let text = "\(error)"
    return !text.isEmpty && !text.contains("\n") && !text.contains("\0") && text.utf8.count < 5000
  }

  /// - Parameter body: reads an input; throws what it is refused with, and returns whether what it has
  ///   read is stable.
  private func fuzz(
    _ corpus: [String], words: [String], seed: UInt64 = 1, body: ([UInt8]) throws -> Bool
  ) {
    var fuzzer = Fuzzer(seed: seed, corpus: corpus, words: words)
    var accepted = 0
    var refused = 0
    for round in 0..<Fuzzer.rounds {
      let input = fuzzer.next()
      do {
        let isStable = try body(input)
        accepted += 1
        if !isStable {
          Issue.record(
            "round \(round): not the same again: \(String(decoding: input, as: UTF8.self))")
          return
        }
      } catch {
        refused += 1
        if !isOneLine(error) {
          Issue.record(
            "round \(round): not one line: \(error) for \(String(decoding: input, as: UTF8.self))")
          return
        }
      }
    }
    // A corpus of which nothing is taken, or all, tries nothing.
    #expect(accepted > Fuzzer.rounds / 50 && refused > Fuzzer.rounds / 50, "\(accepted) \(refused)")
  }

  private let json = [
    "{", "}", "[", "]", ",", ":", "\"", "null", "true", "\\u0000", "\\ud800", "{}",
  ]

  @Test("a seccomp profile")
  func seccomp() {
    let words =
      json + [
        "\"SCMP_ACT_ERRNO\"", "\"SCMP_ACT_NOTIFY\"", "\"SCMP_ARCH_ARM\"", "\"minKernel\":\"4.8\"",
        "\"errno\":\"EPERM\"", "\"caps\":[\"CAP_BPF\"]", "\"names\":[\"read\"]", "\"errnoRet\":",
      ]
    fuzz(
      [
        #"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],"syscalls":[{"names":["read","x"],"action":"SCMP_ACT_ALLOW","comment":"","includes":{"caps":["CAP_BPF"],"arches":["amd64"],"minKernel":"4.8"},"excludes":{}},{"name":"open","action":"SCMP_ACT_ERRNO","errno":"EPERM","args":[{"index":1,"value":7,"valueTwo":3,"op":"SCMP_CMP_MASKED_EQ"}]}]}"#,
        #"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"flags":["SECCOMP_FILTER_FLAG_LOG"],"listenerPath":"/a","listenerMetadata":"m","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}"#,
      ], words: words
    ) { input in
      let file = try SeccompFile(parsing: input, path: "p")
      let profile = file.profile(.init(capabilities: ["CAP_BPF"]))
      // Written as the specification has it, and read by both readers.
      let bytes = JSON.text(profile)
      let again = try SeccompFile(parsing: bytes, path: "p").profile(.init(capabilities: []))
      let decoded = try JSONDecoder().decode(SeccompProfile.self, from: Data(bytes))
      return again == profile && decoded == profile
    }
  }

  @Test("a bundle's config.json", arguments: ["sleep", "web"])
  func config(bundle: String) throws {
    let text = try readText("bundles/\(bundle)/config.json")
    let words =
      json + [
        "\"path\":\"/x\"", "\"type\":\"network\"", "\"ro\"", "\"CAP_KILL\"", "\"terminal\":true",
        "\"args\":[]", "\"uid\":", "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_LOG\"}}",
        "\"hooks\":{}", "\"rlimits\":[]", "\"user\":null",
      ]
    // A smaller one, in which more of the changes hit something.
    let small =
      #"{"ociVersion":"1.2.0","root":{"path":"/","readonly":true},"process":{"args":["true"],"cwd":"/","user":{"uid":0,"gid":0}},"mounts":[{"destination":"/tmp","type":"tmpfs","options":["nosuid"]}],"linux":{"namespaces":[{"type":"pid"},{"type":"mount"}]},"annotations":{"a":"b"}}"#
    fuzz([text, small, small], words: words) { input in
      let spec = try Spec(config: input, file: "config.json")
      for fault in spec.faults() where !isOneLine(fault) { return false }
      return try Spec(config: JSON.text(spec), file: "config.json") == spec
    }
  }

  @Test("--net")
  func network() {
    fuzz(
      [
        "ipvlan:eth0:l2:bridge,ip=10.20.20.2/24,gateway=10.20.20.1,mtu=1400,probe",
        "macvlan:eth0.20:private,mac=02:00:00:00:00:01,ip=fd00::2/64,up", "none", "host",
        "container:web", "ns:/run/netns/x", "bridge", "bridge:br0,ip=dhcp", "lan,alias=a,ip=none",
        "ipvlan:eth0:l3s:vepa,route=10.0.0.0/8@10.20.20.9,metric=5,defaultroute=no,ifname=x0",
        "ipvlan:eth0,sysctl=ipv4.rp_filter=2,ip=slaac",
      ],
      words: [
        ":", ",", "=", "ip=", "/33", "/", "::", "dhcp", "l3", "255.255.255.255", "fe80::1", "\0",
        "\u{e9}", "\n", "ifname=", "mac=", "metric=", "0x", " ", "alias=", "sysctl=net.",
      ]
    ) { input in
      let spec = try NetworkSpec(parsing: String(decoding: input, as: UTF8.self))
      let summary = spec.summary
      return try NetworkSpec(parsing: summary).summary == summary
    }
  }

  @Test("--publish")
  func ports() {
    fuzz(
      ["8080:80", "80", "127.0.0.1:8080:80/tcp", "[::1]:53:53/udp", "8000-8010:80-90/sctp", ":80"],
      words: ["-", ":", "/", "[", "]", "udp", "65536", "0", "::", "\0", "\u{e9}", "\n", "1-65535"]
    ) { input in
      let ports = try PublishedPort.parse(String(decoding: input, as: UTF8.self))
      return try !ports.isEmpty
        && ports.allSatisfy { port in
          let host = port.hostAddress.map { $0.isIPv4 ? "\($0):" : "[\($0)]:" } ?? ""
          let number = port.hostPort.map { "\($0):" } ?? (host.isEmpty ? "" : ":")
          let text = "\(host)\(number)\(port.port)/\(port.transport)"
          return try PublishedPort.parse(text) == [port]
        }
    }
  }

  @Test("the definition of a network")
  func definition() {
    fuzz(
      [
        #"{"version":1,"name":"lan","driver":"ipvlan","subnets":["10.20.20.0/24"],"gateways":["10.20.20.1"],"ranges":["10.20.20.128/25"],"auxiliary":["nas=10.20.20.9"],"options":["parent=eth0","mode=l2"],"labels":["a=b"],"isInternal":false,"created":"2026-11-24T00:00:00.000Z"}"#,
        #"{"version":1,"name":"b","driver":"bridge","subnets":["10.0.0.0/16","fd00::/64"],"gateways":[],"ranges":[],"auxiliary":[],"options":[],"labels":[],"isInternal":true,"created":""}"#,
      ],
      words: json + [
        "/0", "/32", "/33", "/128", "::", "10.0.0.0", "parent=", "mtu=", "=", "macvlan",
      ]
    ) { input in
      let request = try decoded(NetworkRequest.self, input)
      let definition = try NetworkDefinition(request)
      for pool in definition.pools { _ = "\(pool)" }
      let again = try decoded(NetworkRequest.self, Array(try JSONEncoder().encode(request)))
      return try NetworkDefinition(again) == definition
    }
  }

  @Test("the index of networks")
  func index() throws {
    var network = NetworkRequest(name: "lan")
    network.subnets = ["10.20.20.0/24"]
    network.options = ["parent=eth0"]
    network.labels = ["a=b", "c"]
    let summary = NetworkSummary(try NetworkDefinition(network))
    let directory = try Descriptor.open("/", pathOnly)
    let stamp = try #require(NetworkIndex.Stamp("tmp", in: directory.fd.rawValue))
    var whole = NetworkIndex()
    whole.add(summary, stamp)
    let text = String(decoding: whole.bytes, as: UTF8.self)
    #expect(NetworkIndex(whole.bytes).entries.count == 1)
    struct Refused: Error {}
    fuzz([text], words: ["\t", "\n", "=", ",", "0"]) { input in
      // Sealed again, so that not the seal alone is tried.
      let body = Array(input.dropLast(17))
      let digits = String(fingerprint(body), radix: 16)
      let seal = String(repeating: "0", count: 16 - digits.count) + digits + "\n"
      let index = NetworkIndex(body + Array(seal.utf8))
      if index.entries.isEmpty { throw Refused() }
      var again = NetworkIndex()
      for (_, entry) in index.entries { again.add(entry.summary, entry.stamp) }
      // What is not valid UTF-8, or a line twice, is another text afterwards, but only once.
      return NetworkIndex(again.bytes).bytes == NetworkIndex(NetworkIndex(again.bytes).bytes).bytes
    }
  }

  @Test("the state of an instance")
  func state() throws {
    let id = String(repeating: "a", count: 64)
    let text = """
      {"id":"\(id)","name":"w","command":["sleep","1"],"status":"running",
      "created":"2026-11-24T12:00:00.000Z","started":"2026-11-24T12:00:00.250Z","exitCode":3,
      "process":{"pid":7,"startTime":99},"monitor":{"pid":6,"startTime":98},"bootId":"x",
      "detached":true,"terminal":false,"removed":false,"networks":[{"network":"ipvlan:eth0:l2",
      "interface":"eth0","parent":"eth0","parentIndex":2,"addresses":["10.20.20.2/24"],
      "gateways":["10.20.20.1"]}],"hostNamespace":{"device":4,"inode":5},
      "landlock":{"inForce":true,"abi":7}}
      """
    fuzz(
      [text],
      words: json + [
        "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-11-24", "exited", "-1", "/33", "::",
      ]
    ) { input in
      let state = try decoded(InstanceState.self, input)
      _ = state.networkNames
      _ = state.publishedPorts
      var specs: [String: NetworkSpec] = [:]
      let slaves = try decoded(KnownSlaves.self, input)
        .slaves(on: state.hostNamespace.identity, &specs)
      if slaves.count > state.networks.count { return false }
      let bytes = JSON.text(state)
      return JSON.text(try decoded(InstanceState.self, bytes)) == bytes
    }
  }

  /// As the stores do: what does not decode is one fault.
  private func decoded<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) throws -> Value {
    do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch { throw Undecodable() }
  }
}
