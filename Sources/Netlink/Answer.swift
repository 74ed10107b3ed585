import Glibc
import Linux
import SystemPackage

/// One message of what the kernel answers.
struct Answer {
  let type: UInt16
  let flags: MessageFlags
  /// That of the request.
  let sequence: UInt32
  let payload: ArraySlice<UInt8>

  /// `NLMSG_ERROR`, which also says that all went well.
  static let acknowledgement: UInt16 = 2
  /// `NLMSG_DONE`
  static let endOfDump: UInt16 = 3

  /// The messages of one datagram.
  static func split(_ bytes: ArraySlice<UInt8>) -> [Answer] {
    var answers: [Answer] = []
    var rest = bytes
    while rest.count >= 16 {
      let length = Int(rest.integer(at: 0, as: UInt32.self))
      guard length >= 16, length <= rest.count else { break }
      answers.append(
        Answer(
          type: rest.integer(at: 4, as: UInt16.self),
          flags: MessageFlags(rawValue: rest.integer(at: 6, as: UInt16.self)),
          sequence: rest.integer(at: 8, as: UInt32.self),
          payload: rest.dropFirst(16).prefix(length - 16)))
      rest = rest.dropFirst((length + 3) & ~3)
    }
    return answers
  }

  /// Of an acknowledgement: why the kernel refuses; `nil` where it does not. It is a `struct nlmsgerr`:
  /// the negative errno, the header of the request, then attributes.
  func refusal(of request: String) -> NetlinkError? {
    guard payload.count >= 4 else { return NetlinkError(request: request, errno: .badMessage) }
    let code = payload.integer(at: 0, as: Int32.self)
    guard code != 0 else { return nil }
    var extack: String?
    if flags.contains(.extendedAcknowledgement), payload.count >= 20 {
      let requestLength = Int(payload.integer(at: 4, as: UInt32.self))
      let skipped = flags.contains(.capped) ? 20 : 4 + (max(16, requestLength) + 3) & ~3
      extack = Attributes(payload.dropFirst(skipped)).string(.errorMessage)
    }
    return NetlinkError(
      request: request, errno: Errno(rawValue: code == .min ? EINVAL : -code), extack: extack)
  }
}
