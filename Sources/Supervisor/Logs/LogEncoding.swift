import Glibc

/// One of the two streams of a workload.
public enum LogStream: String, Sendable {
  case output = "stdout"
  case errors = "stderr"
}

/// The forms in which a line is written to a file. All work on memory that the caller has made large
/// enough, since a workload that prints a lot pays for each byte.
enum LogEncoding {
  /// `{"log":"…\n","stream":"stdout","time":"2026-11-25T03:16:53.000000001Z"}`, Docker's json-file.
  case json
  /// `2026-11-25T03:16:53.000000001Z stdout F …`, the format of Kubernetes' CRI; `P` for a part of a
  /// line that goes on.
  case plain

  /// How many bytes an encoded line has at most. Source: ``escape(_:_:to:)``.
  static func bound(_ count: Int) -> Int { 6 * count + 128 }

  /// Writes a line with its line feed, if it has one.
  ///
  /// - Parameters:
  ///   - time: of ``Timestamp/length`` bytes.
  ///   - target: has room for ``bound(_:)``.
  /// - Returns: how many bytes were written.
  func write(
    _ line: UnsafeRawBufferPointer, _ stream: LogStream, time: UnsafePointer<UInt8>,
    to target: UnsafeMutablePointer<UInt8>
  ) -> Int {
    var end = target
    func put(_ text: StaticString) {
      end.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
      end += text.utf8CodeUnitCount
    }
    func putTime() {
      end.update(from: time, count: Timestamp.length)
      end += Timestamp.length
    }
    switch self {
    case .json:
      put(#"{"log":""#)
      end += Self.escape(line, to: end)
      put(stream == .output ? #"","stream":"stdout","time":""# : #"","stream":"stderr","time":""#)
      putTime()
      put("\"}\n")
    case .plain:
      let isWhole = line.last == 0x0a
      putTime()
      put(stream == .output ? " stdout " : " stderr ")
      put(isWhole ? "F " : "P ")
      if let start = line.baseAddress { memcpy(end, start, line.count) }
      end += line.count
      if !isWhole { put("\n") }
    }
    return end - target
  }

  /// Writes text as a JSON string has it. What is not UTF-8 becomes U+FFFD.
  ///
  /// - Returns: how many bytes were written: six for each of the source's at most.
  static func escape(
    _ source: UnsafeRawBufferPointer, to target: UnsafeMutablePointer<UInt8>
  ) -> Int {
    var end = target
    var place = 0
    while place < source.count {
      if source.count - place >= 8 {
        let word = source.loadUnaligned(fromByteOffset: place, as: UInt64.self)
        // Written in any case: what is not plain is written over.
        UnsafeMutableRawPointer(end).storeBytes(of: word, as: UInt64.self)
        let plain = plainBytes(UInt64(littleEndian: word))
        place += plain
        end += plain
        if plain == 8 { continue }
      }
      let byte = source[place]
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        end[0] = UInt8(ascii: "\\")
        end[1] = byte
        end += 2
      case 0x20..<0x80:
        end[0] = byte
        end += 1
      case 0x80...:
        let length = utf8Length(source, at: place)
        if length > 0 {
          for index in 0..<length { end[index] = source[place + index] }
          end += length
          place += length - 1
        } else {
          (end[0], end[1], end[2]) = (0xef, 0xbf, 0xbd)
          end += 3
        }
      default: end += escapeControl(byte, to: end)
      }
      place += 1
    }
    return end - target
  }

  /// How many of eight bytes, from the lowest, stand for themselves in a JSON string and are ASCII.
  ///
  /// Source: "Determine if a word has a byte less than n", Bit Twiddling Hacks. A borrow spoils only
  /// what lies above the first hit.
  private static func plainBytes(_ word: UInt64) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
    let slashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
    let controls = (word &- (ones &* 0x20)) & ~word
    let special =
      (controls | ((quotes &- ones) & ~quotes) | ((slashes &- ones) & ~slashes) | word) & tops
    return special.trailingZeroBitCount / 8
  }

  private static func escapeControl(_ byte: UInt8, to end: UnsafeMutablePointer<UInt8>) -> Int {
    end[0] = UInt8(ascii: "\\")
    switch byte {
    case 0x08: end[1] = UInt8(ascii: "b")
    case 0x09: end[1] = UInt8(ascii: "t")
    case 0x0a: end[1] = UInt8(ascii: "n")
    case 0x0c: end[1] = UInt8(ascii: "f")
    case 0x0d: end[1] = UInt8(ascii: "r")
    default:
      let low = byte & 0xf
      (end[1], end[2], end[3]) = (UInt8(ascii: "u"), 0x30, 0x30)
      (end[4], end[5]) = (0x30 + (byte >> 4), low < 10 ? 0x30 + low : 0x57 + low)
      return 6
    }
    return 2
  }

  /// How long the UTF-8 sequence at a place is; 0 where there is none that is whole and right, RFC 3629.
  static func utf8Length(_ source: UnsafeRawBufferPointer, at place: Int) -> Int {
    func next(_ index: Int, _ range: ClosedRange<UInt8> = 0x80...0xbf) -> Bool {
      place + index < source.count && range.contains(source[place + index])
    }
    switch source[place] {
    case 0xc2...0xdf: return next(1) ? 2 : 0
    case 0xe0: return next(1, 0xa0...0xbf) && next(2) ? 3 : 0
    case 0xed: return next(1, 0x80...0x9f) && next(2) ? 3 : 0
    case 0xe1...0xef: return next(1) && next(2) ? 3 : 0
    case 0xf0: return next(1, 0x90...0xbf) && next(2) && next(3) ? 4 : 0
    case 0xf1...0xf3: return next(1) && next(2) && next(3) ? 4 : 0
    case 0xf4: return next(1, 0x80...0x8f) && next(2) && next(3) ? 4 : 0
    default: return 0
    }
  }
}
