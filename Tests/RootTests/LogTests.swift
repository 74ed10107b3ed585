import Glibc
import Linux
import TestSupport
import Testing

@Suite("logs", .serialized)
struct LogTests {
  /// A workload that goes on when ``go(_:)`` says so.
  private static let waits = "while ! test -e /tmp/go; do sleep 0.05; done"

  private func go(_ world: World) throws {
    #expect(try world.swrun("exec", "web", "touch", "/tmp/go").code == 0)
  }

  private func start(_ world: World, _ options: [String], _ script: String) throws {
    let words = ["-d", "--name", "web"] + options + ["--", "sh", "-c", script]
    let started = try world.swrun(words)
    try #require(started.code == 0, "\(started)")
  }

  private func logs(_ world: World, _ words: String...) throws -> CommandResult {
    try world.swrun(["logs"] + words + ["web"])
  }

  @Test(
    "logs show what was asked for: the last lines, since and until a time",
    arguments: ["json-file", "plain"])
  func selection(_ driver: String) throws {
    try World.with { world in
      try start(
        world, ["--log-driver", driver],
        "echo one; echo two >&2; \(Self.waits); echo three; printf four")
      #expect(try eventually { try logs(world).errors == "two\n" })
      usleep(2000)
      let between = Clock.realtime()
      try go(world)
      _ = try world.swrun("wait", "web")
      let whole = try logs(world)
      #expect(whole.output == "one\nthree\nfour" && whole.errors == "two\n", "\(whole)")
      #expect(try logs(world, "--tail", "2").output == "three\nfour")
      #expect(try logs(world, "-n", "all").output == whole.output)
      #expect(try logs(world, "--tail=-1").output == whole.output)
      #expect(try logs(world, "-n", "0").output == "")
      let stamped = try logs(world, "-t").lines
      #expect(stamped.count == 3 && stamped[0].hasSuffix("Z one") && stamped[0].hasPrefix("20"))
      let moment =
        "\(between / 1_000_000_000).\(String(1_000_000_000 + between % 1_000_000_000).dropFirst())"
      let time = stamped[1].split(separator: " ")[0]
      for since in [moment, String(time)] {
        #expect(try logs(world, "--since", since).output == "three\nfour", "\(since)")
      }
      #expect(try logs(world, "--since", "10m").output == whole.output)
      #expect(try logs(world, "--since", "0s").output == "")
      #expect(try logs(world, "--until", moment).output == "one\n")
      #expect(try logs(world, "--until", "10m").output == "")
      // Until then, whether it has ended or not.
      #expect(try logs(world, "-f", "--until", moment).output == "one\n")
      for wrong in [["--since", "x"], ["--until", ""], ["--tail", "x"]] {
        let refused = try world.swrun(["logs"] + wrong + ["web"])
        #expect(
          refused.code == 125 && refused.errors.hasPrefix("swrun: \(wrong[0]) "), "\(refused)")
      }
    }
  }

  @Test(
    "logs -f follows over rotation, and ends with the instance", arguments: ["json-file", "plain"])
  func follow(_ driver: String) throws {
    try World.with { world in
      try start(
        world,
        ["--log-driver", driver, "--log-opt", "max-size=10k", "--log-opt", "max-file=1000"],
        "seq 1 500; \(Self.waits); seq 501 3000; echo end >&2")
      let following = try world.startSwrun("logs", "-f", "web")
      #expect(eventually { following.output.hasSuffix("\n500\n") })
      let tail = try world.startSwrun("logs", "-f", "-n", "1", "web")
      #expect(eventually { tail.output == "500\n" })
      try go(world)
      let result = try following.finish()
      let all = (1...3000).map { "\($0)\n" }.joined()
      #expect(result.code == 0 && result.output == all && result.errors == "end\n")
      #expect(try tail.finish().output == (500...3000).map { "\($0)\n" }.joined())
      #expect(try logs(world).output == all)
      let directory = "\(world.directory)/lib/logs"
      let own = "\(directory)/\(directoryEntries(directory)[0])"
      #expect(directoryEntries(own).count > 5, "\(directoryEntries(own))")
      let file = driver == "plain" ? "log.txt" : "log.json"
      #expect(try world.swrun("inspect", "web").output.contains("\"logPath\": \"\(own)/\(file)\""))
    }
  }

  @Test("logs -f goes on while an instance is launched again, and ends when it has ended for good")
  func restarting() throws {
    try World.with { world in
      let script = "echo run; \(Self.waits); exit 3"
      try start(world, ["--restart", "on-failure:2"], script)
      let following = try world.startSwrun("logs", "-f", "web")
      for round in 1...3 {
        #expect(eventually { following.output.split(separator: "\n").count == round })
        try go(world)
      }
      let result = try following.finish()
      #expect(result.code == 0 && result.lines == ["run", "run", "run"], "\(result)")
      // One that has ended has nothing to come.
      #expect(try logs(world, "-f").lines.count == 3)
      #expect(try world.swrun("rm", "web").code == 0)

      try start(world, ["--restart", "always"], script)
      let other = try world.startSwrun("logs", "-f", "web")
      #expect(eventually { other.output == "run\n" })
      #expect(try world.swrun("restart", "-t", "0", "web").code == 0)
      #expect(eventually { other.output == "run\nrun\n" })
      #expect(try world.swrun("stop", "-t", "0", "web").code == 0)
      #expect(try other.finish().output == "run\nrun\n")
    }
  }

  @Test("nothing is lost of what is written fast, and no memory filled", arguments: [[], ["-t"]])
  func fast(_ options: [String]) throws {
    try World.with { world in
      try start(world, options, "seq 1 60000; \(Self.waits)")
      func isComplete() throws -> Bool { try logs(world, "-n", "1").output.hasPrefix("60000") }
      #expect(try eventually(isComplete))
      let monitor =
        try readText("/proc/\(try world.pid("web"))/status").split(separator: "\n")
        .first { $0.hasPrefix("PPid:") }.flatMap { $0.split(separator: "\t").last } ?? ""
      let status = try readText("/proc/\(monitor)/status")
      let peak = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        .flatMap { $0.split(separator: " ").dropLast().last }.flatMap { Int($0) }
      #expect(try #require(peak) < 16 << 10, "KiB, \(status)")
      let text = try logs(world).output.filter { $0 != "\r" }.replacing("\r\n", with: "\n")
      #expect(text == (1...60_000).map { "\($0)\n" }.joined())
    }
  }

  @Test("a full disk keeps the workload waiting, and loses nothing")
  func fullDisk() throws {
    try World.with { world in
      let place = "\(world.directory)/lib"
      try makeDirectories(place)
      try #require(
        try command(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", place]).code == 0)
      defer { _ = try? command(["umount", "-l", place]) }
      try start(world, [], "echo first; seq 1 60000; echo last >&2")
      #expect(
        try eventually { try world.swrun("inspect", "web").output.contains("No space left") })
      #expect(try world.swrun("ps").lines.count == 2)
      let early = try logs(world)
      #expect(early.output.hasPrefix("first\n1\n2\n") && !early.output.contains("60000"))
      // It can be entered meanwhile, and the monitor does not turn.
      #expect(try world.swrun("exec", "web", "true").code == 0)
      #expect(
        try command(["mount", "-o", "remount,size=64m", place]).code == 0)
      #expect(try world.swrun("wait", "web").output == "0\n")
      let late = try logs(world)
      #expect(late.output == "first\n" + (1...60_000).map { "\($0)\n" }.joined())
      #expect(late.errors == "last\n", "\(late.errors)")
    }
  }

  @Test("an instance that ends while the disk is full ends, and says what is missing")
  func fullAtTheEnd() throws {
    try World.with { world in
      let place = "\(world.directory)/lib"
      try makeDirectories(place)
      try #require(
        try command(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", place]).code == 0)
      defer { _ = try? command(["umount", "-l", place]) }
      try start(world, [], "seq 1 60000")
      #expect(
        try eventually { try world.swrun("inspect", "web").output.contains("No space left") })
      #expect(try world.swrun("stop", "-t", "1", "web").code == 0)
      #expect(
        try world.swrun("inspect", "web").output.contains("its last lines are not in its log"))
      #expect(try logs(world).output.hasPrefix("1\n2\n"))
    }
  }

  @Test("none keeps nothing, and logs says so; wrong options are refused and nothing is made")
  func refusals() throws {
    try World.with { world in
      try start(world, ["--log-driver", "none"], "seq 1 100000; \(Self.waits)")
      let none = try logs(world)
      #expect(none.code == 125 && none.errors.contains("--log-driver none"), "\(none)")
      #expect(FileIdentity(path: "\(world.directory)/lib/logs") == nil)
      try go(world)
      #expect(try world.swrun("wait", "web").output == "0\n")
      #expect(try world.swrun("rm", "web").code == 0)
      for (options, reason) in [
        (["--log-driver", "none"], "Add -d"), (["--log-opt", "max-size=1k"], "Add -d"),
        (["-d", "--log-driver", "x"], "unknown log driver"),
        (["-d", "--log-opt", "max-size=x"], "a size"),
      ] {
        let refused = try world.swrun(options + ["--", "true"])
        #expect(refused.code == 125 && refused.errors.contains(reason), "\(refused)")
      }
      #expect(try world.leftovers() == [])
    }
  }

  /// Runs swrun where a journal of the test's own listens, and prints what that has got: an entry's
  /// fields as a Python dictionary, a line each.
  private static let journal = """
    import os, socket, struct, subprocess, sys
    subprocess.check_call(["mount", "-t", "tmpfs", "tmpfs", "/run/systemd"])
    os.mkdir("/run/systemd/journal")
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.settimeout(60)
    if sys.argv[1] == "listen":
        server.bind("/run/systemd/journal/socket")
    done = subprocess.run(sys.argv[2:])
    if done.returncode:
        sys.exit(done.returncode)
    name = sys.argv[sys.argv.index("--name") + 1]
    rest = 3
    while rest:
        data, fields = server.recv(1 << 20), {}
        while data:
            line, _, data = data.partition(b"\\n")
            key, assigned, value = line.partition(b"=")
            if not assigned:
                size, = struct.unpack("<Q", data[:8])
                value, end, data = data[8:8 + size], data[8 + size:9 + size], data[9 + size:]
                assert end == b"\\n"
            fields[key.decode()] = value
        fields["CONTAINER_ID_FULL"] = len(fields["CONTAINER_ID_FULL"])
        rest -= fields["MESSAGE"].startswith(b"end")
        print(sorted((k, v if isinstance(v, int) or len(v) < 100 else len(v)) for k, v in fields.items() if k != "CONTAINER_ID"))
    """

  @Test("journald gets an entry for each line, as Docker has it")
  func journald() throws {
    try World.with { world in
      try makeDirectories("/run/systemd", mode: 0o755)
      func run(_ mode: String, _ script: String) throws -> CommandResult {
        try world.host([
          "unshare", "-m", "python3", "-c", Self.journal, mode, World.binary, "-d", "--name", "web",
          "--log-driver", "journald", "--", "sh", "-c", script,
        ])
      }
      let refused = try run("silent", "true")
      #expect(refused.code == 125 && refused.errors.contains("no journal listens"), "\(refused)")
      #expect(try world.leftovers() == [])
      let result = try run(
        "listen",
        "echo one=1; echo two >&2; head -c 20000 /dev/zero | tr '\\0' x; echo; echo end; echo end; seq 1 5000; printf end"
      )
      #expect(result.code == 0, "\(result)")
      let common =
        "('CONTAINER_ID_FULL', 64), ('CONTAINER_NAME', b'web'), "
      func entry(_ message: String, _ priority: Int) -> String {
        "[\(common)('MESSAGE', \(message)), ('PRIORITY', b'\(priority)'), ('SYSLOG_IDENTIFIER', b'web')]"
      }
      let part =
        "[('CONTAINER_ID_FULL', 64), ('CONTAINER_NAME', b'web'), ('CONTAINER_PARTIAL_MESSAGE', b'true'), "
      let rows = result.lines.dropFirst()
      #expect(rows.contains(entry("b'one=1'", 6)) && rows.contains(entry("b'two'", 3)), "\(result)")
      #expect(rows.contains(entry("3616", 6)), "\(result)")
      #expect(rows.contains(entry("b'5000'", 6)) && rows.contains(entry("b'1'", 6)))
      #expect(rows.filter { $0.hasPrefix(part) }.count == 2)
      #expect(rows.last?.hasPrefix(part) == true && rows.last?.contains("b'end'") == true)
      let read = try logs(world)
      #expect(read.code == 125 && read.errors.contains("journalctl CONTAINER_NAME=web"), "\(read)")
    }
  }
}
