import FoundationEssentials
import Linux

extension World {
  /// Makes a bundle of a shell script in the host's file system.
  ///
  /// - Parameters:
  ///   - process: further members of `process`, as JSON text.
  ///   - linux: further members of `linux`; its namespaces are all but `without`.
  ///   - more: further members of the whole.
  /// - Returns: its directory.
  public func bundle(
    _ script: String, process: String = "", linux: String = "", more: String = "",
    mounts: String = "", without: [String] = []
  ) throws -> String {
    let directory = "\(self.directory)/bundle-\(UInt32.random(in: 0...UInt32.max))"
    try makeDirectories(directory)
    let kinds = ["mount", "pid", "ipc", "uts", "cgroup", "network"]
    let namespaces = kinds.filter { !without.contains($0) }
      .map { "{ \"type\": \"\($0)\" }" }.joined(separator: ", ")
    func member(_ text: String) -> String { text.isEmpty ? "" : ", \(text)" }
    let text = """
      { "ociVersion": "1.2.0", "root": { "path": "/", "readonly": true },
        "process": {
          "args": ["sh", "-c", \(try Self.json(script))], "cwd": "/", "noNewPrivileges": true,
          "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
          \(member(process)) },
        "mounts": [
          { "destination": "/proc", "type": "proc" },
          { "destination": "/dev", "type": "tmpfs", "options": ["mode=755"] },
          { "destination": "/dev/pts", "type": "devpts", "options": ["newinstance", "ptmxmode=0666"] },
          { "destination": "/tmp", "type": "tmpfs" } \(member(mounts)) ],
        "linux": { "namespaces": [\(namespaces)] \(member(linux)) } \(member(more)) }
      """
    try writeAtomically(Array(text.utf8), to: "\(directory)/config.json")
    return directory
  }

  /// A value as JSON text.
  public static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
