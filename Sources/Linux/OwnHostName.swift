import Glibc

/// The name of the host that this process is on, gethostname(2).
public func hostName() throws(SystemError) -> String {
  // HOST_NAME_MAX and the end of the string.
  var buffer = [CChar](repeating: 0, count: 65)
  try check("gethostname", "", gethostname(&buffer, buffer.count))
  return String(
    decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
