import CLinux
import Glibc
import Linux
import SystemPackage

/// Hands a tree of files on, which somebody hostile may change meanwhile: each name is looked up in the
/// directory that holds it and followed nowhere, what it is is seen before it is opened, and what is
/// then read is what was seen (CVE-2018-15664). Devices, sockets and pipes are left out.
struct TreeReader {
  /// Gets a line for each thing that is left out.
  let report: (String) -> Void

  /// - Parameters:
  ///   - entry: opened with `O_PATH`.
  ///   - path: what it is called in the copy.
  func copy(_ entry: FileDescriptor, as path: [FileName], to sink: inout some CopySink) throws {
    var status = stat()
    try check("fstat", path.last?.text ?? "", fstat(entry.rawValue, &status))
    var copied = CopyEntry(
      path: path, kind: .directory, mode: status.st_mode & 0o7777, uid: status.st_uid,
      gid: status.st_gid, modified: Int64(status.st_mtim.tv_sec))
    switch status.st_mode & S_IFMT {
    case S_IFDIR:
      _ = try sink.put(copied, from: nil)
      if isKernels(entry), !path.isEmpty { return }
      let directory = try Descriptor.open(".", O_RDONLY | O_DIRECTORY, in: entry)
      for name in try fileNames(in: procPath(directory.fd)) {
        let child: Descriptor
        do { child = try Descriptor.open(name, pathOnly | O_NOFOLLOW, in: directory.fd) } catch {
          if error.errno == .noSuchFileOrDirectory {
            report("\(FileName(joining: path + [name]).text) has gone meanwhile, and is left out")
            continue
          }
          throw error
        }
        try copy(child.fd, as: path + [name], to: &sink)
      }
    case S_IFREG:
      copied.kind = .file(size: Int64(status.st_size))
      // The same file, whatever has its name now.
      let file = try Descriptor.open(procPath(entry), O_RDONLY | O_NOCTTY | O_NONBLOCK)
      _ = try sink.put(copied, from: file.fd)
    case S_IFLNK:
      copied.kind = .link(try Self.target(entry))
      _ = try sink.put(copied, from: nil)
    default: report("\(copied.name.text) is a device, a socket or a pipe, and is left out")
    }
  }

  private static func target(_ link: FileDescriptor) throws(SystemError) -> FileName {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = try check("readlink", "", readlinkat(link.rawValue, "", &buffer, buffer.count))
    return FileName(buffer.prefix(length).map(UInt8.init(bitPattern:)))
  }

  /// What proc(5), sysfs(5) and cgroup2 show is no file of anybody's.
  private func isKernels(_ directory: FileDescriptor) -> Bool {
    var status = statfs()
    guard fstatfs(directory.rawValue, &status) == 0 else { return false }
    // PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP2_SUPER_MAGIC, linux/magic.h
    return [0x9fa0, 0x6265_6572, 0x6367_7270].contains(Int(status.f_type))
  }
}
