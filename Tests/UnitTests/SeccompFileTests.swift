import Glibc
import Linux
import Testing

@testable import OCI
@testable import Supervisor

@Suite("a seccomp profile in a file")
struct SeccompFileTests {
  private func read(_ json: String) throws -> SeccompFile {
    try SeccompFile(parsing: Array(json.utf8), path: "p.json")
  }

  private func profile(
    _ json: String, _ capabilities: Set<String> = [],
    _ architecture: SeccompProfile.Architecture = .amd64,
    _ kernel: KernelVersion = KernelVersion(6, 1)
  ) throws -> SeccompProfile {
    try read(json).profile(
      .init(capabilities: capabilities, architecture: architecture, kernel: kernel))
  }

  private let docker = """
    {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "archMap": [
      {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
      {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": null}],
     "syscalls": [
      {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "comment": "the basics",
       "args": null, "includes": {}, "excludes": {}},
      {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
      {"names": ["old"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "4.8"}},
      {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
      {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38,
       "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
      {"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
      {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["s390x", "arm64"]},
       "args": [{"index": 0, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ"}]}]}
    """

  private func names(_ profile: SeccompProfile) -> [String] { profile.syscalls.flatMap(\.names) }

  @Test("Docker's format is decided by capabilities, architecture and kernel")
  func conditions() throws {
    let plain = try profile(docker)
    #expect(plain.architectures == [.amd64, .x86, .x32])
    #expect(names(plain) == ["read", "write", "ptrace", "clone3", "arch_prctl", "clone"])
    #expect(plain.syscalls.first { $0.names == ["clone3"] }?.errnoRet == 38)
    let admin = try profile(docker, ["CAP_SYS_ADMIN"])
    #expect(names(admin) == ["read", "write", "ptrace", "mount", "arch_prctl", "clone"])
    let arm = try profile(docker, [], .aarch64)
    #expect(arm.architectures == [.aarch64])
    #expect(names(arm) == ["read", "write", "ptrace", "clone3"])
    let old = try profile(docker, [], .amd64, KernelVersion(4, 7))
    #expect(names(old) == ["read", "write", "old", "clone3", "arch_prctl", "clone"])
    _ = try plain.compile()
  }

  @Test("Podman's names of errnos and Docker's older single names are read")
  func variants() throws {
    let podman = try profile(
      """
      {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "defaultErrno": "ENOSYS",
       "syscalls": [{"names": ["bdflush"], "action": "SCMP_ACT_ERRNO", "args": [], "comment": "",
         "includes": {}, "excludes": {}, "errnoRet": 1, "errno": "EPERM"},
        {"name": "read", "action": "SCMP_ACT_ALLOW", "args": []},
        {"names": ["x"], "action": "SCMP_ACT_ERRNO", "errno": "EACCES"}]}
      """)
    #expect(podman.defaultErrnoRet == 38)
    #expect(podman.syscalls.map(\.errnoRet) == [1, nil, 13])
    #expect(names(podman) == ["bdflush", "read", "x"])
  }

  @Test("the specification's format is the same profile")
  func specification() throws {
    let profile = try profile(
      #"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "flags": ["SECCOMP_FILTER_FLAG_LOG"], "listenerPath": "/a", "listenerMetadata": "m", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}"#
    )
    #expect(
      profile
        == SeccompProfile(
          defaultAction: .allow, architectures: [.x86], flags: [.log], listenerPath: "/a",
          listenerMetadata: "m", syscalls: [.init(["mkdir"], action: .notify)]))
  }

  @Test(
    "what is wrong is refused in one line with its place",
    arguments: [
      ("{\n \"defaultAction\": }", "line 2, column 19"), ("", "line 1"), ("[]", "an object"),
      ("{}", "defaultAction is missing"),
      (#"{"defaultAction": "SCMP_ACT_ALOW"}"#, "SCMP_ACT_ALOW"),
      (#"{"defaultAction": "SCMP_ACT_ALLOW", "sycalls": []}"#, "sycalls"),
      (
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_KILL", "argz": []}]}"#,
        "syscalls[0].argz"
      ),
      (
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_KILL"}]}"#,
        "syscalls[0].names names no system call"
      ),
      (
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "a", "names": ["b"], "action": "SCMP_ACT_KILL"}]}"#,
        "syscalls[0].name"
      ),
      (
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_KILL", "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}]}"#,
        "syscalls[0].args[0].index"
      ),
      (
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_ERRNO", "errno": "EPRM"}]}"#,
        "syscalls[0].errno"
      ),
      (
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_ERRNO", "errno": "EPERM", "errnoRet": 2}]}"#,
        "syscalls[0].errno"
      ),
      (
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_KILL", "includes": {"minKernel": "new"}}]}"#,
        "syscalls[0].includes.minKernel"
      ),
      (
        #"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "archMap": [{"architecture": "SCMP_ARCH_X86"}]}"#,
        "archMap"
      ),
    ])
  func wrong(json: String, text: String) {
    let error = #expect(throws: SeccompFile.Failure.self) { try read(json) }
    let line = error?.description ?? ""
    #expect(line.hasPrefix("p.json: ") && line.contains(text) && !line.contains("\n"), "\(line)")
  }

  @Test("a cached filter that is cut, changed or another's to write is made anew")
  func cache() throws {
    let directory = "/tmp/swrun-cache-\(UInt32.random(in: 0...UInt32.max))"
    try makeDirectories(directory)
    defer { try? removeTree(directory) }
    let cache = SeccompCache(directory: directory)
    let profile = SeccompProfile(defaultAction: .errno, syscalls: [.init(["read"])])
    let program = try cache.program(profile)
    #expect(program == (try profile.compile()))
    let name = try #require(directoryEntries(directory).first)
    let path = "\(directory)/\(name)"
    let whole = try readFile(path)
    #expect(Array(whole.dropFirst(32)) == program)
    var changed = whole
    changed[40] ^= 1
    // All calls allowed, with no digest before it and with that of another program.
    let allow: [UInt8] = [6, 0, 0, 0, 0, 0, 0xff, 0x7f]
    for bad in [changed, Array(whole.dropLast(8)), [], allow, sha256(program) + allow] {
      try writeAtomically(bad, to: path)
      #expect(try cache.program(profile) == program)
      #expect(try readFile(path) == whole)
    }
    // Whole, but for others to write: it is not taken.
    try writeAtomically(sha256(allow) + allow, to: path, mode: 0o600)
    #expect(try cache.program(profile) == allow)
    try writeAtomically(sha256(allow) + allow, to: path, mode: 0o622)
    #expect(chmod(path, 0o622) == 0)
    #expect(try cache.program(profile) == program)
    // Another profile has another file.
    _ = try cache.program(SeccompProfile(defaultAction: .errno, syscalls: [.init(["write"])]))
    #expect(directoryEntries(directory).count == 2)
  }
}
