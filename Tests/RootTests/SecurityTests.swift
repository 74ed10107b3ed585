import CSeccomp
import Glibc
import Linux
import TestSupport
import Testing

/// What a workload can and cannot do, seen from inside.
@Suite("privileges", .serialized)
struct SecurityTests {
  /// Makes the calls that it is given as `name:number:arg:arg...` and prints what came of each.
  private static let probe = """
    import ctypes, errno, sys
    libc = ctypes.CDLL(None, use_errno=True)
    for word in sys.argv[1:]:
        name, *numbers = word.split(":")
        numbers = [ctypes.c_long(int(n)) for n in numbers] + [ctypes.c_long(0)] * 6
        ctypes.set_errno(0)
        result = libc.syscall(*numbers[:7])
        print(name, errno.errorcode[ctypes.get_errno()] if result < 0 else "OK")
    """

  private func calls(
    _ world: World, _ options: [String], _ calls: [(String, [Int])]
  ) throws -> [String: String] {
    let words = calls.map { name, arguments in
      let number = seccomp_syscall_resolve_name(name)
      return ([name, "\(number)"] + arguments.map(String.init)).joined(separator: ":")
    }
    let result = try world.swrun(
      ["--rm"] + options + ["--", "/usr/bin/python3", "-c", Self.probe] + words)
    #expect(result.code == 0, "\(result)")
    return Dictionary(
      result.lines.map { line in
        let words = line.split(separator: " ").map(String.init)
        return (words[0], words[1])
      }, uniquingKeysWith: { $1 })
  }

  /// Each with arguments that do no harm where it is let through.
  private static let dangers: [(String, [Int])] = [
    ("unshare", [0x1000_0000]), ("mount", []), ("umount2", []), ("pivot_root", []),
    ("setns", [-1]), ("keyctl", [0, -3]), ("add_key", []), ("bpf", [999]), ("io_uring_setup", []),
    ("kexec_load", [0, 99]), ("init_module", []), ("finit_module", [-1]), ("delete_module", []),
    ("clone", [0x1000_0011]), ("perf_event_open", []), ("userfaultfd", [-1]),
    ("open_by_handle_at", [-1]), ("swapon", []), ("acct", [1]), ("pidfd_getfd", [-1]),
    ("process_madvise", [-1]), ("fsopen", []), ("open_tree", [-1]), ("quotactl", [-1]),
    ("personality", [0x4_0000]), ("lookup_dcookie", []), ("settimeofday", [1, 1]),
  ]

