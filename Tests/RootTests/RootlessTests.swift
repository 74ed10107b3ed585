import Glibc
import Linux
import TestSupport
import Testing

/// A user without a name, with directories of their own.
private struct Caller {
  let directory: String
  let uid = "12345"

  static func with(_ body: (Caller) throws -> Void) throws {
    let caller = Caller(directory: "/tmp/swu\(UInt32.random(in: 0...UInt32.max))")
    for name in ["run", "home"] { try makeDirectories("\(caller.directory)/\(name)") }
    // Where the program is may not be for everybody.
    try writeAtomically(
      try readFile(World.binary, limit: 256 << 20), to: "\(caller.directory)/swrun", mode: 0o755)
    _ = try command(["chown", "-R", "\(caller.uid):\(caller.uid)", caller.directory])
    defer {
      if let ids = try? caller.swrun("ps", "-aq").lines, !ids.isEmpty {
        _ = try? caller.swrun(["rm", "-f"] + ids)
      }
      try? removeTree(caller.directory)
    }
    try body(caller)
  }

  var environment: [String: String] {
    ["XDG_RUNTIME_DIR": "\(directory)/run", "HOME": "\(directory)/home"]
  }

  var identity: [String] { ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups"] }

  func swrun(_ words: String...) throws -> CommandResult { try swrun(words) }

  func swrun(_ words: [String]) throws -> CommandResult {
    try command(identity + ["\(directory)/swrun"] + words, environment: environment)
  }

  /// As root, with other files of accounts.
  func swrun(_ words: [String], accounts: Bool) throws -> CommandResult {
    let (passwd, ids) = ("\(directory)/passwd", "\(directory)/subid")
    try writeAtomically(
      Array("root:x:0:0::/:/bin/sh\nswt:x:\(uid):\(uid)::/:/bin/sh\n".utf8), to: passwd,
      mode: 0o644)
    try writeAtomically(Array("swt:300000:65536\n".utf8), to: ids, mode: 0o644)
    let script =
      "mount --bind \(passwd) /etc/passwd && mount --bind \(ids) /etc/subuid && mount --bind \(ids) /etc/subgid && exec \"$@\""
    return try command(
      ["unshare", "-m", "sh", "-c", script, "sh"] + identity + ["\(directory)/swrun"] + words,
      environment: environment)
  }
}

/// Whether this system lets users make user namespaces.
private func isAllowed() -> Bool {
  let words = [
    "setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", "unshare", "-Urm",
  ]
  return (try? command(words + ["mount", "-t", "tmpfs", "none", "/tmp"]).code) == 0
}

@Suite(
  "without root", .serialized,
  .enabled(if: isAllowed(), "this system forbids user namespaces without root"))
struct RootlessTests {
  @Test("an instance is run, seen, entered, ended and removed")
  func life() throws {
    try Caller.with { caller in
      let first = try caller.swrun(
        "--rm", "-v", "\(caller.directory)/home:/mnt", "--", "sh", "-c",
        "id -u; touch /mnt/x; ls /sys/class/net; exit 7")
      #expect(first.code == 7 && first.output == "0\nlo\n", "\(first)")
      var status = Glibc.stat()
      #expect(stat("\(caller.directory)/home/x", &status) == 0 && status.st_uid == 12345)

      let started = try caller.swrun(
        "-d", "--name", "one", "--", "sh", "-c", "echo hello; sleep 1000")
      #expect(started.code == 0, "\(started)")
      #expect(try caller.swrun("ps", "--format", "json").output.contains("\"one\""))
      let entered = try caller.swrun("exec", "one", "sh", "-c", "id -u; cat /proc/1/comm; exit 3")
      #expect(entered.code == 3 && entered.output == "0\nswrun-init\n", "\(entered)")
      #expect(try caller.swrun("exec", "-t", "one", "tty").output == "/dev/pts/0\r\n")
      #expect(eventually { (try? caller.swrun("logs", "one").output) == "hello\n" })
      let shared = try caller.swrun("--rm", "--net", "container:one", "--", "ip", "-br", "link")
      #expect(shared.code == 0 && shared.output.hasPrefix("lo "), "\(shared)")
      #expect(try caller.swrun("inspect", "one").output.contains("uidMappings"))
      let stopped = try caller.swrun("stop", "-t", "1", "one")
      #expect(stopped.code == 0, "\(stopped)")
      #expect(try caller.swrun("wait", "one").code == 0)
      #expect(try caller.swrun("rm", "one").code == 0)
      #expect(try caller.swrun("ps", "-aq").output == "")
    }
  }

