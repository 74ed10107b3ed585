import CLinux
import Glibc
import Linux
import Netlink
import Testing

@testable import Network

@Suite("address probe")
struct AddressProbeTests {
  private let own: [UInt8] = [0x02, 0, 0, 0, 0, 1]
  private let other: [UInt8] = [0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee]

  private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

  private func bytes(_ hex: String) throws -> [UInt8] {
    let digits = hex.filter { !$0.isWhitespace }
    var bytes: [UInt8] = []
    var rest = Substring(digits)
    while !rest.isEmpty {
      bytes.append(try #require(UInt8(rest.prefix(2), radix: 16)))
      rest = rest.dropFirst(2)
    }
    return bytes
  }

  private func arp(
    _ operation: UInt8, _ hardware: [UInt8], _ sender: [UInt8], _ target: [UInt8]
  ) -> [UInt8] {
    let head: [UInt8] = own + hardware + [8, 6, 0, 1, 8, 0, 6, 4, 0, operation]
    return head + hardware + sender + [0, 0, 0, 0, 0, 0] + target
  }

  /// An advertisement or solicitation with a right checksum.
  private func neighbour(
    _ type: UInt8, from source: String, to destination: String, flags: UInt8 = 0x20,
    target: String, options: [UInt8] = [], hopLimit: UInt8 = 255, code: UInt8 = 0
  ) throws -> [UInt8] {
    let source = try address(source).bytes
    let destination = try address(destination).bytes
    var message = [type, code, 0, 0, flags, 0, 0, 0] + (try address(target).bytes) + options
    let length = UInt8(message.count)
    let sum = Announcer.checksum(source + destination + [0, 0, 0, length, 0, 0, 0, 58] + message)
    message[2] = UInt8(sum >> 8)
    message[3] = UInt8(sum & 0xff)
    let header: [UInt8] = [0x60, 0, 0, 0, 0, length, 58, hopLimit] + source + destination
    return [0x33, 0x33, 0, 0, 0, 1] + other + [0x86, 0xdd] + header + message
  }

  private func conflict(_ frame: [UInt8]) -> AddressConflict? {
    AddressProbeFrames.conflict(in: frame, own: own)
  }

  @Test("an ARP probe is a broadcast request from 0.0.0.0, byte for byte")
  func arpProbe() throws {
    #expect(
      AddressProbeFrames.probe(try address("10.20.20.9"), from: own)
        == (try bytes(
          """
          ffffffffffff 020000000001 0806
          0001 0800 06 04 0001 020000000001 00000000 000000000000 0a141409
          """)))
  }

