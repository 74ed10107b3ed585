import Glibc
import Linux
import Supervisor
import TestSupport
import Testing

/// What systemd gives a service, and is told by it: `NOTIFY_SOCKET`, `LISTEN_FDS`.
@Suite("service managers", .serialized)
struct ServiceManagerTests {
  /// Plays the service manager: opens the sockets that are asked for, starts swrun with its variables, and
  /// prints what it is told, a line each, and then swrun's own output and exit code.
  private static let manager = """
    import os, socket, subprocess, sys
    directory, sockets = sys.argv[1], int(sys.argv[2])
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(directory + "/notify")
    listeners = []
    for number in range(sockets):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(directory + "/listen%d" % number)
        listener.listen()
        listeners.append(listener)
    pid = os.fork()
    if pid == 0:
        copies = [os.dup(os.dup2(l.fileno(), 50 + n)) for n, l in enumerate(listeners)]
        for number, copy in enumerate(copies):
            os.dup2(copy, 3 + number)
        os.closerange(3 + sockets, 256)
        leaked = os.open("/etc/passwd", os.O_RDONLY)
        os.set_inheritable(leaked, True)
        if sys.argv[3] == "y":
            os.environ["NOTIFY_SOCKET"] = directory + "/notify"
        if sockets:
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(sockets), LISTEN_FDNAMES="web")
        os.execvp(sys.argv[4], sys.argv[4:])
    notify.settimeout(0.2)
    status = None
    def hear():
        try:
            print("told: " + notify.recv(4096).decode().replace("\\n", " "), flush=True)
            return True
        except socket.timeout:
            return False
    while status is None:
        hear()
        if os.path.exists(directory + "/connect"):
            os.unlink(directory + "/connect")
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            client.connect(directory + "/listen0")
            print("heard: " + client.recv(100).decode(), flush=True)
        done, code = os.waitpid(pid, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(code)
    while hear():
        pass
    print("main: %d exit: %d" % (pid, status))
    """

  private func words(
    _ world: World, sockets: Int, notify: Bool = true, _ words: [String]
  ) -> [String] {
    ["python3", "-c", Self.manager, world.directory, "\(sockets)", notify ? "y" : "n"]
      + [World.binary] + words
  }

  /// The workload's side of sd_notify(3), with what it may not say.
  private static let ready =
    "import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(os.environ['NOTIFY_SOCKET']); s.send(b'STATUS=on my way\\nMAINPID=1\\nFDSTORE=1\\nREADY=1')"

