import Linux
import Testing

@testable import OCI
@testable import Sandbox
@testable import Supervisor

@Suite("plans")
struct PlanTests {
  private func request(_ change: (inout RunRequest) throws -> Void = { _ in }) rethrows
    -> RunRequest
  {
    var request = RunRequest(id: String(repeating: "a", count: 64), command: ["true"])
    try change(&request)
    return request
  }

  @Test("a request becomes a spec with Docker's names and limits")
  func spec() throws {
    let spec = try Spec(hosting: request())
    #expect(spec.hostname == "aaaaaaaaaaaa")
    #expect(spec.root == Spec.Root(path: "/", readonly: true))
    #expect(spec.process.noNewPrivileges)
    #expect(spec.process.env.contains("HOME=/root"))
    #expect(spec.linux.maskedPaths.contains("/proc/kcore"))
  }

  @Test("a host name is the host's inside, also in its variable")
  func hostname() throws {
    let spec = try Spec(
      hosting: request {
        $0.hostname = "box.lan"
        $0.domainname = "nis"
      })
    #expect(spec.hostname == "box.lan" && spec.domainname == "nis")
    #expect(spec.process.env.contains("HOSTNAME=box.lan"))
    #expect(throws: SandboxError.self) {
      try LaunchPlan(
        Spec(hosting: request { $0.hostname = String(repeating: "a", count: 65) }),
        usesInit: true, seccomp: [])
    }
  }

  @Test("the network namespace is new, the host's, or one that is there")
  func network() throws {
    func namespaces(_ network: Spec.NamespaceUse) throws -> [Spec.Namespace] {
      let spec = try Spec(hosting: request { $0.network = network })
      #expect(spec.networkNamespace == network)
      #expect(try LaunchPlan(spec, usesInit: true, seccomp: []).network == network)
      return spec.linux.namespaces.filter { $0.type == "network" }
    }
    #expect(try namespaces(.new) == [Spec.Namespace(type: "network")])
    #expect(try namespaces(.host) == [])
    #expect(
      try namespaces(.joined(path: "/run/netns/x"))
        == [Spec.Namespace(type: "network", path: "/run/netns/x")])
  }

  @Test("a file of names has no place where a volume has it")
  func covered() throws {
    let free = try Spec(hosting: request())
    #expect(NameFile.allCases.allSatisfy { !$0.isCovered(in: free) })
    for place in ["/etc/hosts", "//etc/./hosts", "/etc"] {
      let spec = try Spec(
        hosting: request { try $0.setMounts([try Spec.Mount(volume: "/tmp:\(place)")]) })
      #expect(NameFile.hosts.isCovered(in: spec))
    }
  }

  @Test("variables are set in order, each once")
  func environment() throws {
    let spec = try Spec(
      hosting: request { $0.environment = ["A=1", "A=2", "PATH=/bin", "NOT_SET_ANYWHERE"] })
    #expect(spec.process.env.filter { $0.hasPrefix("A=") } == ["A=2"])
    #expect(spec.process.env.filter { $0.hasPrefix("PATH=") } == ["PATH=/bin"])
    #expect(!spec.process.env.contains { $0.hasPrefix("NOT_SET") })
  }

  @Test("a NUL byte from a bundle is refused wherever it would end a C string")
  func nul() throws {
    var spec = try Spec(hosting: request())
    spec.process.args = ["/bin/true\0/bin/sh"]
    #expect(throws: SandboxError.self) { try LaunchPlan(spec, usesInit: true, seccomp: []) }
    spec = try Spec(hosting: request())
    spec.mounts[0].destination = "/proc\0x"
    #expect(throws: SandboxError.self) { try LaunchPlan(spec, usesInit: true, seccomp: []) }
  }

  @Test("an unknown capability is refused by name")
  func capability() throws {
    var spec = try Spec(hosting: request())
    spec.process.capabilities.effective.append("CAP_NOT_ONE")
    let error = #expect(throws: SandboxError.self) {
      try LaunchPlan(spec, usesInit: true, seccomp: [])
    }
    #expect(error?.description.contains("CAP_NOT_ONE") == true)
  }

  @Test("a word is quoted as a shell reads it")
  func quoting() {
    #expect(Explanation.quoted("a b'c") == "'a b'\\''c'")
    #expect(Explanation.quoted("plain-1.2/x") == "plain-1.2/x")
    #expect(Explanation.quoted("") == "''")
  }

  @Test(
    "names are checked",
    arguments: ["", "-a", ".a", "a b", "a/b", "ä", "a\n", String(repeating: "a", count: 129)])
  func names(_ name: String) {
    #expect(throws: SupervisorError.self) { try InstanceName.check(name) }
  }

  @Test("signals have names and numbers")
  func signals() {
    #expect(
      Signal.number(of: "sigterm") == 15 && Signal.number(of: "USR1") == 10
        && Signal.number(of: "9") == 9)
    #expect(
      Signal.number(of: "RTMIN+3") == 37 && Signal.number(of: "65") == nil
        && Signal.number(of: "X") == nil)
  }
}
