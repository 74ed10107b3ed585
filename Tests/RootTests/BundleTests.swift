import Glibc
import Linux
import TestSupport
import Testing

@Suite("bundles", .serialized)
struct BundleTests {
  @Test("a process has the limits, umask, directory, priorities and personality of its bundle")
  func attributes() throws {
    try World.with { world in
      let bundle = try world.bundle(
        """
        ulimit -Sn; ulimit -Hn; umask; pwd; uname -m; ionice -p $$
        cut -d' ' -f19,41 /proc/$$/stat; grep -o -m1 'bind[^ ]*' /proc/self/numa_maps
        """,
        process: """
          "rlimits": [ { "type": "RLIMIT_NOFILE", "soft": 64, "hard": 128 } ],
          "user": { "umask": 63 },
          "scheduler": { "policy": "SCHED_BATCH", "nice": 5 },
          "ioPriority": { "class": "IOPRIO_CLASS_BE", "priority": 7 }
          """,
        linux: """
          "personality": { "domain": "LINUX32" },
          "memoryPolicy": { "mode": "MPOL_BIND", "nodes": "0" }
          """)
      let result = try world.swrun("--rm", "--bundle", bundle)
      let numa = FileIdentity(path: "/proc/self/numa_maps") == nil ? [] : ["bind:0"]
      #expect(
        result.lines
          == ["64", "128", "0077", "/", "i686", "best-effort: prio 7", "5 3"] + numa, "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("a working directory that is missing is made where that can be written")
  func directory() throws {
    try World.with { world in
      let made = try world.swrun(
        "--rm", "-w", "/tmp/made/deep", "--", "sh", "-c", "pwd; stat -c %a .")
      #expect(made.lines == ["/tmp/made/deep", "755"], "\(made)")
    }
  }

  @Test(
    "each policy of the scheduler is set",
    arguments: [
      (#""policy": "SCHED_OTHER", "nice": -3"#, "-3 0"), (#""policy": "SCHED_IDLE""#, "0 5"),
      (#""policy": "SCHED_FIFO", "priority": 7"#, "0 1"),
      (#""policy": "SCHED_RR", "priority": 7, "flags": ["SCHED_FLAG_RESET_ON_FORK"]"#, "0 2"),
      (
        #""policy": "SCHED_DEADLINE", "runtime": 1000000, "deadline": 10000000, "period": 20000000, "flags": ["SCHED_FLAG_RESET_ON_FORK"]"#,
        "0 6"
      ),
    ])
  func scheduler(_ scheduler: String, _ fields: String) throws {
    try World.with { world in
      let bundle = try world.bundle(
        "read -r line < /proc/$$/stat; set -- $line; echo ${19} ${41}",
        process: "\"scheduler\": { \(scheduler) }")
      let result = try world.swrun("--rm", "--bundle", bundle)
      #expect(result.output == "\(fields)\n", "\(result)")
    }
  }

  @Test("a terminal is as large as the bundle says")
  func terminal() throws {
    try World.with { world in
      let bundle = try world.bundle(
        "stty size; tty",
        process: #""terminal": true, "consoleSize": { "height": 40, "width": 120 }"#)
      let result = try world.swrun("--rm", "--bundle", bundle)
      #expect(result.output == "40 120\r\n/dev/pts/0\r\n", "\(result)")
    }
  }

  @Test("--ulimit and --sysctl are for the instance alone, also for what exec starts")
  func options() throws {
    try World.with { world in
      let before = try readText("/proc/sys/kernel/shmmni")
      let started = try world.swrun(
        "-d", "--name", "web", "--ulimit", "nofile=64:128", "--ulimit", "core=-1", "--sysctl",
        "net.ipv4.ip_forward=1", "--sysctl", "net/ipv4/conf/lo/forwarding=0", "--sysctl",
        "kernel.shmmni=99", "--sysctl", "fs.mqueue.msg_max=7", "--annotation", "a.b=c", "--",
        "sleep", "1000")
      #expect(started.code == 0, "\(started)")
      let seen = try world.swrun(
        "exec", "web", "sh", "-c",
        "ulimit -Sn; ulimit -Hn; ulimit -c; cd /proc/sys; cat net/ipv4/ip_forward net/ipv4/conf/lo/forwarding kernel/shmmni fs/mqueue/msg_max"
      )
      #expect(seen.lines == ["64", "128", "unlimited", "1", "0", "99", "7"], "\(seen)")
      #expect(try readText("/proc/sys/kernel/shmmni") == before)
      #expect(try world.host("cat", "/proc/sys/net/ipv4/ip_forward").output == "0\n")
      #expect(try world.swrun("inspect", "web").output.contains("\"a.b\": \"c\""))
    }
  }

  @Test("exec runs on the CPUs of execCPUAffinity, the command itself does not")
  func affinity() throws {
    try World.with { world in
      let bundle = try world.bundle(
        "grep Cpus_allowed_list /proc/self/status; exec sleep 1000",
        process: #""execCPUAffinity": { "initial": "0", "final": "0" }"#)
      #expect(try world.swrun("-d", "--name", "web", "--bundle", bundle).code == 0)
      let list = try readText("/proc/self/status").split(separator: "\n")
        .first { $0.hasPrefix("Cpus_allowed_list") }
      #expect(try eventually { try world.swrun("logs", "web").output == "\(list ?? "")\n" })
      let result = try world.swrun("exec", "web", "grep", "Cpus_allowed_list", "/proc/self/status")
      #expect(result.output == "Cpus_allowed_list:\t0\n", "\(result)")
    }
  }

  @Test("run with its own spec as a bundle, a command finds the same")
  func roundTrip() throws {
    try World.with { world in
      let options = ["--ulimit", "nofile=77", "-e", "A=b", "-w", "/tmp", "--hostname", "box"]
      let script =
        "ulimit -n; env | sort; pwd; hostname; grep -E 'Cap|NoNew|Seccomp:' /proc/self/status; cut -d' ' -f3- /proc/self/mountinfo | cut -d' ' -f3,4 | grep -v netns | sort"
      let command = ["--", "sh", "-c", script]
      let direct = try world.swrun(["--rm"] + options + command)
      #expect(direct.code == 0, "\(direct)")
      let spec = try world.swrun(["spec"] + options + command)
      #expect(spec.code == 0, "\(spec)")
      let bundle = "\(world.directory)/bundle"
      try makeDirectories(bundle)
      try writeAtomically(Array(spec.output.utf8), to: "\(bundle)/config.json")
      let validated = try world.swrun("bundle", "validate", bundle)
      #expect(validated.code == 0 && validated.output == "\(bundle) is valid\n", "\(validated)")
      let bundled = try world.swrun("--rm", "--bundle", bundle)
      // The files of names are made for a command alone; a bundle has its own.
      let names = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"]
      let expected = direct.lines.filter { line in !names.contains { line.contains($0) } }
      #expect(bundled.lines == expected, "\(bundled)")
      #expect(try world.swrun("spec", "--bundle", bundle).output == spec.output)
      #expect(try world.swrun("spec").output.contains("\"sh\""))
    }
  }

  @Test("everything that is wrong with a bundle is listed by its place")
  func validate() throws {
    try World.with { world in
      let wrong = try world.bundle(
        "true",
        process: """
          "rlimits": [ { "type": "RLIMIT_NOFILES", "soft": 2, "hard": 1 } ],
          "scheduler": { "policy": "SCHED_ISO" }
          """, linux: #""sysctl": { "vm.swappiness": "1" }"#,
        more: #""hooks": { "poststop": [ { "path": "x", "timeout": 0 } ] }"#, without: ["mount"])
      let result = try world.swrun("bundle", "validate", wrong)
      #expect(result.code == 1)
      for start in [
        "process.rlimits[0].type has the unknown value \"RLIMIT_NOFILES\" (did you mean RLIMIT_NOFILE?)",
        "process.rlimits[0].soft 2 is more than hard, 1", "process.scheduler.policy SCHED_ISO",
        "linux.sysctl.vm.swappiness is one for the whole host", "hooks.poststop[0].path \"x\"",
        "hooks.poststop[0].timeout 0", "linux.namespaces has no \"mount\"",
      ] {
        #expect(result.lines.contains { $0.hasPrefix(start) }, "\(start): \(result)")
      }
      #expect(result.lines.count == 7)
      let json = try world.swrun("bundle", "validate", "--format", "json", wrong)
      #expect(json.code == 1 && json.output.contains("\"path\": \"process.rlimits[0].soft\""))
      #expect(json.output.contains("\"valid\": false"))
      let refused = try world.swrun("--bundle", wrong)
      #expect(refused.code == 125 && refused.errors.contains("6 more"), "\(refused)")

      try writeAtomically(Array("{\n  \"root\": ,\n}".utf8), to: "\(wrong)/config.json")
      let malformed = try world.swrun("bundle", "validate", wrong)
      #expect(malformed.output.contains("line 2, column 11"), "\(malformed)")
      #expect(try world.swrun("bundle", "validate", "/nowhere").code == 1)
      #expect(try world.leftovers() == [])
    }
  }
}
