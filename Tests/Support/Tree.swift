import Glibc
import Linux

/// A root file system for tests: busybox under the names of its programs, and the usual directories.
public enum Tree {
  public static func make(_ path: String) throws {
    for name in ["bin", "dev", "etc", "proc", "sys", "tmp", "run", "var/tmp", "root", "usr/bin"] {
      try makeDirectories("\(path)/\(name)", mode: 0o755)
    }
    let result = try command([
      "sh", "-c",
      "cp \"$(command -v busybox)\" '\(path)/bin/busybox' && chroot '\(path)' /bin/busybox --install -s /bin",
    ])
    guard result.code == 0 else { throw TestFailure("busybox: \(result)") }
    try writeAtomically(
      Array("root:x:0:0:root:/root:/bin/sh\nuser:x:77:78:user:/home/user:/bin/sh\n".utf8),
      to: "\(path)/etc/passwd", mode: 0o644)
    try writeAtomically(
      Array("root:x:0:\nuser:x:78:\nmore:x:99:user\n".utf8), to: "\(path)/etc/group", mode: 0o644)
  }
}

/// A kernel that lacks open_tree(2) and its kin: what is run by these words gets `ENOSYS` for them.
public enum OldKernel {
  public static let prefix = ["python3", "-c", script]

  private static let script = """
    import ctypes, os, struct, sys
    code = [(0x20, 0, 0, 0)]
    for number in (428, 429, 430, 431, 432, 433, 442):
        code += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | 38)]
    code.append((0x06, 0, 0, 0x7fff0000))
    bytes = b"".join(struct.pack("HBBI", *entry) for entry in code)
    text = ctypes.create_string_buffer(bytes)
    program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(text))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(22, 2, program, 0, 0) != 0:
        sys.exit("seccomp: %d" % ctypes.get_errno())
    os.execvp(sys.argv[1], sys.argv[1:])
    """
}
