import Linux
import Testing

@testable import OCI
@testable import Sandbox

@Suite("privileges asked for")
struct SecurityRequestTests {
  private let kernel = CapabilitySet(bits: 1 << 41 - 1)

  private func names(
    add: [String] = [], drop: [String] = [], privileged: Bool = false, own: CapabilitySet? = nil
  ) throws -> [String] {
    var request = CapabilityRequest()
    request.added = add
    request.dropped = drop
    return try request.names(
      from: Spec.standardCapabilities, privileged: privileged, kernel: kernel, own: own ?? kernel)
  }

  @Test("capabilities are added and dropped as with Docker, in any spelling")
  func capabilities() throws {
    #expect(Set(try names()) == Set(Spec.standardCapabilities))
    #expect(
      Set(try names(add: ["net_admin", "CAP_SYS_PTRACE"]))
        == Set(Spec.standardCapabilities + ["CAP_NET_ADMIN", "CAP_SYS_PTRACE"]))
    #expect(try names(drop: ["all"]) == [])
    #expect(
      try names(add: ["chown", "Net_Raw"], drop: ["ALL"]) == ["CAP_CHOWN", "CAP_NET_RAW"])
    #expect(try names(add: ["ALL"], drop: ["SYS_ADMIN"]).count == 40)
    #expect(!(try names(drop: ["CAP_KILL"]).contains("CAP_KILL")))
    #expect(try names(privileged: true) == kernel.names)
    #expect(try names(drop: ["sys_boot"], privileged: true).count == 40)
  }

  @Test("ALL is what swrun has itself; one that it lacks is refused by name")
  func own() throws {
    let own = kernel.subtracting(CapabilitySet(bits: 1 << 24))
    #expect(try names(add: ["ALL"], own: own) == own.names)
    let error = #expect(throws: SandboxError.self) {
      try names(add: ["SYS_RESOURCE"], own: own)
    }
    #expect(error?.description.contains("CAP_SYS_RESOURCE") == true)
  }

  @Test(
    "wrong capabilities are refused",
    arguments: [
      (["NET_ADMN"], [String](), "did you mean NET_ADMIN?"), (["CAP_"], [], "no capability"),
      ([""], [], "no capability"), (["KILL\0X"], [], "no capability"),
      (["ALL"], ["ALL"], "opposite"),
      (["KILL"], ["cap_kill"], "both added and dropped"),
    ])
  func wrong(add: [String], drop: [String], text: String) {
    let error = #expect(throws: SandboxError.self) { try names(add: add, drop: drop) }
    #expect(error?.description.contains(text) == true, "\(error.debugDescription)")
  }

  @Test("a capability that the kernel does not have is refused")
  func old() {
    var request = CapabilityRequest()
    request.added = ["CHECKPOINT_RESTORE"]
    let error = #expect(throws: SandboxError.self) {
      try request.names(
        from: [], privileged: false, kernel: CapabilitySet(bits: 1 << 30), own: kernel)
    }
    #expect(error?.description.contains("this kernel has no such") == true)
  }

  private func request(_ options: String...) throws -> SecurityRequest {
    var request = SecurityRequest()
    for option in options { try request.apply(option) }
    return request
  }

  @Test("each --security-opt says its thing")
  func options() throws {
    #expect(try request("seccomp=unconfined").seccomp == .unconfined)
    #expect(try request("seccomp:/a=b").seccomp == .file("/a=b"))
    #expect(try request("seccomp=builtin").seccomp == .standard)
    #expect(try request("no-new-privileges:false").noNewPrivileges == false)
    #expect(try request("no-new-privileges=false", "no-new-privileges").noNewPrivileges == true)
    #expect(try request("landlock=off").noNewPrivileges == nil)
    #expect(try request("apparmor=unconfined").appArmor == "unconfined")
    #expect(try request("systempaths=unconfined").unconfinedPaths)
    #expect(try request("mask=/a:/b").masked == ["/a", "/b"])
    #expect(try request("unmask=ALL").unmasked == ["ALL"])
    #expect(try request("landlock=off").landlock == false)
    #expect(try request("label=disable").label?.isDisabled == true)
    #expect(
      try request("label=type:svirt_t", "label:level:s0:c1,c2").label?.context(
        changing: "system_u:system_r:container_t:s0") == "system_u:system_r:svirt_t:s0:c1,c2")
  }

  @Test(
    "each other spelling is refused",
    arguments: [
      "", "=", "seccomp", "seccomp=", "secomp=x", "no-new-privileges=maybe", "apparmor", "label",
      "label=", "label=typ:x", "label=type:a:b", "label=type:", "systempaths=none", "mask=a",
      "mask=/", "mask=/a:", "unmask=all", "landlock=no", "landlock", "proc-opts=x", "mask=/a\0",
    ])
  func refused(_ option: String) {
    let error = #expect(throws: SandboxError.self) { try request(option) }
    #expect(error?.description.contains("\n") == false)
  }

  @Test("masks go by name and pattern")
  func masks() throws {
    let paths = ["/proc/acpi", "/proc/kcore", "/sys/firmware"]
    func remaining(_ options: String...) throws -> [String] {
      var request = SecurityRequest()
      for option in options { try request.apply(option) }
      var used: Set<String> = []
      return request.remaining(paths, &used)
    }
    #expect(try remaining() == paths)
    #expect(try remaining("unmask=/proc/*") == ["/sys/firmware"])
    #expect(try remaining("unmask=/proc/kcore:/proc/acpi") == ["/sys/firmware"])
    #expect(try remaining("unmask=ALL") == [])
    #expect(try remaining("systempaths=unconfined") == [])
  }

  private func spec(_ change: (inout RunRequest) -> Void) throws -> Spec {
    var request = RunRequest(id: String(repeating: "a", count: 64), command: ["true"])
    change(&request)
    return try Spec(hosting: request)
  }

  @Test("privileges become a spec's")
  func hosting() throws {
    let plain = try spec { _ in }
    #expect(LandlockRecord(plain, isWanted: true, isHosting: true, abi: 7).inForce)
    let privileged = try spec { $0.security.privileged = true }
    #expect(privileged.linux.seccomp == .unconfined && privileged.linux.readonlyPaths == [])
    #expect(privileged.linux.maskedPaths == [])
    #expect(privileged.process.capabilities.bounding.contains("CAP_SYS_ADMIN"))
    #expect(privileged.mounts.contains { $0.destination == "/sys" && !$0.options.contains("ro") })
    #expect(privileged.mounts.contains { $0.destination == "/dev" && $0.isBind })
    // As Docker has it, what is added is no more than what another user could get.
    let user = try spec {
      $0.user = "1234"
      $0.security.capabilities.added = ["NET_ADMIN"]
      $0.security.groups = ["0", "77"]
    }
    #expect(user.process.capabilities.bounding.contains("CAP_NET_ADMIN"))
    #expect(user.process.capabilities.effective == [] && user.process.capabilities.ambient == [])
    #expect(user.process.user.additionalGids == [0, 77])
    let none = #expect(throws: SandboxError.self) {
      try spec { $0.security.unmasked = ["/proc/nothing"] }
    }
    #expect(none?.description.contains("/proc/nothing") == true)
    #expect(throws: SandboxError.self) { try spec { $0.security.groups = ["no such"] } }
  }

  @Test("Landlock lets mounts be written that are not read-only, and says why it is not there")
  func landlock() throws {
    let spec = try spec {
      try? $0.setMounts(
        ["/usr:/mnt", "/usr:/opt:ro", "/usr:/tmp/a/b"].compactMap { try? Spec.Mount(volume: $0) })
      $0.network = .host
    }
    let plan = LandlockPlan(spec)
    #expect(plan.writable == ["/dev", "/mnt", "/proc", "/run", "/tmp", "/var/tmp"])
    #expect(plan.scopesAbstractSockets)
    for (record, reason) in [
      (LandlockRecord(spec, isWanted: false, isHosting: true, abi: 7), "landlock=off"),
      (LandlockRecord(spec, isWanted: true, isHosting: false, abi: 7), "host's file system"),
      (LandlockRecord(spec, isWanted: true, isHosting: true, abi: 0), "has no Landlock"),
      (LandlockRecord(spec, isWanted: true, isHosting: true, abi: 2), "ABI 2"),
    ] {
      #expect(!record.inForce && record.reason?.contains(reason) == true)
    }
  }

  @Test("a label of mounts goes to those that take one")
  func mountLabel() throws {
    var spec = try spec { _ in }
    spec.linux.mountLabel = "system_u:object_r:container_file_t:s0:c1,c2"
    let plan = try LaunchPlan(spec, usesInit: true, seccomp: [])
    for mount in plan.mounts {
      guard case .fileSystem(let system) = mount.source else { continue }
      #expect(
        system.options.contains { $0.key == "context" && $0.value == spec.linux.mountLabel }
          == ["tmpfs", "devpts"].contains(system.type), "\(system.type)")
    }
  }

  @Test("SHA-256 is that of the standard")
  func digest() {
    func hexadecimal(_ text: String) -> String {
      sha256(Array(text.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    #expect(
      hexadecimal("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      hexadecimal("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    // Two blocks, by their padding.
    #expect(
      hexadecimal("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
        == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
  }
}
