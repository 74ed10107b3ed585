import Glibc
import Linux
import TestSupport
import Testing

@Suite("sandbox", .serialized)
struct SandboxTests {
  @Test("the host's files are read-only; /tmp, /run and /var/tmp are fresh")
  func files() throws {
    try World.with { world in
      let result = try world.swrun(
        "--rm", "--", "sh", "-c",
        "touch /etc/x /usr/x /x /root/x 2>/dev/null && echo written; ls -A /tmp /run /var/tmp | grep -v : ; touch /tmp/a /run/a /var/tmp/a && echo fresh"
      )
      #expect(result.output.split(separator: "\n").filter { !$0.isEmpty } == ["fresh"], "\(result)")
    }
  }

  @Test("capabilities are no more than Docker's, and nothing gives more")
  func capabilities() throws {
    try World.with { world in
      let result = try world.swrun("--rm", "--", "cat", "/proc/self/status")
      func value(_ key: String) -> String? {
        result.lines.first { $0.hasPrefix(key + ":") }?.split(separator: "\t").last.map(String.init)
      }
      // Docker's default set is 00000000a80425fb.
      for key in ["CapPrm", "CapEff", "CapBnd"] { #expect(value(key) == "00000000000405fb") }
      for key in ["CapInh", "CapAmb"] { #expect(value(key) == "0000000000000000") }
      #expect(value("NoNewPrivs") == "1")
      #expect(value("Seccomp") == "2")
      let user = try world.swrun("--rm", "-u", "1234", "--", "grep", "CapEff", "/proc/self/status")
      #expect(user.output == "CapEff:\t0000000000000000\n")
    }
  }

  @Test(
    "calls that leave the sandbox are refused",
    arguments: [
      "mount -t tmpfs none /tmp", "unshare -U true", "unshare -n true", "mknod /tmp/d b 8 0",
      "echo 1 > /proc/sys/kernel/sysrq", "umount /proc/bus", "hostname other",
      "ip link set lo down", "nsenter -t 1 -n true", "cat /proc/kcore",
    ])
  func refused(_ script: String) throws {
    try World.with { world in
      // /proc/kcore is masked: empty, so that reading it succeeds without a byte.
      let result = try world.swrun(
        "--rm", "--", "sh", "-c",
        "(\(script)) 2>/dev/null | grep . || test $? = 1 && ! (\(script)) >/dev/null 2>&1 || echo; cat /proc/kcore | wc -c"
      )
      #expect(result.lines.last == "0", "\(result)")
      if !script.contains("kcore") {
        #expect(try world.swrun("--rm", "--", "sh", "-c", script).code != 0, "\(script)")
      }
    }
  }

  @Test("no descriptor but 0, 1 and 2 reaches the command (CVE-2024-21626)")
  func descriptors() throws {
    try World.with { world in
      // The caller leaves descriptors open, one of them a directory of the host.
      let result = try command(
        [
          "sh", "-c",
          "exec 7</ 8</etc/shadow; exec ip netns exec \(world.hostName) \(World.binary) --rm -- ls /proc/self/fd",
        ],
        environment: world.environment)
      // 3 is the directory that ls itself reads.
      #expect(result.lines == ["0", "1", "2", "3"], "\(result)")
    }
  }

  @Test("swrun's executable cannot be reached from inside (CVE-2019-5736)")
  func executable() throws {
    try World.with { world in
      let hidden = try world.swrun(
        "--rm", "--", "sh", "-c",
        "readlink /proc/1/exe; ls -A /proc/1/fd; ls -A /proc/1/root/; cat /proc/1/environ /proc/1/maps"
      )
      #expect(hidden.output == "", "\(hidden)")
      // The kernel executes swrun in place of the script's interpreter; what it can open is read-only.
      try makeDirectories("\(world.directory)/data")
      let script = "#!/proc/self/exe\n"
      try writeAtomically(Array(script.utf8), to: "\(world.directory)/data/evil", mode: 0o755)
      let before = try readFile(World.binary, limit: 64 << 20)
      let attack = try world.swrun(
        "--rm", "-v", "\(world.directory)/data:/mnt", "--", "sh", "-c",
        "/mnt/evil & for i in 1 2 3 4 5 6 7 8 9; do for p in /proc/[0-9]*; do (echo x >> $p/exe) 2>/dev/null && echo WRITTEN; done; done; wait"
      )
      #expect(!attack.output.contains("WRITTEN"), "\(attack)")
      #expect(try readFile(World.binary, limit: 64 << 20) == before)
    }
  }

  @Test(
    "swrun's executable is on a read-only mount, for which it is executed again only where it must")
  func seal() throws {
    try World.with { world in
      let trace = "\(world.directory)/trace"
      var fault: [String] = []
      for executions in 1...2 {
        let started = try world.host(
          ["strace", "-e", "trace=execve,execveat,prctl", "-o", trace] + fault
            + [World.binary, "--rm", "--net", "none", "--", "true"])
        #expect(started.code == 0, "\(started)")
        let calls = try readText(trace).split(separator: "\n")
        #expect(calls.count { $0.hasPrefix("exec") && $0.hasSuffix("= 0") } == executions)
        // Not all kernels can change a process's executable.
        let place = calls.filter { $0.hasPrefix("prctl") }
          .firstIndex { $0.hasPrefix("prctl(PR_SET_MM, ") }
        fault = ["-e", "inject=prctl:error=EINVAL:when=\(try #require(place) + 1)"]
      }
      #expect(try world.swrun("-d", "--name", "web", "--", "sleep", "1000").code == 0)
      let monitor = try #require(try world.state("web").monitor?.pid)
      var status = statvfs()
      #expect(statvfs("/proc/\(monitor)/exe", &status) == 0)
      #expect(status.f_flag & UInt(ST_RDONLY) != 0)
      #expect(open("/proc/\(monitor)/exe", O_WRONLY) == -1)
      #expect(try world.swrun("rm", "-f", "web").code == 0)
    }
  }

  @Test("the state of swrun is not visible inside")
  func state() throws {
    try World.with { world in
      let result = try world.swrun(
        "--rm", "--", "sh", "-c",
        "ls -A \(world.directory)/run \(world.directory)/lib /run; tr '\\0' '\\n' < /proc/1/cmdline; echo seen"
      )
      #expect(result.lines.last == "seen", "\(result)")
      #expect(!result.output.contains("instances"), "\(result)")
      #expect(!result.output.contains("swrun"), "\(result)")
    }
  }
}