  @Test("calls that reach beyond the instance are refused")
  func dangers() throws {
    try World.with { world in
      let plain = try calls(world, [], Self.dangers)
      for (name, _) in Self.dangers { #expect(plain[name] == "EPERM", "\(name)") }
      // What a program needs, and what debuggers do to their own.
      let useful = try calls(
        world, [],
        [
          ("getpid", []), ("memfd_create", []), ("seccomp", [99]),
          ("landlock_create_ruleset", [0, 0, 1]), ("clone3", []),
        ])
      #expect(useful["getpid"] == "OK")
      #expect(useful["memfd_create"] == "EFAULT" && useful["seccomp"] == "EINVAL")
      #expect(useful["clone3"] == "ENOSYS")
      // PTRACE_SEIZE, as a debugger does to what it has started.
      let traced = try world.swrun(
        "--rm", "--", "/usr/bin/python3", "-c",
        """
        import ctypes, os, signal
        child = os.fork()
        if child == 0: signal.pause()
        print(ctypes.CDLL(None).ptrace(0x4206, child, None, None))
        os.kill(child, 9)
        """)
      #expect(traced.output == "0\n", "\(traced)")
    }
  }

  @Test("a capability brings its calls, no filter brings all, privileged brings both")
  func allowed() throws {
    try World.with { world in
      let admin = try calls(
        world, ["--cap-add", "sys_admin"], [("mount", []), ("keyctl", [0, -3]), ("unshare", [0])])
      #expect(admin["mount"] != "EPERM" && admin["unshare"] == "OK")
      #expect(admin["keyctl"] == "EPERM")
      let open = try calls(
        world, ["--seccomp", "unconfined"],
        [("keyctl", [0, -3]), ("userfaultfd", [-1])])
      #expect(open["keyctl"] != "EPERM" && open["userfaultfd"] != "EPERM")
      let all = try calls(
        world, ["--privileged"], [("mount", []), ("unshare", [0x4000_0000]), ("bpf", [999])])
      #expect(all["mount"] != "EPERM" && all["unshare"] == "OK" && all["bpf"] != "EPERM")
    }
  }

  private func status(_ world: World, _ options: [String]) throws -> [String: String] {
    let result = try world.swrun(["--rm"] + options + ["--", "cat", "/proc/self/status"])
    #expect(result.code == 0, "\(result)")
    return Dictionary(
      result.lines.compactMap { line in
        let pair = line.split(separator: ":", maxSplits: 1)
        guard pair.count == 2 else { return nil }
        return (String(pair[0]), pair[1].filter { !$0.isWhitespace })
      }, uniquingKeysWith: { $1 })
  }

  @Test("the options set what the kernel says of the process")
  func options() throws {
    try World.with { world in
      let added = try status(world, ["--cap-add", "NET_ADMIN", "--cap-drop", "net_raw"])
      #expect(added["CapEff"] == "00000000000415fb" && added["CapBnd"] == "00000000000415fb")
      #expect(try status(world, ["--cap-drop", "ALL"])["CapBnd"] == "0000000000000000")
      let user = try status(world, ["-u", "1234", "--cap-add", "NET_ADMIN", "--group-add", "77"])
      #expect(user["CapEff"] == "0000000000000000" && user["CapBnd"] == "00000000000415fb")
      #expect(user["CapPrm"] == "0000000000000000" && user["CapAmb"] == "0000000000000000")
      #expect(user["Groups"] == "77")
      let new = try status(world, ["--security-opt", "no-new-privileges:false", "-u", "1234"])
      #expect(new["NoNewPrivs"] == "0" && new["Seccomp"] == "2")
      #expect(new["CapPrm"] == "0000000000000000")
      #expect(try status(world, ["--seccomp", "unconfined"])["Seccomp"] == "0")
      let privileged = try world.swrun(
        "--rm", "--privileged", "-t", "--", "sh", "-c",
        "test -w /sys/fs && mount -t tmpfs x /mnt && cat /proc/timer_list >/dev/null && echo done; exit 3"
      )
      #expect(privileged.code == 3 && privileged.output.contains("done"), "\(privileged)")
    }
  }

  @Test("masks are taken away and set")
  func masks() throws {
    try World.with { world in
      let script =
        "cat /proc/kcore | head -c1 | wc -c; test -w /proc/sys/kernel; ls -A /usr/bin | wc -l"
      let plain = try world.swrun("--rm", "--", "sh", "-c", script)
      let masked = try world.swrun(
        "--rm", "--security-opt", "mask=/usr/bin", "--", "/bin/sh", "-c", "echo /usr/bin/*")
      #expect(plain.lines.first == "0")
      #expect(masked.code != 0 || masked.output == "/usr/bin/*\n", "\(masked)")
      let open = try world.swrun(
        "--rm", "--security-opt", "unmask=/proc/*", "--", "sh", "-c",
        "grep -c ' /proc/' /proc/self/mountinfo")
      #expect(open.output == "0\n", "\(open)")
      let all = try world.swrun(
        "--rm", "--security-opt", "systempaths=unconfined", "--", "sh", "-c",
        "grep -c ' /proc/\\| /sys/firmware' /proc/self/mountinfo")
      #expect(all.output == "0\n", "\(all)")
    }
  }

  @Test("Landlock refuses what mounts do not", .enabled(if: Landlock.abi >= Landlock.neededABI))
  func landlock() throws {
    try World.with { world in
      // A file of the host that is open for reading can be opened for writing through /proc.
      let file = "\(world.directory)/victim"
      func attack(_ options: String) throws -> CommandResult {
        try writeAtomically(Array("mine".utf8), to: file)
        return try world.host(
          "sh", "-c",
          "\(World.binary) --rm -i \(options) -- sh -c 'echo evil > /proc/self/fd/0' < \(file)")
      }
      #expect(try attack("").code != 0)
      #expect(try readText(file) == "mine")
      #expect(try attack("--security-opt landlock=off").code == 0)
      #expect(try readText(file) == "evil\n")
      // What has to work under it.
      let result = try world.host(
        "sh", "-c",
        """
        \(World.binary) --rm -v \(world.directory):/mnt -- sh -ec 'echo out > /dev/stdout
        mkdir /tmp/a /tmp/b /mnt/d; echo x > /tmp/a/f; mv /tmp/a/f /tmp/b/; ln /tmp/b/f /tmp/a/g
        echo y >> /mnt/d/f; rm -r /mnt/d; echo 500 > /proc/self/oom_score_adj; mkfifo /run/p
        echo done' > \(world.directory)/out; cat \(world.directory)/out
        """)
      #expect(result.output.hasSuffix("done\n"), "\(result)")
      _ = try world.swrun("-d", "--name", "w", "--", "sleep", "1000")
      let inside = "readlink /proc/2/fd/1; kill -0 2 && echo signal"
      let apart = try world.swrun("exec", "w", "sh", "-c", inside)
      #expect(apart.output == "signal\n", "\(apart)")
      let looking = try world.swrun(
        "exec", "--security-opt", "landlock=off", "w", "sh", "-c", inside)
      #expect(looking.output.hasPrefix("pipe:"), "\(looking)")
      #expect(try world.swrun("inspect", "w").output.contains(#""inForce": true"#))
      let admin = try world.swrun(
        "--rm", "--cap-add", "SYS_ADMIN", "--", "mount", "-t", "tmpfs", "x", "/mnt")
      #expect(admin.code == 0, "\(admin)")
    }
  }

  @Test(
    "in the host's network abstract sockets of others are out of reach",
    .enabled(if: Landlock.abi >= Landlock.scopeABI))
  func abstractSockets() throws {
    try World.with { world in
      let connect =
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect(chr(0) + 'swt'); print('in')"
      func attempt(_ option: String) throws -> CommandResult {
        try world.host(
          "/usr/bin/python3", "-c",
          """
          import socket, subprocess, sys
          s = socket.socket(socket.AF_UNIX); s.bind(chr(0) + 'swt'); s.listen()
          sys.exit(subprocess.call(sys.argv[1:]))
          """, World.binary, "--rm", "--net", "host", "--security-opt", option, "--",
          "/usr/bin/python3", "-c", connect)
      }
      let apart = try attempt("landlock=on")
      #expect(apart.code == 1 && apart.errors.contains("Operation not permitted"), "\(apart)")
      let open = try attempt("landlock=off")
      #expect(open.output == "in\n", "\(open)")
    }
  }

  @Test(
    "bundles have the five sets as they say, also without no_new_privs", arguments: [true, false])
  func sets(noNewPrivileges: Bool) throws {
    try World.with { world in
      var text = try readText("Tests/Fixtures/host-root/config.json")
      for (from, to) in [
        ("\"uid\": 0", "\"uid\": 1234"),
        ("\"noNewPrivileges\": true", "\"noNewPrivileges\": \(noNewPrivileges)"),
        ("\"inheritable\": []", "\"inheritable\": [\"CAP_KILL\", \"CAP_CHOWN\"]"),
        ("\"ambient\": []", "\"ambient\": [\"CAP_KILL\"]"),
      ] { text = text.replacing(from, with: to) }
      let start = try #require(text.firstRange(of: "\"args\": ["))
      let end = try #require(text[start.upperBound...].firstRange(of: "]"))
      text.replaceSubrange(
        start.upperBound..<end.lowerBound, with: "\"cat\", \"/proc/self/status\"")
      try writeAtomically(Array(text.utf8), to: "\(world.directory)/config.json")
      let result = try world.swrun("--rm", "--bundle", world.directory)
      #expect(result.code == 0, "\(result)")
      for line in [
        "CapInh:\t0000000000000021", "CapPrm:\t0000000000000020", "CapEff:\t0000000000000020",
        "CapAmb:\t0000000000000020", "CapBnd:\t00000000000425fb",
        "NoNewPrivs:\t\(noNewPrivileges ? 1 : 0)", "Seccomp:\t2",
      ] { #expect(result.lines.contains(line), "\(line) in \(result)") }
    }
  }

  @Test("options about privileges, limits and namespaces change what a bundle says")
  func besideBundle() throws {
    let script =
      "grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' /proc/self/status; id -G; ulimit -n; cat /proc/sys/kernel/msgmax; head -c 100 /proc/timer_list | wc -c; awk '{print $2}' /proc/self/uid_map; hostname"
    try World.with { world in
      func run(_ options: String...) throws -> [String] {
        let result = try world.swrun(
          ["--rm", "--bundle", "Tests/Fixtures/host-root"] + options + ["--", "sh", "-c", script])
        #expect(result.code == 0, "\(result)")
        return result.lines
      }
      let plain = try run()
      #expect(plain.contains("CapBnd:\t00000000000425fb") && plain.contains("NoNewPrivs:\t1"))
      let changed = try run(
        "--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN,NET_RAW", "--security-opt",
        "no-new-privileges:false", "--seccomp", "unconfined", "--group-add", "77", "--ulimit",
        "nofile=77:88", "--sysctl", "kernel.msgmax=1234", "--uidmap", "0:100000:65536", "--gidmap",
        "0:100000:65536")
      #expect(
        Array(changed.prefix(9)) == [
          "CapEff:\t00000000000415fa", "CapBnd:\t00000000000415fa", "NoNewPrivs:\t0", "Seccomp:\t0",
          "0 77", "77", "1234", "0", "100000",
        ], "\(changed)")
      // All that swrun has, with which nothing is hidden.
      let privileged = try run("--privileged", "--uts", "host")
      #expect(privileged.contains("Seccomp:\t0") && privileged.contains("100"), "\(privileged)")
      #expect(privileged.last == (try command(["hostname"])).lines.first)
      let user = try run("-u", "1234", "--cap-add", "NET_ADMIN")
      #expect(
        user.contains("CapEff:\t0000000000000000") && user.contains("CapBnd:\t00000000000435fb"))
    }
  }

