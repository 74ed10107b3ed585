import Glibc
import Linux
import TestSupport
import Testing

@Suite("AppArmor", .serialized)
struct AppArmorTests {
  /// Loads a profile that allows everything but to read one file.
  private static func load(_ name: String, in world: World) throws {
    let text = """
      profile \(name) flags=(attach_disconnected) {
        file, capability, network, mount, signal, ptrace, unix,
        deny /tmp/data/secret r,
      }
      """
    let file = "\(world.directory)/profile"
    try writeAtomically(Array(text.utf8), to: file, mode: 0o644)
    // Without the cache of compiled profiles in /var.
    let loaded = try command(["apparmor_parser", "-r", "-K", file])
    guard loaded.code == 0 else { throw TestFailure("apparmor_parser: \(loaded)") }
  }

  @Test("a profile is in force from the start, for exec too; one that is not loaded is refused")
  func profile() throws {
    try #require(SecurityModule.appArmor.isEnabled)
    try World.with { world in
      let data = "\(world.directory)/data"
      try makeDirectories(data)
      for name in ["secret", "open"] {
        try writeAtomically(Array("\(name)\n".utf8), to: "\(data)/\(name)", mode: 0o644)
      }
      let profile = "swrun-\(UInt32.random(in: 0...UInt32.max))"
      try Self.load(profile, in: world)
      defer { _ = try? command(["apparmor_parser", "-R", "\(world.directory)/profile"]) }
      let option = ["--security-opt", "apparmor=\(profile)"]
      let volume = ["-v", "\(data):/tmp/data:ro"]
      let script = "cat /proc/self/attr/current /tmp/data/open; cat /tmp/data/secret"
      let shell = ["--", "sh", "-c", script]
      let bundle = try world.bundle(
        script, process: "\"apparmorProfile\": \"\(profile)\"",
        mounts: """
          { "destination": "/tmp/data", "type": "bind", "source": "\(data)", "options": ["bind", "ro"] }
          """)
      for (arguments, label) in [
        (["--rm"] + option + volume + shell, "\(profile) (enforce)"),
        (["--rm", "--bundle", bundle], "\(profile) (enforce)"),
        // Where no_new_privs does not keep the kernel from changing it at execve(2).
        (
          ["--rm", "--security-opt", "no-new-privileges=false"] + option + volume + shell,
          "\(profile) (enforce)"
        ),
        (["--rm", "--security-opt", "apparmor=unconfined"] + volume + shell, "unconfined"),
      ] {
        let result = try world.swrun(arguments)
        let isConfined = label != "unconfined"
        #expect(
          result.lines == [label, "open"] + (isConfined ? [] : ["secret"])
            && result.errors.contains("/tmp/data/secret: Permission denied") == isConfined,
          "\(result)")
      }

      let started = try world.swrun(
        ["-d", "--name", "web"] + option + volume + ["--", "sleep", "1000"])
      #expect(started.code == 0, "\(started)")
      let second = try world.swrun(["exec", "web", "sh", "-c", script])
      #expect(
        second.lines == ["\(profile) (enforce)", "open"] && second.code == 1
          && second.errors.contains("/tmp/data/secret: Permission denied"), "\(second)")
      #expect(try world.swrun("rm", "-f", "web").code == 0)

      let unknown = try world.swrun("--rm", "--security-opt", "apparmor=nosuch", "--", "true")
      #expect(
        unknown.code == 125
          && unknown.errors.hasPrefix("swrun: no AppArmor profile called nosuch is loaded.")
          && unknown.errors.split(separator: "\n").count == 1, "\(unknown)")
      #expect(try world.leftovers() == [])
    }
  }
}