  @Test("a monitor that is killed takes its instance with it, and nothing is left")
  func killed() throws {
    try Caller.with { caller in
      #expect(try caller.swrun("-d", "--name", "one", "--", "sleep", "1000").code == 0)
      let known = try caller.swrun("ps", "--format", "json").output
      let state = try caller.swrun("inspect", "one").output
      func pid(_ text: String, after key: String) -> Int32? {
        text.split(separator: "\"\(key)\"").last.flatMap {
          $0.drop { !$0.isNumber }.split { !$0.isNumber }.first.flatMap { Int32($0) }
        }
      }
      let monitor = try #require(pid(state, after: "monitor"))
      let process = try #require(pid(known, after: "pid"))
      kill(monitor, SIGKILL)
      #expect(eventually { kill(process, 0) != 0 })
      #expect(try caller.swrun("ps", "-a").output.contains("Exited (137)"))
      #expect(try caller.swrun("rm", "one").code == 0)
      #expect(directoryEntries("\(caller.directory)/run/swrun/instances") == [])
    }
  }

  @Test("the host's network can be shared, and its interfaces cannot be had")
  func networks() throws {
    try Caller.with { caller in
      let host = try caller.swrun("--rm", "--net", "host", "--", "readlink", "/proc/self/ns/net")
      #expect(host.output == "\(try readLink("/proc/self/ns/net"))\n", "\(host)")
      for network in ["ipvlan:eth0", "macvlan:eth0", "bridge", "lan"] {
        let refused = try caller.swrun("--net", network, "--ip", "10.1.2.3", "--", "true")
        #expect(refused.code == 125)
        #expect(
          refused.errors.contains("lacks CAP_NET_ADMIN over the host's network"), "\(refused)")
        #expect(refused.errors.split(separator: "\n").count == 1)
      }
      #expect(try caller.swrun("ps", "-aq").output == "")
    }
  }

  @Test("users are the caller alone, or those of /etc/subuid")
  func users() throws {
    try Caller.with { caller in
      let other = try caller.swrun("--rm", "-u", "5", "--", "true")
      #expect(other.code == 125 && other.errors.contains("uid 5 is not in"), "\(other)")
      #expect(try caller.swrun("--rm", "--userns", "keep-id", "--", "id", "-u").output == "12345\n")
      guard FileIdentity(path: "/usr/bin/newuidmap") != nil else { return }
      let many = try caller.swrun(
        [
          "--rm", "-u", "5", "-v", "\(caller.directory)/home:/mnt", "--", "sh", "-c",
          "id -u; cat /proc/self/uid_map",
        ], accounts: true)
      #expect(many.code == 0 && many.lines.first == "5", "\(many)")
      let kept = try caller.swrun(["--rm", "--userns", "keep-id", "--", "id"], accounts: true)
      #expect(kept.output.hasPrefix("uid=12345"), "\(kept)")
      let auto = try caller.swrun(
        [
          "--rm", "--userns", "auto:size=1000", "--", "sed", "-E", "s/ +/ /g", "/proc/self/uid_map",
        ],
        accounts: true)
      #expect(auto.output == " 0 1 1000\n", "\(auto)")
    }
  }

  @Test("state that is another user's is not believed")
  func owner() throws {
    try Caller.with { caller in
      #expect(try caller.swrun("--rm", "--", "true").code == 0)
      let directory = "\(caller.directory)/run/swrun"
      let root = try command([World.binary, "--root", directory, "ps"])
      #expect(
        root.code == 125 && root.errors.contains("belongs to uid 12345, not to uid 0"), "\(root)")
      chmod(directory, 0o770)
      let open = try caller.swrun("ps")
      #expect(open.code == 125 && open.errors.contains("can be written by others"), "\(open)")
      chown(directory, 0, 0)
      let foreign = try caller.swrun("ps")
      #expect(foreign.code == 125 && foreign.errors.contains("belongs to uid 0"), "\(foreign)")
    }
  }

  @Test("a system that has no user namespaces left is named by its sysctl")
  func forbidden() throws {
    try Caller.with { caller in
      // The limit is a user namespace's own. Who is executed once it has ids is root of it.
      let limited = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\""
      let script =
        "until grep -q . /proc/self/gid_map; do sleep 0.1; done; exec sh -c '\(limited)' sh \"$@\""
      let running = try start(
        ["unshare", "-U", "sh", "-c", script, "sh"] + caller.identity + [
          "\(caller.directory)/swrun", "--rm", "--", "true",
        ],
        environment: caller.environment)
      let own = try readLink("/proc/self/ns/user")
      #expect(eventually { (try? readLink("/proc/\(running.pid)/ns/user")) != own })
      for file in ["uid_map", "gid_map"] {
        let map = try Descriptor.open("/proc/\(running.pid)/\(file)", O_WRONLY)
        try map.fd.writeEverything(Array("0 0 100000\n".utf8))
      }
      let result = try running.finish()
      #expect(result.code == 125, "\(result)")
      #expect(result.errors.contains("sysctl user.max_user_namespaces is 0"), "\(result)")
    }
  }
}
