import Glibc
import Linux
import TestSupport
import Testing

@Suite("run", .serialized)
struct RunTests {
  @Test(
    "the exit code is the command's, or says where it failed",
    arguments: [
      (["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137),
      (["/nonexistent"], 127), (["nosuchcommand"], 127), (["/etc/passwd"], 126), (["/etc"], 126),
    ])
  func exitCodes(_ words: [String], _ code: Int) throws {
    try World.with { world in
      let result = try world.swrun(["--rm", "--"] + words)
      #expect(Int(result.code) == code, "\(result)")
      #expect((125...127).contains(code) == result.errors.hasPrefix("swrun: "))
      #expect(try world.leftovers() == [])
    }
  }

  @Test("PID 1 is an init, or with --no-init the command itself")
  func initProcess() throws {
    try World.with { world in
      #expect(try world.swrun("--rm", "--", "sh", "-c", "echo $$").output == "2\n")
      #expect(try world.swrun("--rm", "--no-init", "--", "sh", "-c", "echo $$").output == "1\n")
      // An orphan is reaped: it does not stay as a zombie.
      let orphan = try world.swrun(
        "--rm", "--", "sh", "-c",
        "(sleep 0 &); sleep 1; cat /proc/[0-9]*/stat | grep -c ' Z ' || true")
      #expect(orphan.output == "0\n", "\(orphan)")
    }
  }

  @Test("standard input is given with -i alone; output goes where ours goes")
  func streams() throws {
    try World.with { world in
      #expect(try world.swrun(["--rm", "--", "cat"], input: "hello").output == "")
      #expect(try world.swrun(["--rm", "-i", "--", "cat"], input: "hello").output == "hello")
      let both = try world.swrun("--rm", "--", "sh", "-c", "echo out; echo err >&2")
      #expect(both.output == "out\n")
      #expect(both.errors == "err\n")
    }
  }

  @Test("a signal to swrun reaches the command")
  func signals() throws {
    try World.with { world in
      let running = try world.startSwrun(
        "--rm", "--", "sh", "-c",
        "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.1; done")
      #expect(eventually { running.output.contains("ready") })
      kill(running.pid, SIGTERM)
      let result = try running.finish()
      #expect(result.code == 9)
      #expect(result.output.contains("got it"))
      #expect(try world.leftovers() == [])
    }
  }

  @Test("-t gives a terminal, a console and a session of its own")
  func terminal() throws {
    try World.with { world in
      let result = try world.swrun(
        "--rm", "-t", "--", "sh", "-c",
        "tty; test -c /dev/console && echo console; echo $TERM; ps -o tty= -p $$")
      #expect(result.output.contains("/dev/pts/0"), "\(result)")
      #expect(result.output.contains("console"))
      #expect(result.output.contains("pts/0"))
    }
  }

  @Test("-it hands keys to the terminal inside, and the exit code out")
  func interactive() throws {
    try World.with { world in
      // script(1) gives swrun itself a terminal.
      let result = try command(
        [
          "script", "-qec", "ip netns exec \(world.hostName) \(World.binary) --rm -it -- sh",
          "/dev/null",
        ], environment: world.environment, input: "echo sum $((40+2))\nexit 5\n")
      #expect(result.code == 5, "\(result)")
      #expect(result.output.contains("sum 42"))
      let refused = try world.swrun("--rm", "-it", "--", "true")
      #expect(refused.code == 125 && refused.errors.contains("not a terminal"))
    }
  }

  @Test("variables, directory, user and volumes are the ones asked for")
  func options() throws {
    try World.with { world in
      let result = try world.swrun(
        "--rm", "-e", "A=b c", "-e", "SWRUN_ROOT", "-w", "/tmp", "-u", "nobody", "--", "sh", "-c",
        "echo \"$A\"; echo $SWRUN_ROOT; pwd; id -un; env | cut -d= -f1 | sort | tr '\\n' ' '")
      #expect(
        result.lines == [
          "b c", "\(world.directory)/run", "/tmp", "nobody", "A HOME HOSTNAME PATH PWD SWRUN_ROOT ",
        ],
        "\(result)")
      try makeDirectories("\(world.directory)/data")
      let written = try world.swrun(
        "--rm", "-v", "\(world.directory)/data:/mnt", "--", "sh", "-c", "echo yes > /mnt/file")
      #expect(written.code == 0, "\(written)")
      #expect(try readText("\(world.directory)/data/file") == "yes\n")
      let refused = try world.swrun(
        "--rm", "-v", "\(world.directory)/data:/mnt:ro", "--", "sh", "-c", "echo no > /mnt/file")
      #expect(refused.code != 0)
      #expect(try readText("\(world.directory)/data/file") == "yes\n")
      // A place under a fresh directory is made.
      #expect(
        try world.swrun(
          "--rm", "-v", "\(world.directory)/data:/run/a/b", "--", "cat", "/run/a/b/file"
        ).output
          == "yes\n")
    }
  }

  @Test("--explain prints the plan and does nothing")
  func explain() throws {
    try World.with { world in
      let result = try world.swrun(
        "--explain", "--net", "macvlan:eth0", "--ip", "10.20.20.2", "--", "echo", "a b")
      #expect(result.code == 0, "\(result)")
      #expect(
        result.lines.contains(
          "ip link add link eth0 name eth0 netns INSTANCE type macvlan mode bridge"))
      #expect(result.lines.contains("ip -n INSTANCE addr add 10.20.20.2/24 broadcast + dev eth0"))
      #expect(result.lines.contains("ip -n INSTANCE route add default via 10.20.20.1 dev eth0"))
      #expect(result.output.contains("echo 'a b'"))
      #expect(FileIdentity(path: "\(world.directory)/run") == nil)
    }
  }
}
