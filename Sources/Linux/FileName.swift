import Glibc

/// A name of a file, a path, or where a link leads: bytes, since Linux knows of no encoding, and a
/// `String` would make something else of what is no UTF-8.
public struct FileName: Hashable, Comparable, Sendable {
  /// Without the zero at its end.
  public let bytes: [UInt8]

  /// - Parameter bytes: what follows a zero is left out, as the kernel does.
  public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes.prefix { $0 != 0 }) }

  public init(_ text: String) { self.init(text.utf8) }

  public init(_ name: UnsafePointer<CChar>) {
    bytes = UnsafeBufferPointer(start: name, count: strlen(name)).map(UInt8.init(bitPattern:))
  }

  /// For people: what is no UTF-8 shows as U+FFFD.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  public static func < (one: FileName, other: FileName) -> Bool {
    one.bytes.lexicographicallyPrecedes(other.bytes)
  }

  /// The names that a path is made of.
  public var components: [FileName] { bytes.split(separator: Self.slash).map { FileName($0) } }

  /// A path of names, from the one to the next.
  public init(joining names: some Sequence<FileName>) {
    bytes = Array(names.map(\.bytes).joined(separator: [Self.slash]))
  }

  public var isAbsolute: Bool { bytes.first == Self.slash }
  public var endsWithSlash: Bool { bytes.last == Self.slash }

  private static let slash = UInt8(ascii: "/")

  /// - Parameter body: gets the bytes with a zero at their end, which are valid during the call.
  public func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    (bytes + [0]).withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: CChar.self) { chars in
        // There is the zero at least.
        chars.baseAddress.map(body) ?? body("")
      }
    }
  }
}

/// The names in a directory, without `.` and `..`, sorted.
public func fileNames(in path: String) throws(SystemError) -> [FileName] {
  var names: [FileName] = []
  try walkDirectory(path) { name, _ in names.append(FileName(name)) }
  return names.sorted()
}
