import Glibc

/// Gives a file new contents and leaves it the file that it is, which a bind mount of it needs; a
/// rename would put another in its place that is not seen through the mount.
///
/// It is one write(2). Where the old contents were longer, blank lines cover what is left of them
/// until they are cut off, so that a reader meanwhile finds no half line of a text.
///
/// - Returns: whether anything had to be changed.
@discardableResult
public func rewriteInPlace(_ bytes: [UInt8], of path: String) throws(SystemError) -> Bool {
  let file = try Descriptor.open(path, O_RDWR | O_NOFOLLOW | O_NOCTTY)
  let old = try readFile(file.fd, named: path)
  if old == bytes { return false }
  let blank = [UInt8](repeating: 0x0a, count: max(0, old.count - bytes.count))
  let whole = bytes + blank
  let written = whole.withUnsafeBytes {
    pwrite(file.fd.rawValue, $0.baseAddress, $0.count, 0)
  }
  try check("pwrite", path, written)
  guard written == whole.count else { throw SystemError("pwrite", path, errno: .noSpace) }
  try check("ftruncate", path, ftruncate(file.fd.rawValue, off_t(bytes.count)))
  return true
}