  @Test("an IPv6 probe is a solicitation from :: to the address's own group, byte for byte")
  func solicitation() throws {
    let frame = AddressProbeFrames.probe(try address("fd20::9"), from: own)
    #expect(
      Array(frame.prefix(54))
        == (try bytes(
          """
          3333ff000009 020000000001 86dd
          60000000 0018 3a ff
          00000000000000000000000000000000 ff0200000000000000000001ff000009
          """)))
    #expect(frame.count == 78)
    #expect(Array(frame[54..<56]) == [135, 0])
    #expect(Array(frame[58...]) == (try bytes("00000000 fd200000000000000000000000000009")))
    let pseudo = Array(frame[22..<54]) + [0, 0, 0, 24, 0, 0, 0, 58]
    #expect(Announcer.checksum(pseudo + frame[54...]) == 0)
    // The words' sum is 0x828a.
    #expect(Array(frame[56..<58]) == [0x7d, 0x75])
  }

  @Test("who answers an ARP probe has the address, and so has who asks from it")
  func arpAnswers() throws {
    let address = try address("10.20.20.9")
    let expected = AddressConflict(address: address, hardwareAddress: other, isClaim: false)
    #expect(conflict(arp(2, other, [10, 20, 20, 9], [0, 0, 0, 0])) == expected)
    #expect(conflict(arp(1, other, [10, 20, 20, 9], [10, 20, 20, 1])) == expected)
    #expect(
      expected.text(behind: "eth0")
        == "10.20.20.9 is in use on the LAN behind eth0, by 02:aa:bb:cc:dd:ee")
    // Padded to the least length of an Ethernet frame.
    let padding = [UInt8](repeating: 0, count: 18)
    #expect(conflict(arp(2, other, [10, 20, 20, 9], [0, 0, 0, 0]) + padding) == expected)
  }

  @Test("another's probe for the same address is a claim, a request for it is nothing")
  func simultaneous() throws {
    let address = try address("10.20.20.9")
    #expect(
      conflict(arp(1, other, [0, 0, 0, 0], [10, 20, 20, 9]))
        == AddressConflict(address: address, hardwareAddress: other, isClaim: true))
    let asked = conflict(arp(1, other, [10, 20, 20, 1], [10, 20, 20, 9]))
    #expect(asked?.address == (try self.address("10.20.20.1")))
    // An answer from no address is nonsense.
    #expect(conflict(arp(2, other, [0, 0, 0, 0], [10, 20, 20, 9])) == nil)
  }

  @Test("our own frames are no conflict, wherever they come back from")
  func ownFrames() throws {
    #expect(conflict(arp(1, own, [0, 0, 0, 0], [10, 20, 20, 9])) == nil)
    #expect(conflict(AddressProbeFrames.probe(try address("10.20.20.9"), from: own)) == nil)
    #expect(conflict(AddressProbeFrames.probe(try address("fd20::9"), from: own)) == nil)
    // A repeater that puts its own source on the frame.
    var relayed = arp(1, own, [0, 0, 0, 0], [10, 20, 20, 9])
    relayed.replaceSubrange(6..<12, with: other)
    #expect(conflict(relayed) == nil)
  }

  @Test("a neighbour advertisement says who has the address, by its option or by its source")
  func advertisement() throws {
    let option: [UInt8] = [2, 1, 2, 9, 9, 9, 9, 9]
    let address = try address("fd20::9")
    let frame = try neighbour(136, from: "fd20::9", to: "ff02::1", target: "fd20::9")
    #expect(
      conflict(frame) == AddressConflict(address: address, hardwareAddress: other, isClaim: false))
    let told = try neighbour(
      136, from: "fd20::9", to: "ff02::1", target: "fd20::9", options: option)
    #expect(conflict(told)?.hardwareAddress == [2, 9, 9, 9, 9, 9])
    #expect(conflict(Announcer.frame(address, other))?.hardwareAddress == other)
  }

  @Test("another's duplicate address detection is a claim; a resolution of the address is not")
  func detection() throws {
    let frame = AddressProbeFrames.probe(try address("fd20::9"), from: other)
    #expect(
      conflict(frame)
        == AddressConflict(
          address: try address("fd20::9"), hardwareAddress: other, isClaim: true))
    // Linux adds a nonce, RFC 7527.
    let nonce: [UInt8] = [14, 1, 1, 2, 3, 4, 5, 6]
    let group = "ff02::1:ff00:9"
    #expect(
      conflict(try neighbour(135, from: "::", to: group, target: "fd20::9", options: nonce))?
        .isClaim == true)
    #expect(conflict(try neighbour(135, from: "fd20::1", to: group, target: "fd20::9")) == nil)
  }

  @Test("neighbour messages that RFC 4861 says to drop are dropped")
  func invalidNeighbours() throws {
    let group = "ff02::1:ff00:9"
    let source: [UInt8] = [1, 1, 2, 9, 9, 9, 9, 9]
    let frames = [
      "hop limit": try neighbour(
        136, from: "fd20::9", to: "ff02::1", target: "fd20::9", hopLimit: 64),
      "code": try neighbour(136, from: "fd20::9", to: "ff02::1", target: "fd20::9", code: 1),
      "solicited to a group": try neighbour(
        136, from: "fd20::9", to: "ff02::1", flags: 0x60, target: "fd20::9"),
      "multicast target": try neighbour(136, from: "fd20::9", to: "ff02::1", target: "ff02::9"),
      "option of no length": try neighbour(
        136, from: "fd20::9", to: "ff02::1", target: "fd20::9", options: [2, 0, 0, 0, 0, 0, 0, 0]),
      "option too long": try neighbour(
        136, from: "fd20::9", to: "ff02::1", target: "fd20::9", options: [2, 2, 0, 0, 0, 0, 0, 0]),
      "half an option": try neighbour(
        136, from: "fd20::9", to: "ff02::1", target: "fd20::9", options: [2, 1, 0, 0]),
      "detection of another group": try neighbour(
        135, from: "::", to: "ff02::1:ff00:8", target: "fd20::9"),
      "detection with a source option": try neighbour(
        135, from: "::", to: group, target: "fd20::9", options: source),
      "router": try neighbour(134, from: "fd20::9", to: "ff02::1", target: "fd20::9"),
    ]
    for (what, frame) in frames { #expect(conflict(frame) == nil, "\(what)") }
    var damaged = try neighbour(136, from: "fd20::9", to: "ff02::1", target: "fd20::9")
    damaged[70] ^= 1
    #expect(conflict(damaged) == nil, "checksum")
  }

  @Test("a frame of any length and with any bit turned is read without harm")
  func hostileFrames() throws {
    let option: [UInt8] = [2, 1, 2, 9, 9, 9, 9, 9]
    let frames = [
      arp(2, other, [10, 20, 20, 9], [0, 0, 0, 0]),
      try neighbour(136, from: "fd20::9", to: "ff02::1", target: "fd20::9", options: option),
      AddressProbeFrames.probe(try address("fd20::9"), from: other),
    ]
    for frame in frames {
      for length in frame.indices { #expect(conflict(Array(frame[..<length])) == nil) }
      for index in frame.indices {
        for bit in 0..<8 {
          var turned = frame
          turned[index] ^= 1 << bit
          let length = turned.count
          // Whatever it is taken for, it stays within the frame; an IPv6 one is caught by its checksum
          // unless the bit is in what that does not cover.
          if frame[12] == 0x86, index >= 22, turned.count == length {
            #expect(conflict(turned) == nil, "byte \(index) bit \(bit)")
          } else {
            _ = conflict(turned)
          }
        }
      }
    }
    // A length of payload that the frame does not have.
    var lying = frames[1]
    lying[18] = 0xff
    #expect(conflict(lying) == nil)
  }

  @Test("the filter lets ARP and neighbour discovery through, and nothing else")
  func filter() throws {
    // A datagram socket runs it over what it receives as a packet socket does.
    var ends: [CInt] = [-1, -1]
    try check("socketpair", "", socketpair(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0, &ends))
    let from = Descriptor(owning: ends[0])
    let to = Descriptor(owning: ends[1])
    try to.setNonblocking()
    var program = PacketTap.filter
    let result = program.withUnsafeMutableBufferPointer { buffer in
      var filter = sock_fprog(len: UInt16(buffer.count), filter: buffer.baseAddress)
      return setsockopt(
        to.fd.rawValue, SOL_SOCKET, 26, &filter, socklen_t(MemoryLayout<sock_fprog>.size))
    }
    try check("setsockopt", "SO_ATTACH_FILTER", result)
    func passes(_ frame: [UInt8]) throws -> Bool {
      // EPERM is what a sender gets whose datagram the filter has dropped.
      _ = send(from.fd.rawValue, frame, frame.count, 0)
      return try PacketTap.receive(from: to.fd) == frame
    }
    #expect(try passes(arp(2, other, [10, 20, 20, 9], [0, 0, 0, 0])))
    #expect(try passes(AddressProbeFrames.probe(try address("fd20::9"), from: other)))
    #expect(try passes(neighbour(136, from: "fd20::9", to: "ff02::1", target: "fd20::9")))
    #expect(try !passes(neighbour(128, from: "fd20::9", to: "ff02::1", target: "fd20::9")))
    var udp = try neighbour(136, from: "fd20::9", to: "ff02::1", target: "fd20::9")
    udp[20] = 17
    #expect(try !passes(udp))
    var ipv4 = arp(2, other, [10, 20, 20, 9], [0, 0, 0, 0])
    ipv4[13] = 0
    #expect(try !passes(ipv4))
    #expect(try !passes([0x08]))
  }
}