  /// An agent that answers each call with EXDEV and writes down what it was told.
  private static let agent = """
    import array, fcntl, os, socket, struct, sys
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.bind(sys.argv[1]); s.listen()
    for turn in range(2):
        c, _ = s.accept()
        text, extra, _, _ = c.recvmsg(65536, socket.CMSG_SPACE(4))
        fd = array.array("i", extra[0][2])[0]
        open(sys.argv[1] + ".json", "ab").write(text + b"\\n")
        request = bytearray(80)
        fcntl.ioctl(fd, 0xc0502100, request)
        key, pid = struct.unpack_from("=QI", request)
        open(sys.argv[1] + ".json", "ab").write(b"pid %d\\n" % pid)
        fcntl.ioctl(fd, 0xc0182101, struct.pack("=QqiI", key, 0, -18, 0))
    """

  @Test("an agent is given the listener with the state, for run and exec, and answers")
  func agent() throws {
    try World.with { world in
      let socket = "\(world.directory)/agent"
      let profile = "\(world.directory)/profile.json"
      try writeAtomically(
        Array(
          #"{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "\#(socket)", "listenerMetadata": "hello", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]}"#
            .utf8), to: profile)
      let missing = try world.swrun("--rm", "--seccomp", profile, "--", "true")
      #expect(missing.code == 125 && missing.errors.contains("Start its agent"), "\(missing)")
      #expect(try world.leftovers() == [])
      let agent = try start(["/usr/bin/python3", "-c", Self.agent, socket])
      defer { kill(agent.pid, SIGKILL) }
      #expect(eventually { FileIdentity(path: socket) != nil })
      let script = "mkdir /tmp/x; sleep 1000"
      _ = try world.swrun("-d", "--name", "w", "--seccomp", profile, "--", "sh", "-c", script)
      #expect(
        try eventually { try world.swrun("logs", "w").errors.contains("cross-device") })
      let exec = try world.swrun("exec", "w", "mkdir", "/tmp/y")
      #expect(exec.code == 1 && exec.errors.contains("cross-device"), "\(exec)")
      let told = try readText("\(socket).json").split(separator: "\n")
      try #require(told.count == 4)
      for (line, asked, status) in [(told[0], told[1], "creating"), (told[2], told[3], "running")] {
        #expect(line.contains("\"fds\":[\"seccompFd\"]") && line.contains("\"metadata\":\"hello\""))
        #expect(line.contains("\"status\":\"\(status)\"") && line.contains("\"id\":\""))
        // The call may be one of a child's; the filter's process is above all of them.
        #expect(asked.hasPrefix("pid "))
      }
      let pid = try world.pid("w")
      #expect(told[2].contains("\"pid\":\(pid),\"status\"") || told[2].contains("\"pid\":\(pid)"))
    }
  }

  @Test(
    "what cannot be is refused in one line",
    arguments: [
      (["--seccomp", "/nowhere.json"], "cannot be read"), (["--seccomp", "/etc/passwd"], "line 1"),
      (["--security-opt", "secomp=x"], "did you mean seccomp?"),
      (["--security-opt", "unmask=/proc/x"], "nothing of that name"),
      (["--seccomp", "unconfined", "--security-opt", "seccomp=unconfined"], "say the same"),
      (["--cap-add", "NET_ADMN"], "did you mean NET_ADMIN?"),
      (["--group-add", "nosuch"], "no group is called"),
    ])
  func refused(options: [String], text: String) throws {
    try World.with { world in
      let result = try world.swrun(["--rm"] + options + ["--", "true"])
      #expect(result.code == 125 && result.errors.contains(text), "\(result)")
      #expect(result.errors.split(separator: "\n").count == 1)
      #expect(try world.leftovers() == [])
    }
  }

  @Test(
    "a security module that this kernel does not have is named",
    arguments: [
      (SecurityModule.appArmor, "apparmor=docker-default", "AppArmor"),
      (.selinux, "label=type:container_t", "SELinux"),
    ])
  func modules(module: SecurityModule, option: String, name: String) throws {
    guard !module.isEnabled else { return }
    try World.with { world in
      let result = try world.swrun("--rm", "--security-opt", option, "--", "true")
      #expect(result.code == 125 && result.errors.contains("no \(name)"), "\(result)")
    }
  }
}
