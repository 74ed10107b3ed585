import FoundationEssentials
import Linux
import Testing

@testable import OCI
@testable import Sandbox

@Suite("faults of a spec")
struct SpecFaultTests {
  /// A spec with members of `process` and of `linux` besides what it needs, as JSON text.
  private func faults(process: String = "", linux: String = "", more: String = "") throws
    -> [String]
  {
    func member(_ text: String) -> String { text.isEmpty ? "" : ", \(text)" }
    let namespaces =
      linux.contains("\"namespaces\"")
      ? "" : #", "namespaces": [ {"type": "mount"}, {"type": "pid"} ]"#
    let version = more.contains("ociVersion") ? "" : #", "ociVersion": "1.2.0""#
    let text = """
      { "root": {"path": "/"} \(version),
        "process": {"args": ["true"], "cwd": "/", "noNewPrivileges": true \(member(process))},
        "linux": {"maskedPaths": [] \(namespaces) \(member(linux))} \(member(more)) }
      """
    return try Spec(config: Array(text.utf8), file: "x").faults().map(\.description)
  }

  @Test(
    "what a process cannot be given is named",
    arguments: [
      (
        #""rlimits": [{"type": "NOFILE", "soft": 1, "hard": 1}]"#,
        "process.rlimits[0].type has the unknown value"
      ),
      (
        #""rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}, {"type": "RLIMIT_CPU", "soft": 1, "hard": 1}]"#,
        "process.rlimits[1].type \"RLIMIT_CPU\" is there twice"
      ),
      (
        #""rlimits": [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]"#,
        "process.rlimits[0].soft 2 is more than hard, 1"
      ),
      (#""user": {"umask": 512}"#, "process.user.umask 512"),
      (#""terminal": true, "consoleSize": {"height": 0, "width": 1}"#, "process.consoleSize"),
      (#""scheduler": {"policy": "SCHED_ISO"}"#, "process.scheduler.policy SCHED_ISO"),
      (
        #""scheduler": {"policy": "SCHED_BATHC"}"#,
        "process.scheduler.policy has the unknown value \"SCHED_BATHC\" (did you mean SCHED_BATCH?)"
      ),
      (#""scheduler": {"policy": "SCHED_FIFO"}"#, "process.scheduler.priority has to be 1 to 99"),
      (
        #""scheduler": {"policy": "SCHED_FIFO", "priority": 1, "nice": 1}"#,
        "process.scheduler.nice has a meaning"
      ),
      (
        #""scheduler": {"policy": "SCHED_OTHER", "priority": 1}"#,
        "process.scheduler.priority has a meaning"
      ),
      (#""scheduler": {"policy": "SCHED_OTHER", "nice": 20}"#, "process.scheduler.nice 20"),
      (
        #""scheduler": {"policy": "SCHED_OTHER", "runtime": 1}"#,
        "process.scheduler.runtime has a meaning"
      ),
      (
        #""scheduler": {"policy": "SCHED_DEADLINE", "runtime": 3000, "deadline": 2000}"#,
        "process.scheduler.deadline has to be runtime"
      ),
      (
        #""scheduler": {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_UTIL_CLAMP_MIN"]}"#,
        "process.scheduler.flags[0] SCHED_FLAG_UTIL_CLAMP_MIN needs a value"
      ),
      (
        #""scheduler": {"policy": "SCHED_OTHER", "flags": ["X"]}"#,
        "process.scheduler.flags[0] has the unknown value"
      ),
      (
        #""ioPriority": {"class": "IOPRIO_CLASS_B"}"#,
        "process.ioPriority.class has the unknown value"
      ),
      (
        #""ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}"#,
        "process.ioPriority.priority 8"
      ),
      (
        #""execCPUAffinity": {"initial": "3-1"}"#,
        "process.execCPUAffinity.initial \"3-1\" is no list"
      ),
      (
        #""capabilities": {"bounding": ["CAP_NET_RAV"]}"#,
        "process.capabilities.bounding[0] is \"CAP_NET_RAV\", no capability such as CAP_CHOWN (did you mean CAP_NET_RAW?)"
      ),
      (#""env": ["A"]"#, "process.env[0] \"A\" is not KEY=value"),
    ])
  func process(_ members: String, _ start: String) throws {
    let faults = try faults(process: members)
    #expect(faults.count == 1 && faults[0].hasPrefix(start), "\(faults)")
  }

  @Test(
    "what namespaces and the kernel do not go with is named",
    arguments: [
      (#""namespaces": [{"type": "pid"}]"#, "linux.namespaces has no \"mount\""),
      (
        #""namespaces": [{"type": "mount"}, {"type": "mount"}]"#,
        "linux.namespaces[1].type \"mount\" is there twice"
      ),
      (
        #""namespaces": [{"type": "mount", "path": "/x"}]"#,
        "linux.namespaces[0].path cannot be joined"
      ),
      (
        #""namespaces": [{"type": "mount"}, {"type": "pdi"}]"#,
        "linux.namespaces[1].type has the unknown value \"pdi\" (did you mean pid?)"
      ),
      (
        #""namespaces": [{"type": "mount"}, {"type": "pid", "path": "x"}]"#,
        "linux.namespaces[1].path \"x\" is not absolute"
      ),
      (#""timeOffsets": {"boottime": {"secs": 1}}"#, "linux.timeOffsets needs a new namespace"),
      (#""sysctl": {"kernel.shmmax": "1"}"#, "linux.sysctl.kernel.shmmax would change the host"),
      (
        #""sysctl": {"net.ipv4.ip_forward": "1"}"#,
        "linux.sysctl.net.ipv4.ip_forward would change the host"
      ),
      (
        #""sysctl": {"vm.swappiness": "1"}"#, "linux.sysctl.vm.swappiness is one for the whole host"
      ),
      (#""sysctl": {"net..x": "1"}"#, "linux.sysctl.net..x is no name"),
      (
        #""sysctl": {"net/ipv4/../../vm/swappiness": "1"}"#,
        "linux.sysctl.net/ipv4/../../vm/swappiness is no name"
      ),
      (#""personality": {"domain": "BSD"}"#, "linux.personality.domain has the unknown value"),
      (
        #""personality": {"domain": "LINUX", "flags": ["X"]}"#,
        "linux.personality.flags has to be empty"
      ),
      (#""memoryPolicy": {"mode": "MPOL_BIND"}"#, "linux.memoryPolicy.nodes is missing"),
      (
        #""memoryPolicy": {"mode": "MPOL_LOCAL", "nodes": "0"}"#,
        "linux.memoryPolicy.nodes has no meaning"
      ),
      (
        #""memoryPolicy": {"mode": "MPOL_BIND", "nodes": "a"}"#,
        "linux.memoryPolicy.nodes \"a\" is no list"
      ),
      (
        #""memoryPolicy": {"mode": "BIND", "nodes": "0"}"#,
        "linux.memoryPolicy.mode has the unknown value"
      ),
      (
        #""memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]}"#,
        "linux.memoryPolicy.flags has two"
      ),
      (#""intelRdt": {}"#, "linux.intelRdt is not supported"),
    ])
  func linux(_ members: String, _ start: String) throws {
    let faults = try faults(linux: members)
    #expect(faults.count == 1 && faults[0].hasPrefix(start), "\(faults)")
  }

  @Test(
    "what concerns the whole is named",
    arguments: [
      (#""hostname": "x""#, "hostname would rename the host"),
      (#""domainname": "x""#, "domainname would rename the host"),
      (#""annotations": {"": "x"}"#, "annotations has an empty name"),
      (
        #""hooks": {"poststop": [{"path": "bin/true"}]}"#,
        "hooks.poststop[0].path \"bin/true\" is not absolute"
      ),
      (#""hooks": {"prestart": [{"path": "/x", "timeout": -1}]}"#, "hooks.prestart[0].timeout -1"),
      (#""hooks": {"prestart": [{"path": "/x", "env": ["A"]}]}"#, "hooks.prestart[0].env[0] \"A\""),
    ])
  func whole(_ members: String, _ start: String) throws {
    let faults = try faults(more: members)
    #expect(faults.count == 1 && faults[0].hasPrefix(start), "\(faults)")
  }

  @Test("versions 1.x.y are read, others are not")
  func version() throws {
    for good in ["1.0.0", "1.0.2-dev", "1.2.1", "1.3.0", "1.42.0+x"] {
      #expect(try faults(more: "\"ociVersion\": \"\(good)\"") == [])
    }
    for bad in ["2.0.0", "0.6.0", "1", "1.2", "1.x.0", "", "one"] {
      #expect(try faults(more: "\"ociVersion\": \"\(bad)\"").count == 1, "\(bad)")
    }
  }

  @Test("--ulimit is NAME=SOFT[:HARD], of which the last of a name counts")
  func ulimit() throws {
    var request = AttributeRequest()
    for text in ["nofile=1:2", "core=-1", "nofile=3", "as=unlimited", "rttime=0:unlimited"] {
      try request.addLimit(text)
    }
    #expect(
      request.limits == [
        Spec.ResourceLimit(type: "RLIMIT_CORE", soft: .max, hard: .max),
        Spec.ResourceLimit(type: "RLIMIT_NOFILE", soft: 3, hard: 3),
        Spec.ResourceLimit(type: "RLIMIT_AS", soft: .max, hard: .max),
        Spec.ResourceLimit(type: "RLIMIT_RTTIME", soft: 0, hard: .max),
      ])
    for text in ["nofile", "nofile=", "nofile=2:1", "nofile=1:2:3", "nofiles=1", "nofile=x", "=1"] {
      #expect(throws: SandboxError.self, "\(text)") { try request.addLimit(text) }
    }
    let error = #expect(throws: SandboxError.self) { try request.addLimit("nofiel=1") }
    #expect(error?.description.contains("(did you mean nofile?)") == true)
    // Their numbers are the kernel's, asm-generic/resource.h.
    #expect(LimitKind.allCases.map(\.rawValue) == Array(0...15))
    #expect(LimitKind.nofile.rawValue == 7 && LimitKind.addressSpace.rawValue == 9)
    #expect(Set(LimitKind.allCases.map(\.specName)).count == 16)
  }

  @Test("a sysctl is a path below /proc/sys, by dots or by slashes")
  func sysctlPath() {
    #expect(SysctlStep("net.ipv4.ip_forward", "1").path == "net/ipv4/ip_forward")
    #expect(
      SysctlStep("net/ipv4/conf/eth0.5/forwarding", "1").path == "net/ipv4/conf/eth0.5/forwarding")
    #expect(
      SysctlStep("net.ipv4.conf.eth0/5.forwarding", "1").path == "net/ipv4/conf/eth0.5/forwarding")
  }

  @Test("a list of numbers is as the kernel writes it")
  func numbers() {
    #expect(NumberSet(parsing: "0-2,7")?.numbers == [0, 1, 2, 7])
    for bad in ["", "a", "-1", "1-", "2-1", "0,", "0,,1", "+1", "9000", "99999999999"] {
      #expect(NumberSet(parsing: bad) == nil, "\(bad)")
    }
  }

  @Test("the state that a hook reads is JSON, whatever it holds")
  func state() throws {
    let state = HookState(
      ociVersion: "1.2.0", id: "a", bundle: "/b\"\\\n\u{1}ä", annotations: ["k": "v", "a": ""])
    let text = state.json(status: "running", pid: 7)
    struct Read: Decodable, Equatable {
      var ociVersion, id, status, bundle: String
      var pid: Int
      var annotations: [String: String]
    }
    let read = try JSONDecoder().decode(Read.self, from: Data(text.utf8))
    #expect(
      read
        == Read(
          ociVersion: "1.2.0", id: "a", status: "running", bundle: "/b\"\\\n\u{1}ä", pid: 7,
          annotations: ["k": "v", "a": ""]))
    #expect(!state.json(status: "stopped", pid: nil).contains("pid"))
  }
}
