import Glibc
import Linux
import TestSupport
import Testing

@Suite("cp", .serialized)
struct CopyTests {
  private func with(_ script: String, _ body: (World, String) throws -> Void) throws {
    try World.with { world in
      let started = try world.swrun(
        "-d", "--name", "web", "--", "sh", "-c", "cd /tmp; \(script); touch ready; sleep 1000")
      #expect(started.code == 0, "\(started)")
      #expect(
        try eventually { try world.swrun("exec", "web", "test", "-e", "/tmp/ready").code == 0 })
      let here = "\(world.directory)/here"
      try makeDirectories(here)
      try body(world, here)
      #expect(try world.swrun("rm", "-f", "web").code == 0)
    }
  }

  private func sh(_ words: String) throws -> String {
    let result = try command(["sh", "-c", words])
    #expect(result.code == 0, "\(words): \(result)")
    return result.output
  }

  @Test("files and directories go where docker cp puts them, both ways")
  func places() throws {
    try with("mkdir -p d/e; echo one > d/f; echo two > d/e/g; ln -s f d/l; chmod 750 d/e") {
      world, here in
      for (words, found) in [
        ("web:/tmp/d/f \(here)/new", "one"), ("web:/tmp/d/f \(here)", "one"),
        ("web:tmp/d/e/g \(here)/f", "two"),
      ] {
        let result = try world.swrun(["cp"] + words.split(separator: " ").map(String.init))
        #expect(result.code == 0, "\(words): \(result)")
        let place = String(words.split(separator: " ")[1])
        #expect(try sh("cat \(place == here ? here + "/f" : place)") == "\(found)\n", "\(words)")
      }
      // A new name, a directory that is there, and only what is in it.
      for target in ["a", "a", "b/"] {
        let result = try world.swrun("cp", "web:/tmp/d", "\(here)/\(target)")
        #expect(result.code == 0, "\(result)")
      }
      try makeDirectories("\(here)/c")
      #expect(try world.swrun("cp", "web:/tmp/d/.", "\(here)/c").code == 0)
      #expect(
        try sh("cd \(here); find a b c | sort; readlink a/l; stat -c %a a/e; cat c/e/g").split(
          separator: "\n"
        ).joined(separator: " ")
          == "a a/d a/d/e a/d/e/g a/d/f a/d/l a/e a/e/g a/f a/l b b/e b/e/g b/f b/l c c/e c/e/g c/f c/l f 750 two"
      )
      // And back in.
      #expect(try world.swrun("cp", "\(here)/c", "web:/tmp/back").code == 0)
      #expect(try world.swrun("cp", "-L", "\(here)/c/l", "web:/tmp/back/e").code == 0)
      #expect(
        try world.swrun("exec", "web", "sh", "-c", "cd /tmp/back; find . | sort; cat e/l").lines
          == [".", "./e", "./e/g", "./e/l", "./f", "./l", "one"])
      for (words, reason) in [
        (["web:/tmp/none", here], "cannot be copied"), (["web:/tmp/d/f", "\(here)/no/"], "slash"),
        (["web:/tmp/d", "\(here)/f"], "cannot become one"), ([here, "/tmp"], "INSTANCE:PATH"),
        (["web:/a", "web:/b"], "only one"), (["\(here)/f", "web:/etc/f"], "Read-only"),
        (["\(here)/f", "web:/none/f"], "cannot be opened"),
      ] {
        let result = try world.swrun(["cp"] + words)
        #expect(result.code == 125 && result.errors.contains(reason), "\(words): \(result)")
      }
    }
  }

  @Test("tar archives come out and go in, with names of any length")
  func archives() throws {
    let long = String(repeating: "n", count: 120)
    try with(
      "mkdir -p d/\(long); echo x > d/\(long)/f; ln -s /\(long) d/l; head -c 1000 /dev/zero > d/z"
    ) {
      world, here in
      let cp = "ip netns exec \(world.hostName) \(World.binary)"
      let state = world.environment.map { "\($0)=\($1)" }.joined(separator: " ")
      let listed = try sh("\(state) \(cp) cp web:/tmp/d - | tar t")
      #expect(
        listed.split(separator: "\n") == ["d/", "d/l", "d/\(long)/", "d/\(long)/f", "d/z"],
        "\(listed)")
      for format in ["pax", "gnu", "ustar"] {
        // ustar has names of a hundred bytes and no more.
        let exclude = format == "ustar" ? "--exclude=\(long) --exclude=l" : ""
        _ = try sh(
          """
          cd \(here); rm -rf d; \(state) \(cp) cp web:/tmp/d - | tar x; ln d/z d/hard
          tar c --format=\(format) \(exclude) d | \(state) \(cp) cp - web:/tmp/; rm -rf again
          \(state) \(cp) cp web:/tmp/d again; diff -r --no-dereference d again
          """)
      }
      for text in ["no archive at all", String(repeating: "x", count: 2000)] {
        let result = try world.swrun(["cp", "-", "web:/tmp"], input: text)
        #expect(result.code == 125 && result.errors.contains("tar archive"), "\(result)")
      }
      // What leads out is refused, and a link of the archive's own is not gone through.
      _ = try sh(
        """
        cd \(here); mkdir t; echo evil > t/evil; tar cPf up.tar --transform s,t/evil,../../evil, t/evil
        ln -s \(here) t/out; tar cf through.tar t/out; tar rf through.tar --transform s,t/evil,t/out/evil, t/evil
        """)
      for name in ["up", "through"] {
        let result = try command([
          "sh", "-c", "\(state) \(cp) cp - web:/tmp < \(here)/\(name).tar",
        ])
        #expect(result.code == 125, "\(name): \(result)")
      }
      #expect(directoryEntries(here).contains("evil") == false)
    }
  }

  @Test("names and links that are no UTF-8 are copied byte for byte, also through archives")
  func bytes() throws {
    // 0xff and a cut-off character; a long one needs an extended header.
    let make = """
      mkdir d d/$(printf 'x\\377y'); echo one > d/$(printf 'x\\377y/\\303'); ln -s $(printf '\\376') d/l
      echo two > d/$(printf '\\377%0120d' 0)
      """
    try with(make) { world, here in
      let state = world.environment.map { "\($0)=\($1)" }.joined(separator: " ")
      let cp = "\(state) ip netns exec \(world.hostName) \(World.binary) cp"
      let list = "find . -printf '%P %l %y\\n' | LC_ALL=C sort | od -An -c"
      let wanted = try sh("mkdir \(here)/w && cd \(here)/w && \(make) && cd d && \(list)")
      #expect(wanted.contains("377") && wanted.contains("303") && wanted.contains("376"))
      let found = try sh(
        """
        cd \(here); \(cp) web:/tmp/d d; (cd d; \(list))
        """)
      #expect(found == wanted)
      let archived = try sh("cd \(here); mkdir t; \(cp) web:/tmp/d - | tar x -C t; cd t/d; \(list)")
      #expect(archived == wanted)
      let back = try sh(
        """
        cd \(here); \(cp) d web:/tmp/in >&2; \(cp) web:/tmp/in out; (cd out; \(list))
        """)
      #expect(back == wanted)
      let through = try sh(
        """
        cd \(here); mkdir u; tar c -C t d | (cd u; \(cp) - web:/tmp/d/ >&2); \(cp) web:/tmp/d/d u/d; (cd u/d; \(list))
        """)
      #expect(through == wanted)
      // And named on the command line, on both sides.
      let named = try sh(
        """
        cd \(here); name=$(printf 'x\\377y'); \(cp) "web:/tmp/d/$name" "new$name"
        \(cp) "new$name/$(printf '\\303')" "web:/tmp/$name"; \(cp) "web:/tmp/$name" got; cat got
        """)
      #expect(named == "one\n")
      let missing = try sh("\(cp) \"web:/tmp/$(printf '\\375')\" \(here)/none 2>&1; true")
      #expect(missing.contains("cannot be copied: No such file"), "\(missing)")
    }
  }

  @Test("owners are the caller's or root's, -a keeps them; set-id bits do not come out")
  func owners() throws {
    try World.with { world in
      let mount = "\(world.directory)/mount"
      try makeDirectories(mount)
      let file = "\(mount)/f"
      try writeAtomically([0x78], to: file)
      #expect(chown(file, 7, 8) == 0 && chmod(file, 0o4755) == 0)
      let started = try world.swrun(
        "-d", "--name", "web", "--userns", "auto", "-v", "\(mount):/mnt:ro", "--", "sleep", "1000")
      guard started.code == 0 else {
        // No /etc/subuid here.
        #expect(started.errors.contains("sub"), "\(started)")
        return
      }
      #expect(try world.swrun("cp", "\(file)", "web:/tmp/root").code == 0)
      #expect(try world.swrun("cp", "-a", "\(file)", "web:/tmp/kept").code == 0)
      let inside = try world.swrun(
        "exec", "web", "stat", "-c", "%u:%g %a", "/tmp/root", "/tmp/kept")
      #expect(inside.lines == ["0:0 755", "7:8 4755"], "\(inside)")
      for (options, found) in [([], "0:0 755"), (["-a"], "7:8 755")] {
        let copied = "\(world.directory)/out"
        let result = try world.swrun(["cp"] + options + ["web:/tmp/kept", copied])
        #expect(result.code == 0, "\(result)")
        #expect(try sh("stat -c '%u:%g %a' \(copied)") == "\(found)\n")
      }
    }
  }

  @Test("devices and pipes are not opened, and say so")
  func special() throws {
    try with("mkdir d; mkfifo d/pipe; echo x > d/f") { world, here in
      let result = try world.swrun("cp", "web:/tmp/d", "\(here)/d")
      #expect(result.code == 0 && result.errors.contains("pipe is a device"), "\(result)")
      #expect(try sh("ls \(here)/d") == "f\n")
      let devices = try world.swrun("cp", "web:/dev/null", "\(here)/null")
      #expect(devices.errors.contains("left out"), "\(devices)")
    }
  }

  @Test("links that are swapped in while it copies lead nowhere")
  func swapped() throws {
    // What lies where an absolute link of the instance's would lead on the host.
    try World.with { world in
      let secret = "\(world.directory)/secret"
      try makeDirectories(secret)
      try writeAtomically(Array("of the host\n".utf8), to: "\(secret)/f")
      let script = """
        import os
        os.chdir("/tmp"); os.mkdir("a"); os.mkdir("a/x"); open("a/x/f", "w").write("inside\\n")
        os.symlink("\(secret)", "b"); os.symlink("\(secret)/f", "c"); os.mkdir("d"); open("d/f", "w")
        open("ready", "w")
        import ctypes
        libc = ctypes.CDLL(None)
        def swap(p, q):
            libc.renameat2(-100, p, -100, q, 2)
        while True:
            swap(b"a/x", b"b"); swap(b"d", b"b"); swap(b"d/f", b"c")
        """
      let started = try world.swrun("-d", "--name", "web", "--", "python3", "-c", script)
      #expect(started.code == 0, "\(started)")
      #expect(
        try eventually { try world.swrun("exec", "web", "test", "-e", "/tmp/ready").code == 0 })
      let tree = "\(world.directory)/tree"
      try makeDirectories("\(tree)/x")
      for name in ["f", "x/f", "evil", "x/evil"] {
        try writeAtomically(Array("evil\n".utf8), to: "\(tree)/\(name)")
      }
      for round in 0..<60 {
        let out = "\(world.directory)/out\(round)"
        // Each may fail, since what it copies is not there for a moment.
        _ = try world.swrun("cp", "-L", "web:/tmp/\(["a", "b", "d", "a/x"][round % 4])", out)
        _ = try world.swrun("cp", "\(tree)/.", "web:/tmp/\(["a", "d", "a/x"][round % 3])")
        let found = try command(["grep", "-rl", "of the host", out]).output
        #expect(found == "", "round \(round): \(found)")
      }
      #expect(directoryEntries(secret) == ["f"])
      #expect(try readText("\(secret)/f") == "of the host\n")
      #expect(try world.swrun("rm", "-f", "web").code == 0)
      #expect(try world.leftovers() == [])
    }
  }
}
