import Linux
import TestSupport
import Testing

/// The instructions of a command, counted by valgrind(1): nearly the same on every machine, however busy.
///
/// valgrind knows no `clone3` and no `pidfd_open`, so a start is counted up to the clone and an exec
/// up to the instance's pidfd. Each bound is some 15 % above what it was when it was written: who needs
/// more says here what for.
@Suite("instructions", .serialized, .enabled(if: !World.binary.contains("/debug/")))
struct InstructionTests {
  /// Under valgrind `/proc/self/exe` is valgrind's own. A start from a read-only mount is not sealed,
  /// which would be an execution that valgrind does not see; and without cgroups none is made first.
  private static let script = """
    set -e
    for place in "$1/program" "$1/valgrind"; do mkdir -p "$place"; done
    cp "$2" "$1/program/swrun"
    mount --bind "$1/program" "$1/program"
    mount --bind /usr/libexec/valgrind "$1/valgrind"
    for place in "$1/program" "$1/valgrind"; do mount -o remount,bind,ro "$place"; done
    umount -R /sys/fs/cgroup 2>/dev/null || true
    export VALGRIND_LIB="$1/valgrind"
    directory=$1
    shift 2
    exec setarch -R valgrind -q --tool=callgrind --callgrind-out-file="$directory/count" \\
      "$directory/program/swrun" "$@"
    """

  private func count(_ world: World, _ words: String...) throws -> (Int, CommandResult) {
    let result = try world.host(
      ["unshare", "-m", "sh", "-c", Self.script, "sh", world.directory, World.binary] + words)
    let summary = try readText("\(world.directory)/count").split(separator: "\n")
      .first { $0.hasPrefix("summary: ") }?.dropFirst("summary: ".count)
    return (try #require(summary.flatMap { Int($0) }, "\(result)"), result)
  }

  @Test("the start of a bundle, up to the clone")
  func start() throws {
    try World.with { world in
      // `runc spec`'s, with a filter that allows all: libseccomp cannot compile one under valgrind.
      let text = try readText("Tests/Fixtures/runc-spec/config.json")
        .replacing("\"terminal\": true", with: "\"terminal\": false")
        .replacing("\"rootfs\"", with: "\"/\"")
        .replacing(
          "\"linux\": {",
          with: "\"linux\": { \"seccomp\": { \"defaultAction\": \"SCMP_ACT_ALLOW\" },")
      let bundle = "\(world.directory)/bundle"
      try makeDirectories(bundle)
      try writeAtomically(Array(text.utf8), to: "\(bundle)/config.json")
      let (count, result) = try count(world, "run", "--rm", "--no-init", "--bundle", bundle)
      #expect(result.errors.hasSuffix("swrun: clone3: Function not implemented\n"), "\(result)")
      #expect(count < 5_000_000)
    }
  }

  @Test("ps with ten instances, and exec up to the instance's pidfd")
  func others() throws {
    try World.with { world in
      for number in 0..<10 {
        let started = try world.swrun(
          "-d", "--name", "n\(number)", "--net", "none", "--", "sleep", "1000")
        try #require(started.code == 0, "\(started)")
      }
      let (list, listed) = try count(world, "ps")
      #expect(listed.lines.count == 11, "\(listed)")
      #expect(list < 2_900_000)
      let (execution, executed) = try count(world, "exec", "n1", "true")
      #expect(executed.errors.contains("n1 is not running"), "\(executed)")
      #expect(execution < 1_400_000)
    }
  }
}
