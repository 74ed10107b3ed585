import Glibc
import Linux
import SystemPackage

/// Reads the lines of a file that others append to and that is now and then followed by a new one:
/// `path.2`, `path.1`, `path`, the oldest first.
public final class RotatedReader {
  private let path: String
  /// What is not read to its end, or may still be written to.
  private var files: [File] = []

  private final class File {
    let descriptor: Descriptor
    let identity: FileIdentity
    var position: off_t = 0
    /// The beginning of a line.
    var rest: [UInt8] = []
    /// Within a line that is too long to be one of ours.
    var skips = false

    init(_ path: String) throws(SystemError) {
      let descriptor = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      guard let identity = FileIdentity(descriptor.fd) else { throw SystemError("fstat", path) }
      self.descriptor = descriptor
      self.identity = identity
    }
  }

  /// Bytes; no line of ours is as long.
  private static let longestLine = 1 << 20
  private static let portion = 64 << 10

  /// None of the files needs to be there yet.
  public init(_ path: String) throws(SystemError) {
    self.path = path
    // A rotation between two looks shows in the last file.
    for _ in 0..<100 {
      files = try open(after: nil)
      if FileIdentity(path: path) == files.last?.identity { return }
    }
  }

  /// The files that are younger than one, or all, the oldest first.
  private func open(after known: FileIdentity?) throws(SystemError) -> [File] {
    let place = FilePath(path)
    let prefix = "\(place.lastComponent?.string ?? "")."
    let numbers = directoryEntries(place.removingLastComponent().string)
      .filter { $0.hasPrefix(prefix) }.compactMap { Int($0.dropFirst(prefix.count)) }
    var found: [File] = []
    for name in [path] + numbers.sorted().map({ "\(path).\($0)" }) {
      let file: File
      do throws(SystemError) { file = try File(name) } catch {
        if error.errno == .noSuchFileOrDirectory { continue }
        throw error
      }
      if file.identity == known { break }
      // In the middle of a rotation a file has two names.
      if found.last?.identity != file.identity { found.append(file) }
    }
    return found.reversed()
  }

  /// Leaves out all but the last lines.
  public func skip(toLast count: Int) throws(SystemError) {
    var wanted = count
    for index in files.indices.reversed() {
      guard let position = try Self.position(ofLast: &wanted, in: files[index]) else { continue }
      files[index].position = position
      files.removeFirst(index)
      return
    }
  }

  /// Where the last lines of a file begin.
  ///
  /// - Parameter wanted: how many; becomes how many more older files have to give.
  /// - Returns: `nil` where the file has fewer.
  private static func position(
    ofLast wanted: inout Int, in file: File
  ) throws(SystemError) -> off_t? {
    let fd = file.descriptor.fd.rawValue
    var end = try check("lseek", "", lseek(fd, 0, SEEK_END))
    var buffer = [UInt8](repeating: 0, count: portion)
    // Before the last line feed lies the last line.
    var hasEnd = false
    while end > 0 {
      let start = max(0, end - portion)
      let count = try check("read", "", pread(fd, &buffer, end - start, off_t(start)))
      for index in (0..<count).reversed() where buffer[index] == 0x0a {
        if hasEnd { wanted -= 1 }
        hasEnd = true
        if wanted == 0 { return off_t(start + index + 1) }
      }
      end = start
    }
    if hasEnd { wanted -= 1 }
    return hasEnd && wanted == 0 ? 0 : nil
  }

  /// Hands over each line that has come since the last call, without its line feed.
  public func read(_ body: (ArraySlice<UInt8>) throws -> Void) throws {
    // A line may have come into a file until it was followed, so what follows is asked for first.
    let identity = FileIdentity(path: path)
    if identity != files.last?.identity { files += try open(after: files.last?.identity) }
    for file in files { try read(file, body) }
    // Somebody may still write to the last but one.
    if files.count > 2 { files.removeFirst(files.count - 2) }
  }

  private func read(_ file: File, _ body: (ArraySlice<UInt8>) throws -> Void) throws {
    while true {
      let held = file.rest.count
      var bytes = file.rest
      bytes.reserveCapacity(held + Self.portion)
      bytes += repeatElement(0, count: Self.portion)
      let count = bytes.withUnsafeMutableBytes {
        pread(
          file.descriptor.fd.rawValue, $0.baseAddress.map { $0 + held }, Self.portion, file.position
        )
      }
      try check("read", path, count)
      if count == 0 { return }
      file.position += off_t(count)
      bytes.removeLast(Self.portion - count)
      var start = 0
      var search = held
      while let end = bytes[search...].firstIndex(of: 0x0a) {
        if !file.skips { try body(bytes[start..<end]) }
        file.skips = false
        start = end + 1
        search = start
      }
      file.rest = Array(bytes[start...])
      if file.rest.count > Self.longestLine {
        file.rest = []
        file.skips = true
      }
    }
  }
}
