import CLinux
import Glibc
import Linux

/// Lets through what changes one of some interfaces, for a socket of `RTNLGRP_LINK`; see
/// ``LinkWatch/follow(_:)``. What it does not understand it lets through.
struct LinkFilter {
  private(set) var program: [sock_filter] = []

  // struct nlmsghdr and after it struct ifinfomsg, rtnetlink(7).
  private static let type: UInt32 = 4
  private static let family: UInt32 = 16
  private static let index: UInt32 = 20
  private static let flags: UInt32 = 24
  private static let attributes: UInt32 = 32

  init(_ links: [Link]) {
    // A message of one family (bridge, IPv6) tells of a part only.
    program += [
      .load(BPF_B, BPF_ABS, Self.family),
      sock_filter(BPF_JMP | BPF_JEQ | BPF_K, 0, ifTrue: 1),
      .end(taking: false),
    ]
    for link in links {
      let known = Self.steps(link)
      // A jump over a whole interface may be longer than a conditional one can be.
      program += [
        .load(BPF_W, BPF_ABS, Self.index),
        sock_filter(
          BPF_JMP | BPF_JEQ | BPF_K, UInt32(bitPattern: link.index).bigEndian, ifTrue: 1),
        sock_filter(BPF_JMP | BPF_JA, UInt32(known.count)),
      ]
      program += known
    }
    program.append(.end(taking: false))
  }

  /// Ends with what a message of this interface deserves. The kernel's numbers are in the machine's byte
  /// order, and are loaded in the network's.
  private static func steps(_ link: Link) -> [sock_filter] {
    var steps: [sock_filter] = []
    func expect(_ value: UInt32) {
      steps += [sock_filter(BPF_JMP | BPF_JEQ | BPF_K, value, ifTrue: 1), .end(taking: true)]
    }
    func find(_ attribute: Attribute) {
      steps += [
        sock_filter(BPF_LD | BPF_IMM, attributes),
        sock_filter(BPF_LDX | BPF_IMM, UInt32(attribute.rawValue)),
        .load(BPF_W, BPF_ABS, UInt32(bitPattern: SKF_AD_OFF + SKF_AD_NLATTR)),
        // 0: it is not there.
        sock_filter(BPF_JMP | BPF_JEQ | BPF_K, 0, ifFalse: 1),
        .end(taking: true),
        sock_filter(BPF_MISC | BPF_TAX, 0),
      ]
    }
    func expect(_ attribute: Attribute, _ bytes: [UInt8]) {
      find(attribute)
      steps.append(.load(BPF_H, BPF_IND, 0))
      expect(UInt32(UInt16(4 + bytes.count).bigEndian))
      for (place, byte) in bytes.enumerated() {
        steps.append(.load(BPF_B, BPF_IND, UInt32(4 + place)))
        expect(UInt32(byte))
      }
    }
    steps.append(.load(BPF_H, BPF_ABS, type))
    expect(UInt32(MessageType.newLink.rawValue.bigEndian))
    steps.append(.load(BPF_W, BPF_ABS, flags))
    steps.append(sock_filter(BPF_ALU | BPF_AND | BPF_K, UInt32(IFF_UP).bigEndian))
    expect((link.flags & UInt32(IFF_UP)).bigEndian)
    find(.linkMTU)
    steps.append(.load(BPF_W, BPF_IND, 4))
    expect(link.mtu.bigEndian)
    expect(.linkName, Array(link.name.utf8) + [0])
    expect(.linkAddress, link.hardwareAddress)
    steps.append(.end(taking: false))
    return steps
  }
}