  @Test("container: the workload says that it is ready, by a socket of its own and without MAINPID")
  func container() throws {
    try World.with { world in
      let result = try world.host(
        words(
          world, sockets: 0, ["--rm", "-u", "nobody", "--", "/usr/bin/python3", "-c", Self.ready]))
      let main = result.lines.last?.split(separator: " ").dropFirst().first ?? ""
      #expect(
        result.lines == [
          "told: MAINPID=\(main)", "told: STATUS=on my way READY=1", "main: \(main) exit: 0",
        ], "\(result)")
      #expect(try world.leftovers() == [])
    }
  }

  @Test("conmon: the monitor says it; ignore: nobody; healthy: the monitor, after a check")
  func others() throws {
    try World.with { world in
      let script = "test -z \"$NOTIFY_SOCKET\" && ! test -e /run/notify && sleep 1"
      let cases: [([String], [String])] = [
        (["--sdnotify", "conmon"], ["told: MAINPID=M READY=1"]), (["--sdnotify=ignore"], []),
        (
          ["--sdnotify", "healthy", "--health-cmd", "true", "--health-interval", "100ms"],
          ["told: MAINPID=M", "told: READY=1"]
        ),
      ]
      for (options, told) in cases {
        unlink("\(world.directory)/notify")
        let result = try world.host(
          words(world, sockets: 0, ["--rm"] + options + ["--", "sh", "-c", script]))
        let main = String(result.lines.last?.split(separator: " ").dropFirst().first ?? "")
        #expect(
          result.lines == told.map { $0.replacing("=M", with: "=\(main)") } + [
            "main: \(main) exit: 0"
          ], "\(options): \(result)")
      }
      let alone = try world.swrun("--sdnotify", "healthy", "--", "true")
      #expect(alone.code == 125 && alone.errors.contains("--health-cmd"), "\(alone)")
      let unknown = try world.swrun("--sdnotify", "monitor", "--", "true")
      #expect(unknown.code == 125 && unknown.errors.contains("conmon"), "\(unknown)")
    }
  }

  @Test(
    "sockets are the workload's, from 3 on, under its own number; nothing else is",
    arguments: [true, false])
  func sockets(_ usesInit: Bool) throws {
    try World.with { world in
      let script = """
        import os, socket, sys
        assert os.environ["LISTEN_FDS"] == "2" and os.environ["LISTEN_FDNAMES"] == "web", os.environ
        assert os.environ["LISTEN_PID"] == str(os.getpid()), os.environ
        own = os.open("/", os.O_RDONLY)
        assert sorted(int(f) for f in os.listdir("/proc/self/fd"))[:-1] == [0, 1, 2, 3, 4, own]
        listener = socket.socket(fileno=3)
        print("at " + listener.getsockname().split("/")[-1] + " " + socket.socket(fileno=4).getsockname().split("/")[-1], flush=True)
        peer, _ = listener.accept()
        peer.send(b"hello")
        """
      let running = try start(
        ["ip", "netns", "exec", world.hostName]
          + words(
            world, sockets: 2, notify: false,
            ["--rm"] + (usesInit ? [] : ["--no-init"]) + ["--", "/usr/bin/python3", "-c", script]),
        environment: world.environment)
      #expect(eventually { running.output.contains("at ") || running.output.contains("exit") })
      try writeAtomically([], to: "\(world.directory)/connect")
      let result = try running.finish()
      #expect(result.lines.contains("at listen0 listen1"), "\(result)")
      #expect(result.lines.contains("heard: hello"), "\(result)")
      #expect(result.lines.last?.hasSuffix("exit: 0") == true, "\(result)")
    }
  }

  @Test("the sockets stay open from run to run, and what fails with them is told")
  func restarted() throws {
    try World.with { world in
      let result = try world.host(
        words(
          world, sockets: 1, notify: false,
          [
            "--name", "web", "--restart", "on-failure:2", "--", "sh", "-c",
            "readlink /proc/self/fd/3; test $LISTEN_PID = $$; exit 9",
          ]))
      let places = result.lines.filter { $0.hasPrefix("socket:") }
      #expect(places.count == 3 && Set(places).count == 1, "\(result)")
      unlink("\(world.directory)/listen0")
      unlink("\(world.directory)/notify")
      let missing = try world.host(words(world, sockets: 1, notify: false, ["--rm", "/nosuch"]))
      #expect(missing.errors.contains("/nosuch: command not found"), "\(missing)")
      #expect(missing.lines.last?.hasSuffix("exit: 127") == true, "\(missing)")
      // Another's variables are not ours.
      let others = try command(
        ["ip", "netns", "exec", world.hostName, World.binary, "--rm", "--", "env"],
        environment: world.environment.merging(["LISTEN_PID": "1", "LISTEN_FDS": "3"]) { $1 })
      #expect(others.code == 0 && !others.output.contains("LISTEN"), "\(others)")
      let wrong = try command(
        ["sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=many exec \(World.binary) --rm -- true"],
        environment: world.environment)
      #expect(wrong.code == 125 && wrong.errors.contains("LISTEN_FDS"), "\(wrong)")
      let address = try command(
        ["ip", "netns", "exec", world.hostName, World.binary, "--rm", "--", "true"],
        environment: world.environment.merging(["NOTIFY_SOCKET": "vsock:2:1"]) { $1 })
      #expect(address.code == 125 && address.errors.contains("NOTIFY_SOCKET"), "\(address)")
    }
  }
}
